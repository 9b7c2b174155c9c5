#include "tests/contract/hostd_libvirt/domains.hpp"

#include <fstream>
#include <iterator>
#include <poll.h>
#include <sys/inotify.h>

namespace hostd::libvirt {

namespace fs = std::filesystem;
using tests::Guest;

namespace {

/// The backing file of every disk, made once for each kind of guest.
fs::path image_of(const tests::PrivateLibvirt& libvirt, Guest guest)
{
    const auto disk = fs::path{tests::PrivateLibvirt::boxes} /
                      ("image" + std::to_string(static_cast<int>(guest)) + ".qcow2");
    if (!fs::exists(libvirt.outside(disk))) {
        const auto raw = disk.string() + ".raw";
        std::ofstream{libvirt.outside(raw), std::ios::binary} << tests::boot_sector(guest);
        fs::resize_file(libvirt.outside(raw), std::size_t{1} << 20U);
        libvirt.inside({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk});
    }
    return disk;
}

} // namespace

std::string content(const std::filesystem::path& file)
{
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

Domains::Domains()
{
    libvirt.start(); // A case that failed may have left it killed.
    hypervisor.observe([this](const DomainEvent& event) { events.add(event); });
    await(DomainEvent::Kind::connection_restored);
}

Domains::~Domains()
{
    libvirt.thaw();
    libvirt.start();
    // By virsh, not by what is tested.
    libvirt.inside({"sh",
                    "-c",
                    "for name in $(virsh -q list --name); do virsh -q destroy $name; done; "
                    "for name in $(virsh -q list --all --name); do virsh -q undefine --nvram "
                    "$name; done; "
                    "rm -rf /var/lib/libvirt/boxes/sbx-*"});
    BOOST_TEST(libvirt.remains() == "");
}

DomainSpec Domains::spec(Guest guest)
{
    DomainSpec spec;
    spec.sandbox.id = libvirt.fresh_id();
    spec.sandbox.tenant = "default";
    spec.sandbox.name = "web";
    spec.sandbox.image = common::ImageName{"tiny"};
    spec.sandbox.vcpus = 1;
    spec.sandbox.memory = common::Bytes::mib(16);
    spec.sandbox.network = NetworkMode::none;
    spec.spec_digest = digest_of(spec.sandbox);
    spec.generation = 1;
    spec.request = "req-1";
    spec.image.name = spec.sandbox.image;
    spec.image.boot = Boot::bios;
    spec.image.disk = image_of(libvirt, guest);
    const auto folder = fs::path{tests::PrivateLibvirt::boxes} / spec.sandbox.id.str();
    spec.files = {folder,
                  folder / "overlay.qcow2",
                  folder / "nvram.fd",
                  folder / "console.log",
                  folder / "agent.sock"};
    spec.accel = Accel::tcg;
    spec.cpu_model = "qemu64";
    spec.created_at = common::from_unix_us(1'700'000'000'000'001);
    libvirt.inside({"install", "-d", "-m", "755", "-o", "libvirt-qemu", folder});
    libvirt.inside({"qemu-img",
                    "create",
                    "-q",
                    "-f",
                    "qcow2",
                    "-F",
                    "qcow2",
                    "-b",
                    spec.image.disk,
                    spec.files.overlay});
    return spec;
}

DomainSpec Domains::defined(Guest guest)
{
    auto made = spec(guest);
    must(hypervisor.define(made));
    return made;
}

DomainSpec Domains::running(Guest guest)
{
    auto made = defined(guest);
    must(hypervisor.start(made.sandbox.id));
    await(made.sandbox.id, DomainState::running);
    return made;
}

void Domains::await(const common::SandboxId& id, DomainState wanted)
{
    events.take_until([&](const DomainEvent& event) {
        return event.kind == DomainEvent::Kind::domain_changed && event.sandbox == id &&
               state(id) == wanted;
    });
}

void Domains::await(DomainEvent::Kind kind)
{
    events.take_until([kind](const DomainEvent& event) { return event.kind == kind; });
}

void Domains::await_up(const DomainSpec& spec) const
{
    const auto console = libvirt.outside(spec.files.console_log);
    const common::UniqueFd changes{::inotify_init1(IN_CLOEXEC)};
    BOOST_REQUIRE(::inotify_add_watch(changes.get(), console.c_str(), IN_MODIFY) >= 0);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (content(console).find("up\n") == std::string::npos) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        BOOST_REQUIRE_MESSAGE(left.count() > 0,
                              "the guest is not up; console: " + content(console));
        pollfd wanted{changes.get(), POLLIN, 0};
        if (::poll(&wanted, 1, static_cast<int>(left.count())) == 1) {
            std::array<char, 4096> read_away{};
            BOOST_REQUIRE(::read(changes.get(), read_away.data(), read_away.size()) > 0);
        }
    }
}

DomainState Domains::state(const common::SandboxId& id) const
{
    const auto record = hypervisor.find(id);
    return record ? record->state : DomainState::unknown;
}

std::string Domains::virsh(std::vector<std::string> argv, std::string input) const
{
    argv.insert(argv.begin(), {"virsh", "-q"});
    return libvirt.inside(std::move(argv), std::move(input));
}

} // namespace hostd::libvirt
