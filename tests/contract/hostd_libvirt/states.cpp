#include "tests/contract/hostd_libvirt/states.hpp"

#include "hostd/libvirt/metadata.hpp"

#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace hostd::libvirt {

namespace fs = std::filesystem;
using tests::Guest;

States::States()
{
    fs::permissions(folder(), fs::perms{0755});
    // QEMU writes its memory into it.
    fs::create_directory(folder() / "dumps");
    libvirt.inside({"chown", "libvirt-qemu", folder() / "dumps"});
}

States::~States()
{
    // Before the folder goes with all their files.
    libvirt.inside(
        {"sh", "-c", "for name in $(virsh -q list --name); do virsh -q destroy $name; done"});
}

DomainRecord States::placed(DomainRecord record, const fs::path& box)
{
    fs::create_directory(box);
    fs::permissions(box, fs::perms{0755});
    record.files = {box, box / "overlay.qcow2", box / "nvram.fd", box / "console.log", box / "a"};
    return record;
}

DomainSpec States::counting(common::Bytes memory, const NetLease& net)
{
    auto made = spec(Guest::waits_for_the_button);
    made.sandbox.memory = memory;
    made.net = net;
    made.sandbox.network = net.network.empty() ? NetworkMode::none : NetworkMode::isolated;
    const auto box = folder() / made.sandbox.id.str();
    made.files = placed({}, box).files;
    libvirt.inside({"qemu-img",
                    "create",
                    "-q",
                    "-f",
                    "qcow2",
                    "-F",
                    "qcow2",
                    "-b",
                    made.image.disk,
                    made.files.overlay});
    must(hypervisor.define(made));
    must(hypervisor.start(made.sandbox.id));
    await_up(made);
    return made;
}

DomainRecord States::clone_of(const DomainSpec& source)
{
    auto record = record_of(source);
    record.sandbox.id = libvirt.fresh_id();
    record.sandbox.name = "clone";
    record = placed(record, folder() / record.sandbox.id.str());
    libvirt.inside({"qemu-img",
                    "create",
                    "-q",
                    "-f",
                    "qcow2",
                    "-F",
                    "qcow2",
                    "-b",
                    source.image.disk,
                    record.files.overlay});
    return record;
}

DomainRecord States::next_of(const DomainRecord& source, std::uint64_t incarnation)
{
    auto record = source;
    record.incarnation = incarnation;
    const auto tag = ".g" + std::to_string(incarnation);
    record.files.overlay = source.files.folder / ("overlay" + tag + ".qcow2");
    record.files.console_log = source.files.folder / ("console" + tag + ".log");
    record.files.agent_socket = source.files.folder / ("a" + tag);
    libvirt.inside({"cp", source.files.overlay, record.files.overlay});
    return record;
}

StateFiles States::files(const std::string& name)
{
    const auto box = folder() / name;
    fs::create_directory(box);
    fs::permissions(box, fs::perms{0755});
    return {box, box / "memory", box / "device", box / "domain"};
}

CaptureRequest States::request(const common::SandboxId& id, const std::string& name)
{
    CaptureRequest request;
    request.id = id;
    request.files = files(name);
    return request;
}

fs::path States::branch(const fs::path& top, const std::string& name)
{
    const auto layer = folder() / (name + ".layer.qcow2");
    const auto new_top = top.parent_path() / (name + ".qcow2");
    fs::create_hard_link(top, layer);
    libvirt.inside({"qemu-img",
                    "create",
                    "-q",
                    "-u",
                    "-f",
                    "qcow2",
                    "-F",
                    "qcow2",
                    "-b",
                    layer,
                    new_top,
                    "1M"});
    return new_top;
}

std::string States::pmemsave(const std::string& domain_name, std::uint64_t from, std::uint64_t size)
{
    const auto file = folder() / "dumps" / domain_name;
    virsh({"qemu-monitor-command",
           domain_name,
           fmt::format(R"({{"execute":"pmemsave","arguments":)"
                       R"({{"val":{},"size":{},"filename":"{}"}}}})",
                       from,
                       size,
                       file.string())});
    auto memory = content(file);
    BOOST_REQUIRE(memory.size() == size);
    return memory;
}

std::string States::memory_of(const std::string& domain_name)
{
    if (status(domain_name) == "running") {
        virsh({"suspend", domain_name});
    }
    return pmemsave(domain_name, 0, common::Bytes::mib(16).count());
}

std::uint32_t States::ticks_of(const std::string& domain_name)
{
    // Where the firmware counts the timer's ticks, 18 a second.
    const auto bytes = pmemsave(domain_name, 0x46C, sizeof(std::uint32_t));
    std::uint32_t ticks = 0;
    std::memcpy(&ticks, bytes.data(), sizeof ticks);
    return ticks;
}

void States::await_ticks(const std::string& domain_name, std::uint32_t least)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (ticks_of(domain_name) < least) {
        BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline,
                              domain_name + " stands still");
    }
}

void States::await_counting(const std::string& domain_name)
{
    await_ticks(domain_name, ticks_of(domain_name) + 1);
}

std::string States::status(const std::string& domain_name)
{
    const auto reply = nlohmann::json::parse(
        virsh({"qemu-monitor-command", domain_name, R"({"execute":"query-status"})"}));
    return reply.at("return").at("status").get<std::string>();
}

std::string States::last_change_of(const std::string& domain_name)
{
    const auto words = virsh({"domstate", "--reason", domain_name});
    return words.substr(0, words.find('\n'));
}

void damage(const fs::path& file)
{
    const auto size = fs::file_size(file);
    std::fstream stream{file, std::ios::binary | std::ios::in | std::ios::out};
    stream.seekp(static_cast<std::streamoff>(size / 2));
    stream << std::string(size / 4, '\x5a');
}

} // namespace hostd::libvirt
