#include "common/tenant.hpp"
#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::ClaimCommand;
using hostd::DomainState;
using hostd::SnapshotCommand;
using hostd::StartCommand;

namespace {

struct WarmFixture : ServiceFixture {
    static hostd::CreateCommand warm_create(const std::string& id)
    {
        auto what = create(id);
        what.spec.tenant = common::pool_tenant;
        what.warm = true;
        return what;
    }
    hostd::Answer warm(const std::string& id) { return ask("op-warm-" + id, warm_create(id)); }
    static ClaimCommand claim(const std::string& id,
                              std::chrono::milliseconds timeout = std::chrono::seconds{20})
    {
        return {common::SandboxId{id}, "t", "mine", timeout};
    }
    hostd::DomainRecord record(const std::string& id)
    {
        return world.locked([&] { return world.domains.at(common::SandboxId{id}); });
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_warming_tests, WarmFixture)

BOOST_AUTO_TEST_CASE(a_warm_one_has_run_a_command_and_stands_still)
{
    run();
    const auto answer = warm("sbx-1");
    BOOST_CHECK(phase_in(answer) == Phase::paused);
    for (const auto* run : {"op-warm-sbx-1-5", "op-warm-sbx-1-1"}) {
        BOOST_TEST(guests.execs(common::OperationId{run}) == 1U);
        BOOST_TEST(guests.acknowledged(common::OperationId{run}));
    }
    BOOST_TEST(guests.frozen(id("sbx-1")));
    BOOST_CHECK(record("sbx-1").state == DomainState::paused);
    // Sent again, also to a hostd that has forgotten: it is what was wanted already.
    BOOST_CHECK(phase_in(ask("op-2", warm_create("sbx-1"))) == Phase::paused);
    restart();
    BOOST_CHECK(phase_in(ask("op-3", warm_create("sbx-1"))) == Phase::paused);
    BOOST_CHECK(record("sbx-1").state == DomainState::paused);
}

BOOST_AUTO_TEST_CASE(a_hostd_that_died_before_it_was_paused_makes_it_warm_again)
{
    guests.answer_execs(false);
    run();
    submit("op-1", warm_create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::running));
    service.reset();
    guests.answer_execs(true);
    run();
    BOOST_CHECK(phase_in(ask("op-1", warm_create("sbx-1"))) == Phase::paused);
}

BOOST_AUTO_TEST_CASE(one_in_which_no_command_runs_is_not_warm)
{
    guests.answer_execs(false);
    run();
    submit("op-1", warm_create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::running));
    BOOST_REQUIRE(uplink.answers.empty());
    const common::OperationId operation{"op-1-5"};
    guests.finish(operation, common::Error{ErrorCode::timeout, "no answer", "outcome_unknown"});
    const auto failed = answer_of("op-1");
    BOOST_CHECK(failed.error->code == ErrorCode::timeout);
    BOOST_TEST(!failed.undone);
}

BOOST_AUTO_TEST_CASE(a_claimed_one_is_somebodys_under_their_name)
{
    run();
    static_cast<void>(warm("sbx-1"));
    const auto answer = ask("op-1", claim("sbx-1"), 2);
    BOOST_CHECK(phase_in(answer) == Phase::running);
    const auto& status = std::get<hostd::SandboxStatus>(answer.value);
    BOOST_TEST(status.spec.tenant == "t");
    BOOST_TEST(status.spec.name == "mine");
    BOOST_TEST(status.spec_digest == hostd::digest_of(status.spec));
    BOOST_TEST(status.generation == 2U);
    BOOST_TEST(guests.identity(id("sbx-1")).hostname == "mine");
    BOOST_TEST(!guests.frozen(id("sbx-1")));
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls"), 2).error);
    const auto kept = record("sbx-1");
    BOOST_TEST(kept.sandbox.tenant == "t");
    BOOST_TEST(kept.generation == 2U);
    // Sent again; and whoever comes too late.
    BOOST_CHECK(phase_in(ask("op-3", claim("sbx-1"), 2)) == Phase::running);
    auto other = claim("sbx-1");
    other.tenant = "u";
    BOOST_CHECK(ask("op-4", other, 3).error->code == ErrorCode::already_exists);
    BOOST_CHECK(ask("op-5", claim("sbx-2")).error->code == ErrorCode::not_found);
    restart();
    BOOST_TEST(first_inventory.at(0).spec.name == "mine");
}

