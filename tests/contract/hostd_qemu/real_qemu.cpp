#include "tests/contract/hostd_qemu/real_qemu.hpp"

#include "common/process/process.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>

namespace tests {

using common::UniqueFd;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds patience{60};
constexpr int qmp_fd = 3;
constexpr int console_fd = 4;

std::vector<std::string> command_line(const std::string& machine)
{
    return {"qemu-system-x86_64",
            "-machine",
            "pc-q35-7.2,accel=tcg" + machine,
            "-m",
            std::to_string(RealQemu::ram >> 20U),
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-device",
            "VGA",
            "-chardev",
            "socket,id=qmp,fd=3",
            "-mon",
            "chardev=qmp,mode=control",
            "-chardev",
            "socket,id=console,fd=4",
            "-device",
            "isa-debugcon,iobase=0x402,chardev=console"};
}

/// In the child: descriptors at their numbers, then QEMU.
[[noreturn]] void become_qemu(std::vector<char*>& argv, int qmp, int console, int stream)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Out of the way of the numbers that they get.
    const std::array<std::pair<int, int>, 3> moved{
        {{::fcntl(qmp, F_DUPFD, 10), qmp_fd},
         {::fcntl(console, F_DUPFD, 10), console_fd},
         {stream < 0 ? -1 : ::fcntl(stream, F_DUPFD, 10), RealQemu::stream_fd}}};
    for (const auto& [from, to] : moved) {
        if (from >= 0) {
            ::dup2(from, to);
            ::close(from);
        }
    }
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

void await_readable(int fd, Clock::time_point deadline, const std::string& what)
{
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wanted{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wanted, 1, static_cast<int>(left.count())) <= 0) {
        throw std::runtime_error{"QEMU did not " + what};
    }
}

/// Adds what there is to `text`.
void read_some(int fd, std::string& text, const std::string& what)
{
    await_readable(fd, Clock::now() + patience, what);
    std::array<char, 4096> bytes{};
    const auto got = ::read(fd, bytes.data(), bytes.size());
    if (got <= 0) {
        throw std::runtime_error{"QEMU ended and did not " + what};
    }
    text.append(bytes.data(), static_cast<std::size_t>(got));
}

void send_with(int socket, std::string text, int descriptor)
{
    iovec bytes{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
    if (descriptor >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    if (::sendmsg(socket, &message, MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
        throw std::system_error{errno, std::generic_category(), "send to QEMU: " + text};
    }
}

} // namespace

std::pair<UniqueFd, UniqueFd> socket_pair()
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw std::system_error{errno, std::generic_category(), "socketpair"};
    }
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

std::string content(const std::string& file)
{
    std::string text(std::filesystem::file_size(file), '\0');
    std::ifstream in{file, std::ios::binary};
    if (!in.read(text.data(), static_cast<std::streamsize>(text.size()))) {
        throw std::runtime_error{"cannot read " + file};
    }
    return text;
}

RealQemu::RealQemu(const std::string& machine,
                   std::vector<std::string> more_arguments,
                   UniqueFd stream)
{
    auto arguments = command_line(machine);
    std::move(more_arguments.begin(), more_arguments.end(), std::back_inserter(arguments));
    std::vector<char*> argv;
    for (auto& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    auto [our_qmp, its_qmp] = socket_pair();
    auto [our_console, its_console] = socket_pair();
    pid_ = ::fork();
    if (pid_ == 0) {
        become_qemu(argv, its_qmp.get(), its_console.get(), stream.get());
    }
    qmp_ = std::move(our_qmp);
    console_ = std::move(our_console);
    its_qmp.reset();
    its_console.reset();
    line(); // Its greeting.
    ask("qmp_capabilities");
}

RealQemu::~RealQemu()
{
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

std::string RealQemu::line()
{
    std::string::size_type end = 0;
    while ((end = unread_.find('\n')) == std::string::npos) {
        read_some(qmp_.get(), unread_, "answer");
    }
    auto found = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return found;
}

json RealQemu::ask(const std::string& command, const json& arguments, int descriptor)
{
    send_with(
        qmp_.get(), json{{"execute", command}, {"arguments", arguments}}.dump() + "\n", descriptor);
    for (;;) {
        const auto said = json::parse(line());
        if (said.contains("return")) {
            return said["return"];
        }
        if (said.contains("error")) {
            throw std::runtime_error{command + ": " + said.dump()};
        }
    }
}

std::string RealQemu::await(const std::string& query,
                            const std::string& field,
                            const std::vector<std::string>& values)
{
    for (const auto deadline = Clock::now() + patience; Clock::now() < deadline;) {
        const auto found = ask(query).value(field, "");
        if (std::find(values.begin(), values.end(), found) != values.end()) {
            return found;
        }
    }
    throw std::runtime_error{query + " never came to " + json(values).dump()};
}

void RealQemu::await_firmware()
{
    std::string text;
    while (text.find("No bootable device") == std::string::npos) {
        read_some(console_.get(), text, "run its firmware");
    }
}

std::string RealQemu::ticks()
{
    // The BIOS data area counts timer interrupts here.
    return ask("human-monitor-command", {{"command-line", "xp /1wx 0x46c"}}).get<std::string>();
}

void RealQemu::await_tick()
{
    const auto before = ticks();
    for (const auto deadline = Clock::now() + patience; ticks() == before;) {
        if (Clock::now() >= deadline) {
            throw std::runtime_error{"the firmware stands still"};
        }
    }
}

UniqueFd RealQemu::send_state()
{
    auto [ours, its] = socket_pair();
    ask("migrate-set-parameters", {{"max-bandwidth", std::uint64_t{1} << 40U}});
    ask("getfd", {{"fdname", "state"}}, its.get());
    ask("migrate", {{"uri", "fd:state"}});
    return std::move(ours);
}

std::string RealQemu::memory(const std::string& scratch_file)
{
    ask("pmemsave", {{"val", 0}, {"size", ram}, {"filename", scratch_file}});
    return content(scratch_file);
}

SkipWithoutQemu::SkipWithoutQemu()
{
    const auto version = common::process::run({{"qemu-system-x86_64", "--version"}});
    if (!version || version->status != 0) {
        std::puts("SKIPPED: these tests need qemu-system-x86_64");
        std::fflush(stdout);
        ::_exit(77);
    }
}

} // namespace tests
