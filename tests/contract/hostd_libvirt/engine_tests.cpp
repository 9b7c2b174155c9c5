#include "hostd/libvirt/metadata.hpp"
#include "tests/contract/hostd_libvirt/states.hpp"

#include <boost/mpl/list.hpp>

// What every StateEngine promises.

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
namespace fs = std::filesystem;
using Then = CaptureRequest::Then;
using Memory = CaptureRequest::Memory;

namespace {

using Engines = boost::mpl::list<FastEngine, PortableEngine>;

template <typename Engine>
struct Tried : States {
    Engine tried{hypervisor.connections()};

    /// The file that its guest cannot be loaded without, in pieces.
    void damage_state(const StateFiles& files)
    {
        damage(tried.kind() == EngineKind::fast ? files.device : files.memory);
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(engine_tests)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_guest_that_goes_on_writes_to_its_new_top_and_nowhere_else,
                              Engine,
                              Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    BOOST_TEST(must(box.hypervisor.top_of(id)) == source.files.overlay);
    for (const auto* name : {"one", "two", "three"}) {
        const auto top = must(box.hypervisor.top_of(id));
        auto wanted = box.request(id, name);
        wanted.new_top = box.branch(top, name);
        wanted.memory = std::string_view{name} == "three" ? Memory::without : Memory::with;
        const auto captured = must(box.tried.capture(wanted));
        BOOST_TEST(captured.branched);
        BOOST_TEST(captured.paused.count() > 0);
        BOOST_TEST(fs::exists(wanted.files.memory) == (wanted.memory == Memory::with));
        BOOST_TEST(must(box.hypervisor.top_of(id)) == *wanted.new_top);
        fs::remove(top); // It has its other name, as a layer.
        box.await_counting(id.str());
    }
    // What is defined has a chain that exists.
    must(box.hypervisor.kill(id));
    must(box.hypervisor.start(id));
    BOOST_TEST(must(box.hypervisor.top_of(id)).filename() == "three.qcow2");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_paused_guest_stays_paused_however_often_it_is_captured,
                              Engine,
                              Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    must(box.hypervisor.pause(id));
    for (const auto* name : {"one", "two", "three"}) {
        auto wanted = box.request(id, name);
        wanted.new_top = box.branch(must(box.hypervisor.top_of(id)), name);
        must(box.tried.capture(wanted));
        BOOST_CHECK(box.state(id) == DomainState::paused);
        BOOST_TEST(box.status(id.str()) != "running");
    }
    auto disk_only = box.request(id, "four");
    disk_only.memory = Memory::without;
    disk_only.new_top = box.branch(must(box.hypervisor.top_of(id)), "four");
    must(box.tried.capture(disk_only));
    BOOST_CHECK(box.state(id) == DomainState::paused);
    must(box.hypervisor.start(id));
    box.await_counting(id.str());
    BOOST_TEST(must(box.hypervisor.top_of(id)).filename() == "four.qcow2");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_suspended_runs_on_as_itself, Engine, Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    auto wanted = box.request(id, "suspended");
    wanted.then = Then::stay_paused;
    must(box.tried.capture(wanted));
    BOOST_CHECK(box.state(id) == DomainState::paused);
    const auto expected = box.memory_of(id.str());
    must(box.hypervisor.kill(id));
    const auto uuid = box.virsh({"domuuid", id.str()});

    auto record = must(box.hypervisor.find(id));
    record.generation = 9;
    must(box.tried.load({record, wanted.files}));
    BOOST_TEST(box.virsh({"domuuid", id.str()}) == uuid);
    BOOST_TEST(must(box.hypervisor.find(id)).generation == 9U);
    BOOST_CHECK(box.state(id) == DomainState::running);
    box.await_counting(id.str());
    BOOST_TEST((box.memory_of(id.str()).substr(0x7C00, 512) == expected.substr(0x7C00, 512)));
    refused(box.tried.load({record, wanted.files}), ErrorCode::already_exists);

    must(box.hypervisor.kill(id));
    BOOST_TEST(must(box.hypervisor.find(id)).generation == 9U);
    must(box.hypervisor.start(id)); // From its disk, as ever.
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_guest_that_was_captured_to_stay_paused_can_go_on, Engine, Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    auto wanted = box.request(id, "suspended");
    wanted.then = Then::stay_paused;
    must(box.tried.capture(wanted));
    must(box.hypervisor.start(id));
    BOOST_TEST(box.last_change_of(id.str()) == "running (unpaused)");
    box.await_counting(id.str());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_suspended_guest_that_cannot_be_loaded_stays_as_it_was,
                              Engine,
                              Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    auto wanted = box.request(id, "suspended");
    wanted.then = Then::stay_paused;
    must(box.tried.capture(wanted));
    must(box.hypervisor.kill(id));
    const auto before = box.virsh({"dumpxml", "--inactive", id.str()});
    box.damage_state(wanted.files);
    auto record = must(box.hypervisor.find(id));
    record.generation = 9;
    const auto error =
        refused(box.tried.load({record, wanted.files}), ErrorCode::failed_precondition);
    BOOST_TEST(error.reason == "state_incompatible", error.message);
    BOOST_TEST(box.virsh({"dumpxml", "--inactive", id.str()}) == before);
    BOOST_CHECK(box.state(id) != DomainState::running);
    must(box.hypervisor.start(id));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_guest_is_replaced_by_what_it_was_and_the_old_one_can_go,
                              Engine,
                              Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    const auto wanted = box.request(id, "one");
    must(box.tried.capture(wanted));
    const auto captured_by = box.ticks_of(id.str());
    box.await_ticks(id.str(), captured_by + 60); // Some seconds.
    // Twice: what it was belongs to nobody.
    auto record = record_of(source);
    for (const std::uint64_t incarnation : {2U, 3U}) {
        record = box.next_of(record, incarnation);
        const auto begun = std::chrono::steady_clock::now();
        must(box.tried.replace({record, wanted.files}));
        must(box.hypervisor.pause(id));
        const auto ran = std::chrono::steady_clock::now() - begun;
        const auto found = must(box.hypervisor.find(id));
        BOOST_TEST(found.incarnation == incarnation);
        // The one that it replaced had counted 60 more, and would have gone on.
        const auto counted = static_cast<std::uint32_t>(ran / std::chrono::milliseconds{50});
        BOOST_TEST(box.ticks_of(found.domain_name) < captured_by + 40 + counted);
        BOOST_TEST(must(box.hypervisor.top_of(id)) == record.files.overlay);
        BOOST_CHECK(found.files.agent_socket == record.files.agent_socket);

        must(box.hypervisor.keep_only(id, incarnation));
        must(box.hypervisor.keep_only(id, incarnation));
        const auto left = must(box.hypervisor.list());
        BOOST_REQUIRE(left.size() == 1U);
        BOOST_TEST(left[0].incarnation == incarnation);
        must(box.hypervisor.start(id));
        box.await_ticks(found.domain_name, captured_by + 60);
    }
    BOOST_TEST(fs::exists(source.files.overlay));
    // What is defined is what it is now.
    must(box.hypervisor.kill(id));
    BOOST_TEST(must(box.hypervisor.top_of(id)) == record.files.overlay);
    BOOST_TEST(must(box.hypervisor.find(id)).incarnation == 3U);
    must(box.hypervisor.start(id));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stopped_guest_is_what_it_was, Engine, Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    const auto wanted = box.request(id, "one");
    must(box.tried.capture(wanted));
    must(box.hypervisor.kill(id));
    const auto next = box.next_of(record_of(source), 2);
    must(box.tried.load({next, wanted.files}));
    must(box.hypervisor.keep_only(id, 2));
    const auto left = must(box.hypervisor.list());
    BOOST_REQUIRE(left.size() == 1U);
    BOOST_TEST(left[0].incarnation == 2U);
    BOOST_CHECK(left[0].state == DomainState::running);
    BOOST_TEST(must(box.hypervisor.top_of(id)) == next.files.overlay);
    box.await_counting(left[0].domain_name);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_replacement_that_fails_leaves_the_old_one_as_it_was,
                              Engine,
                              Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    const auto wanted = box.request(id, "one");
    must(box.tried.capture(wanted));
    box.damage_state(wanted.files);
    const auto next = box.next_of(record_of(source), 2);
    const auto before = box.virsh({"dumpxml", "--inactive", id.str()});

    const auto error =
        refused(box.tried.replace({next, wanted.files}), ErrorCode::failed_precondition);
    BOOST_TEST(error.reason == "state_incompatible", error.message);
    BOOST_TEST(must(box.hypervisor.list()).size() == 1U);
    BOOST_CHECK(box.state(id) == DomainState::running);
    BOOST_TEST(box.last_change_of(id.str()) != "running (booted)");
    BOOST_TEST(must(box.hypervisor.find(id)).incarnation == 1U);
    box.await_counting(id.str());

    must(box.hypervisor.pause(id));
    refused(box.tried.replace({next, wanted.files}), ErrorCode::failed_precondition);
    BOOST_CHECK(box.state(id) == DomainState::paused);
    BOOST_TEST(must(box.hypervisor.list()).size() == 1U);
    BOOST_TEST(!fs::exists(next.files.agent_socket));
    BOOST_TEST(box.virsh({"dumpxml", "--inactive", id.str()}) == before);
    must(box.hypervisor.start(id));
    box.await_counting(id.str());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_branch_that_libvirt_refuses_leaves_the_guest_running_on_its_old_top,
                              Engine,
                              Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    auto wanted = box.request(id, "one");
    wanted.new_top = box.folder() / "missing.qcow2";
    const auto captured = box.tried.capture(wanted);
    BOOST_TEST(captured.error.has_value());
    BOOST_TEST(!captured.branched);
    BOOST_TEST(must(box.hypervisor.top_of(id)) == source.files.overlay);
    BOOST_CHECK(box.state(id) == DomainState::running);
    box.await_counting(id.str());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stopped_guest_has_a_disk_and_no_memory, Engine, Engines)
{
    Tried<Engine> box;
    const auto source = box.counting();
    const auto& id = source.sandbox.id;
    must(box.hypervisor.kill(id));
    auto wanted = box.request(id, "one");
    wanted.new_top = box.branch(source.files.overlay, "one");
    const auto refusal = box.tried.capture(wanted);
    BOOST_REQUIRE(refusal.error);
    BOOST_CHECK(refusal.error->code == ErrorCode::failed_precondition);
    BOOST_TEST(!refusal.branched);

    wanted.memory = Memory::without;
    BOOST_TEST(must(box.tried.capture(wanted)).branched);
    fs::remove(source.files.overlay);
    BOOST_TEST(must(box.hypervisor.top_of(id)) == *wanted.new_top);
    must(box.hypervisor.start(id));
    refused(box.hypervisor.set_top(id, source.files.overlay), ErrorCode::failed_precondition);
}

BOOST_AUTO_TEST_SUITE_END()
