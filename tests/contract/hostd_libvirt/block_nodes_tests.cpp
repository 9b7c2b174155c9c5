#include "tests/contract/hostd_libvirt/states.hpp"

#include <fmt/format.h>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
namespace fs = std::filesystem;

namespace {

/// What a libvirtd does with QEMU that is killed before it has written any of it down.
class ForgottenBranch : public States {
public:
    void tell_qemu(const common::SandboxId& id, const std::string& request)
    {
        const auto reply = virsh({"qemu-monitor-command", id.str(), request});
        BOOST_REQUIRE_MESSAGE(reply.find("\"return\"") != std::string::npos, reply);
    }
    void open_storage(const common::SandboxId& id, int number, const fs::path& file)
    {
        tell_qemu(id,
                  fmt::format(R"({{"execute":"blockdev-add","arguments":{{"driver":"file",)"
                              R"("filename":"{}","node-name":"libvirt-{}-storage",)"
                              R"("auto-read-only":true,"discard":"unmap"}}}})",
                              file.string(),
                              number));
    }
    void open_format(const common::SandboxId& id, int number)
    {
        tell_qemu(id,
                  fmt::format(R"({{"execute":"blockdev-add","arguments":{{"driver":"qcow2",)"
                              R"("node-name":"libvirt-{0}-format","backing":null,)"
                              R"("file":"libvirt-{0}-storage"}}}})",
                              number));
    }
    void branch_to(const common::SandboxId& id, int from, int to)
    {
        tell_qemu(id,
                  fmt::format(R"({{"execute":"blockdev-snapshot","arguments":{{)"
                              R"("node":"libvirt-{}-format","overlay":"libvirt-{}-format"}}}})",
                              from,
                              to));
    }
    /// 64 KiB of sevens, as if the guest had written them.
    void write_sevens(const common::SandboxId& id)
    {
        // QEMU prints what becomes of it to its own log.
        virsh({"qemu-monitor-command",
               id.str(),
               "--hmp",
               R"(qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "write -P 7 0 64k")"});
    }
    CaptureRequest branching(const common::SandboxId& id, const std::string& name)
    {
        auto wanted = request(id, name);
        wanted.new_top = branch(must(hypervisor.top_of(id)), name);
        return wanted;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(block_nodes_tests, ForgottenBranch)

BOOST_AUTO_TEST_CASE(a_branch_that_libvirt_never_heard_of_is_undone_and_nothing_is_lost)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto top = must(hypervisor.top_of(id));
    const auto lost = branch(top, "lost");
    libvirt.inside({"chown", "libvirt-qemu", lost});
    open_storage(id, 3, lost);
    open_format(id, 3);
    branch_to(id, 1, 3);
    write_sevens(id);
    BOOST_TEST(must(hypervisor.top_of(id)) == lost);

    must(hypervisor.bring_disk_into_step(id, source.incarnation));
    BOOST_TEST(must(hypervisor.top_of(id)) == top);
    fs::remove(lost);
    must(hypervisor.bring_disk_into_step(id, source.incarnation)); // Nothing to do.
    const auto taken = branching(id, "taken");
    must(engine.capture(taken));
    BOOST_TEST(must(hypervisor.top_of(id)) == *taken.new_top);
    await_counting(id.str());
    must(hypervisor.kill(id));
    libvirt.inside({"qemu-io", "-r", "-f", "qcow2", "-c", "read -P 7 0 64k", *taken.new_top});
    must(hypervisor.start(id));
}

BOOST_AUTO_TEST_CASE(a_capture_that_fails_for_it_undoes_it_and_takes_away_what_is_left_over)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto top = must(hypervisor.top_of(id));
    must(hypervisor.pause(id));
    const auto lost = branch(top, "lost");
    const auto never = branch(top, "never");
    libvirt.inside({"chown", "libvirt-qemu", lost, never});
    open_storage(id, 3, lost);
    open_format(id, 3);
    branch_to(id, 1, 3);
    open_storage(id, 4, never);
    open_format(id, 4);
    open_storage(id, 5, never);
    fs::remove(never);

    auto wanted = request(id, "taken");
    wanted.new_top = branch(top, "taken");
    const auto failed = engine.capture(wanted);
    BOOST_TEST(failed.error.has_value());
    BOOST_TEST(!failed.branched);
    BOOST_TEST(!failed.unsure);
    BOOST_TEST(must(hypervisor.top_of(id)) == top);
    wanted.files = files("again");
    must(engine.capture(wanted));
    BOOST_TEST(must(hypervisor.top_of(id)) == *wanted.new_top);
    must(hypervisor.start(id));
    await_counting(id.str());
    const auto nodes =
        virsh({"qemu-monitor-command",
               id.str(),
               R"({"execute":"query-named-block-nodes","arguments":{"flat":true}})"});
    BOOST_TEST(nodes.find(lost.string()) == std::string::npos);
    BOOST_TEST(nodes.find(never.string()) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(
    the_next_start_is_from_what_is_written_to_after_a_capture_and_after_one_that_failed)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto boots_from = [&](const fs::path& file) {
        const auto defined = virsh({"dumpxml", "--inactive", id.str()});
        return defined.find("<source file='" + file.string() + "'") != std::string::npos;
    };
    const auto top = must(hypervisor.top_of(id));
    auto wanted = branching(id, "one");
    fs::create_directory(wanted.files.memory); // It cannot be written.
    const auto failed = engine.capture(wanted);
    BOOST_TEST(failed.error.has_value());
    BOOST_TEST(!failed.branched);
    BOOST_TEST(!failed.unsure);
    BOOST_TEST(boots_from(top));
    fs::remove(wanted.files.memory);
    must(engine.capture(wanted));
    BOOST_TEST(boots_from(*wanted.new_top));
    await_counting(id.str());
}

BOOST_AUTO_TEST_CASE(a_disk_that_cannot_be_brought_into_step_goes_on_and_its_next_start_is_from_it)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto top = must(hypervisor.top_of(id));
    const auto lost = branch(top, "lost");
    const auto next = branch(top, "next");
    libvirt.inside({"chown", "libvirt-qemu", lost});
    open_storage(id, 3, lost);
    open_format(id, 3);
    branch_to(id, 1, 3);
    libvirt.inside({"chown", "root", top}); // Nothing can be committed to it.
    libvirt.inside({"chmod", "0444", top});
    auto wanted = request(id, "next");
    wanted.new_top = next;
    const auto captured = engine.capture(wanted);
    BOOST_TEST(captured.error.has_value());
    BOOST_TEST(!captured.branched);
    BOOST_TEST(captured.unsure); // Both files stay.
    const auto why = refused(hypervisor.bring_disk_into_step(id, source.incarnation),
                             ErrorCode::failed_precondition);
    BOOST_TEST(why.stable_reason() == "disk_out_of_step");
    BOOST_TEST(must(hypervisor.top_of(id)) == lost);
    const auto defined = virsh({"dumpxml", "--inactive", id.str()});
    BOOST_TEST(defined.find("<source file='" + lost.string() + "'") != std::string::npos);
    await_counting(id.str());
}

BOOST_AUTO_TEST_SUITE_END()