BOOST_AUTO_TEST_CASE(a_claim_that_was_cut_short_goes_on)
{
    run();
    static_cast<void>(warm("sbx-1"));
    world.fail("go_on", {ErrorCode::unavailable, "libvirt is away"});
    BOOST_CHECK(ask("op-1", claim("sbx-1"), 2).error->code == ErrorCode::unavailable);
    BOOST_TEST(record("sbx-1").sandbox.tenant == common::pool_tenant);
    restart();
    BOOST_CHECK(phase_in(ask("op-1", claim("sbx-1"), 2)) == Phase::running);
    BOOST_TEST(guests.identity(id("sbx-1")).hostname == "mine");
}

/// Nobody knows whose it is: it runs, and is nobody's.
BOOST_AUTO_TEST_CASE(a_hostd_that_died_before_it_wrote_down_whose_it_is_gives_it_to_nobody)
{
    run();
    static_cast<void>(warm("sbx-1"));
    world.fail("set_owner", {ErrorCode::unavailable, "libvirt is away"});
    BOOST_CHECK(ask("op-1", claim("sbx-1"), 2).error->code == ErrorCode::unavailable);
    restart();
    BOOST_TEST(ask("op-1", claim("sbx-1"), 2).error->reason == "not_warm");
}

BOOST_AUTO_TEST_CASE(one_that_does_not_stand_ready_is_not_given_to_anybody)
{
    run();
    static_cast<void>(warm("sbx-1"));
    hypervisor.changed(id("sbx-1"), DomainState::stopped);
    static_cast<void>(await("sbx-1", Phase::stopped));
    BOOST_TEST(ask("op-1", claim("sbx-1"), 2).error->reason == "not_warm");
    // Nor one that somebody let go on, until its disk was full.
    static_cast<void>(warm("sbx-2"));
    hypervisor.changed(id("sbx-2"), DomainState::running);
    static_cast<void>(await("sbx-2", Phase::running));
    hypervisor.changed(id("sbx-2"), DomainState::paused_by_disk_error);
    static_cast<void>(await("sbx-2", Phase::paused));
    BOOST_TEST(ask("op-2", claim("sbx-2"), 2).error->reason == "not_warm");
}

BOOST_AUTO_TEST_CASE(one_whose_guest_says_nothing_is_told_to_be_dead)
{
    run();
    static_cast<void>(warm("sbx-1"));
    guests.say_hello(false);
    const auto answer = ask("op-1", claim("sbx-1", std::chrono::milliseconds{20}), 2);
    BOOST_CHECK(answer.error->code == ErrorCode::timeout);
}

/// What the pools keep may be cloned for anybody, and nothing else.
BOOST_AUTO_TEST_CASE(a_clone_of_what_was_nobodys_may_be_somebodys)
{
    run();
    static_cast<void>(warm("sbx-1"));
    BOOST_TEST(
        !ask("op-1", SnapshotCommand{id("sbx-1"), common::SnapshotId{"snp-1"}, "source", {}, true})
             .error);
    auto clone = create("sbx-2");
    clone.spec.tenant = "t";
    clone.from_snapshot = common::SnapshotId{"snp-1"};
    BOOST_CHECK(phase_in(ask("op-2", clone)) == Phase::running);
    BOOST_TEST(
        !ask("op-3", SnapshotCommand{id("sbx-2"), common::SnapshotId{"snp-2"}, "theirs", {}, true})
             .error);
    clone.spec = spec("sbx-3");
    clone.spec.tenant = "u";
    clone.from_snapshot = common::SnapshotId{"snp-2"};
    BOOST_CHECK(ask("op-4", clone).error->code == ErrorCode::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
