#include "tests/contract/guest_freeze/tiny_vm.hpp"

#include "common/process/process.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tests {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void skip(const std::string& why)
{
    std::printf("skipped: %s\n", why.c_str());
    std::fflush(stdout);
    ::_exit(77); // What ctest counts as skipped.
}

/// Made of this build's agent, unless one is named.
fs::path image()
{
    static const fs::path made = [] {
        if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) {
            skip("there is no qemu-system-x86_64");
        }
        const fs::path source{PADDOCK_SOURCE};
        const auto* named = std::getenv("PADDOCK_IMAGE");
        const auto folder = named != nullptr ? fs::path{named} : source / "build/tiny";
        const auto built = common::process::run_checked(
            {{source / "tools/build-tiny-image", folder, PADDOCK_AGENT},
             "",
             std::chrono::minutes{3}});
        if (!built) {
            skip("no tiny image could be made: " + built.error().message);
        }
        return folder;
    }();
    return made;
}

std::string command_line()
{
    std::ifstream file{image() / "image.json"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const std::string key = "\"cmdline\": \"";
    const auto from = text.find(key) + key.size();
    return text.substr(from, text.find('"', from) - from) + " mitigations=off";
}

/// One line to QEMU's monitor; returns when it has answered with its next prompt.
void tell_monitor(const fs::path& path, const std::string& line)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const common::UniqueFd monitor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(monitor.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::write(monitor.get(), (line + "\n").data(), line.size() + 1) < 0) {
        throw std::runtime_error{"no monitor at " + path.string()};
    }
    std::string said;
    const std::string prompt = "(qemu) ";
    for (int prompts = 0; prompts < 2;) {
        pollfd item{monitor.get(), POLLIN, 0};
        char piece[4096];
        const auto count =
            ::poll(&item, 1, 120'000) == 1 ? ::read(monitor.get(), piece, sizeof piece) : 0;
        if (count <= 0) {
            throw std::runtime_error{"the monitor did not answer '" + line + "': " + said};
        }
        said.append(piece, static_cast<std::size_t>(count));
        prompts = 0;
        for (auto at = said.find(prompt); at != std::string::npos; at = said.find(prompt, at + 1)) {
            ++prompts;
        }
    }
}

} // namespace

TinyVm::TinyVm()
{
    must(common::process::run_checked({{"qemu-img",
                                        "create",
                                        "-q",
                                        "-f",
                                        "qcow2",
                                        "-F",
                                        "qcow2",
                                        "-b",
                                        image() / "disk.qcow2",
                                        folder_.path() / "disk.qcow2"}}));
    launch("");
    greet();
}

TinyVm::TinyVm(const TinyVm& original)
{
    fs::copy_file(original.folder_.path() / "disk.qcow2", folder_.path() / "disk.qcow2");
    launch("exec:cat " + (original.folder_.path() / "memory").string());
}

TinyVm::~TinyVm()
{
    end(SIGKILL);
}

void TinyVm::end(int signal)
{
    if (const auto pid = std::exchange(pid_, 0); pid > 0) {
        ::kill(pid, signal);
        ::waitpid(pid, nullptr, 0);
    }
}

void TinyVm::launch(const std::string& incoming)
{
    const auto at = [this](const char* name) { return (folder_.path() / name).string(); };
    std::vector<std::string> argv{"qemu-system-x86_64",
                                  "-machine",
                                  "q35",
                                  "-accel",
                                  "tcg", // Where /dev/kvm is, guests need not run on it.
                                  "-cpu",
                                  "max",
                                  "-m",
                                  "256",
                                  "-nodefaults",
                                  "-no-user-config",
                                  "-display",
                                  "none",
                                  "-kernel",
                                  image() / "kernel",
                                  "-initrd",
                                  image() / "initrd",
                                  "-append",
                                  command_line(),
                                  "-drive",
                                  "file=" + at("disk.qcow2") + ",if=virtio,format=qcow2",
                                  "-netdev",
                                  "user,id=n,restrict=on",
                                  "-device",
                                  "virtio-net-pci,netdev=n,mac=52:54:00:00:00:01,romfile=",
                                  "-device",
                                  "virtio-serial-pci",
                                  "-chardev",
                                  "socket,id=a,server=on,wait=off,path=" + at("agent"),
                                  "-device",
                                  "virtserialport,chardev=a,name=org.paddock.agent.0",
                                  "-monitor",
                                  "unix:" + at("monitor") + ",server=on,wait=off",
                                  "-serial",
                                  "file:" + at("console")};
    if (!incoming.empty()) {
        argv.insert(argv.end(), {"-incoming", incoming});
    }
    std::vector<char*> pointers;
    for (auto& argument : argv) {
        pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    if (::posix_spawnp(&pid_, pointers[0], nullptr, nullptr, pointers.data(), environ) != 0) {
        throw std::runtime_error{"start QEMU"};
    }
    client.emplace(must(test::AgentClient::connect(at("agent"), soon())));
}

void TinyVm::save()
{
    client.reset();
    tell_monitor(folder_.path() / "monitor",
                 "migrate \"exec:cat >" + (folder_.path() / "memory").string() + "\"");
    end(SIGTERM); // It closes its disk.
}

test::AgentClient::Deadline TinyVm::soon()
{
    return std::chrono::steady_clock::now() + std::chrono::seconds{180};
}

proto::GuestHello TinyVm::greet()
{
    return must(client->greet(soon()));
}

proto::GuestFrame TinyVm::next_frame()
{
    return must(client->next(soon()));
}

proto::GuestFrozen TinyVm::freeze()
{
    send(0, proto::GuestFreeze{1});
    return next<proto::GuestFrozen>();
}

void TinyVm::become(const proto::GuestBecome& self)
{
    send(0, self);
    const auto became = next<proto::GuestBecame>();
    if (became.identity != self.identity) {
        throw std::runtime_error{"it became " + became.identity};
    }
}

std::string TinyVm::run(const std::string& line)
{
    proto::GuestExec exec;
    exec.operation_id = "op-" + std::to_string(execs_++) + "-" + std::to_string(pid_);
    exec.shell = line;
    exec.user = "root";
    exec.output_limit_bytes = 65536;
    auto outcome = must(client->exec(exec, soon()));
    outcome.out.resize(outcome.out.find_last_not_of('\n') + 1);
    return outcome.out;
}

void TinyVm::start(std::uint32_t stream, const std::string& line)
{
    proto::GuestExec exec;
    exec.operation_id = "op-background-" + std::to_string(stream);
    exec.shell = line;
    exec.user = "root";
    exec.output_limit_bytes = 65536;
    send(stream, exec);
    static_cast<void>(next<proto::GuestStarted>());
}

} // namespace tests
