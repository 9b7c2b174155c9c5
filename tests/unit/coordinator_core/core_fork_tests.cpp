#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

using namespace tests;

namespace {

struct ForkFixture : CheckpointFixture {
    static ForkRequest children(unsigned count, const std::string& from = {})
    {
        ForkRequest what;
        what.count = count;
        what.from_snapshot = from;
        return what;
    }
    /// Answers the checkpoint that a fork takes first.
    SnapshotId checkpoint()
    {
        const auto sent = expect<SnapshotOnHost>();
        answer(sent, made(sent));
        return snapshot_in(sent);
    }
    /// Hosts whose image has this kind of agent.
    void run_with_agent(const std::string& agent)
    {
        run();
        auto has = facts("h1");
        has.images.front().agent = agent;
        link.say(coordinator::HostConnected{HostName{"h1"}, "run-h1", has});
        inventory("h1", {}, {});
        settle();
    }
    void expect_delete_of(const SnapshotId& id)
    {
        const auto sent = expect<DeleteSnapshotOnHost>();
        BOOST_TEST(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot.str() == id.str());
        answer(sent, std::monostate{});
        await_status(id, Status::deleted);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_fork_tests, ForkFixture)

BOOST_AUTO_TEST_CASE(children_go_on_from_one_checkpoint_that_is_gone_afterwards)
{
    run_with({"h1", "h2"});
    auto what = request("mother");
    what.labels = {{"team", "red"}, {"n", "0"}};
    what.env = {{"A", "b"}};
    what.ttl = std::chrono::hours{1};
    const auto source = running(what);
    auto how = children(2);
    how.name_prefix = "kid";
    how.agent_id = "other";
    how.labels = {{"n", "1"}};
    auto asked = fork(source.id, how);
    const auto sent = expect<SnapshotOnHost>();
    BOOST_TEST(std::get<SnapshotOnHost>(sent.command.what).memory);
    const auto from = snapshot_in(sent);
    BOOST_TEST(store.checkpoint(from)->hidden);
    answer(sent, made(sent));
    for (const auto* name : {"kid-1", "kid-2"}) {
        const auto make = expect<CreateOnHost>();
        const auto& one = std::get<CreateOnHost>(make.command.what);
        BOOST_TEST(make.host.str() == source.host.str());
        BOOST_TEST(one.from_snapshot->str() == from.str());
        BOOST_TEST(one.start);
        BOOST_TEST(one.sandbox.name == name);
        BOOST_TEST(one.sandbox.agent_id == "other");
        BOOST_TEST(one.sandbox.labels.at("team") == "red");
        BOOST_TEST(one.sandbox.labels.at("n") == "1");
        BOOST_TEST(one.sandbox.env.at("A") == "b");
        BOOST_TEST(one.sandbox.generation == 1U);
        BOOST_CHECK(one.sandbox.wants == coordinator::scheduler::Wants{});
        BOOST_TEST((one.sandbox.expires_at > source.created_at + std::chrono::minutes{59}));
        BOOST_TEST(core->snapshots(me, source.id, {})->total == 0U);
        done(make, one.sandbox.id, Phase::running);
    }
    const auto fork = asked.get();
    BOOST_REQUIRE(fork.has_value());
    BOOST_TEST(fork->has_memory);
    BOOST_TEST(fork->source_paused.count() == 1500);
    BOOST_REQUIRE(fork->children.size() == 2U);
    for (const auto& child : fork->children) {
        BOOST_REQUIRE(child.result.has_value());
        BOOST_CHECK(child.result->phase == Phase::running);
        BOOST_TEST(child.result->id.str() == child.id.str());
        BOOST_CHECK(store.sandbox(child.id)->phase == Phase::running);
    }
    BOOST_TEST(fork->children[0].result->name == "kid-1");
    expect_delete_of(from);
    const auto rows = store.audit_of(source.id.str());
    BOOST_TEST(std::ranges::count(rows, "sandbox.fork intent") == 1);
    BOOST_TEST(std::ranges::count(rows, "sandbox.fork ok") == 1);
}

BOOST_AUTO_TEST_CASE(a_child_is_of_its_sources_group_though_it_begins_beside_it)
{
    run_with({"h1", "h2"});
    auto what = request();
    what.wants.group = "web";
    const auto source = running(what);
    auto asked = fork(source.id, children(1));
    const auto from = checkpoint();
    const auto make = expect<CreateOnHost>();
    const auto child = std::get<CreateOnHost>(make.command.what).sandbox;
    BOOST_TEST(child.host.str() == source.host.str());
    BOOST_TEST(child.wants.group == "web");
    BOOST_TEST(!child.wants.apart);
    done(make, child.id, Phase::running);
    BOOST_REQUIRE(asked.get());
    expect_delete_of(from);
    BOOST_CHECK(store.sandbox(child.id)->wants == child.wants);
    auto gone = destroy(source.id);
    done(expect<DestroyOnHost>(), source.id, Phase::destroyed);
    BOOST_REQUIRE(gone.get());
    BOOST_TEST(running(what).host.str() != child.host.str()); // The child is there.
}

BOOST_AUTO_TEST_CASE(a_child_that_fails_leaves_the_others_alone)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = fork(id, children(3));
    const auto from = checkpoint();
    const auto first = expect<CreateOnHost>();
    const auto second = expect<CreateOnHost>();
    const auto third = expect<CreateOnHost>();
    refuse(second, ErrorCode::resource_exhausted, "disk_full");
    done(first, id_in(first), Phase::running);
    done(third, id_in(third), Phase::running);
    const auto fork = asked.get();
    BOOST_REQUIRE(fork->children.size() == 3U);
    BOOST_TEST(fork->children[0].result.has_value());
    BOOST_TEST(reason_of(fork->children[1].result) == "disk_full");
    BOOST_TEST(fork->children[2].result.has_value());
    BOOST_CHECK(store.sandbox(id_in(second))->phase == Phase::destroyed);
    expect_delete_of(from);
}

BOOST_AUTO_TEST_CASE(as_many_are_made_as_the_host_has_room_for)
{
    run_with({"h1", "h2"}); // The other one has room, and does not have the checkpoint.
    const auto source = running();
    auto asked = fork(source.id, children(5));
    const auto from = checkpoint();
    for (int i = 0; i < 3; ++i) {
        const auto sent = expect<CreateOnHost>();
        BOOST_TEST(core->host(me, source.host)->used_memory.mib() <= 1000U);
        done(sent, id_in(sent), Phase::running);
    }
    const auto fork = asked.get();
    for (std::size_t i = 0; i < 5; ++i) {
        BOOST_TEST(reason_of(fork->children[i].result) == (i < 3 ? "ok" : "no_capacity"));
    }
    BOOST_TEST(core->host(me, source.host)->used_memory.mib() == 1000U);
    expect_delete_of(from);
    BOOST_TEST(reason_of(this->fork(source.id, children(1)).get()) == "no_capacity");
    BOOST_TEST(link.commands.empty()); // It did not even stand still for that.
}

BOOST_AUTO_TEST_CASE(from_a_snapshot_in_any_state_and_that_stays)
{
    run_with({"h1"});
    const auto id = stopped();
    const auto one = taken(id, "disk");
    auto asked = fork(id, children(1, "disk"));
    const auto sent = expect<CreateOnHost>();
    BOOST_TEST(std::get<CreateOnHost>(sent.command.what).from_snapshot->str() == one.id.str());
    BOOST_TEST(reason_of(forget(id, "disk").get()) == "snapshot_in_use");
    done(sent, id_in(sent), Phase::running);
    const auto fork = asked.get();
    BOOST_TEST(!fork->has_memory);
    BOOST_TEST(fork->source_paused.count() == 0);
    BOOST_TEST(fork->children[0].result.has_value());
    auto gone = forget(id, "disk");
    answer(expect<DeleteSnapshotOnHost>(), std::monostate{});
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(reason_of(this->fork(id, children(1, "disk")).get()) == "unknown_snapshot");
    BOOST_TEST(reason_of(this->fork(id, children(1)).get()) == "wrong_state");
    BOOST_TEST(reason_of(this->fork(id, children(0, "disk")).get()) == "invalid_argument");
    BOOST_TEST(reason_of(this->fork(id, children(33, "disk")).get()) == "invalid_argument");
    BOOST_CHECK(core->fork(other, id, children(1)).error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_clone_that_could_not_be_told_who_it_is_is_not_made)
{
    run_with_agent("qemu");
    const auto id = running().id;
    const auto refused = fork(id, children(1)).get();
    BOOST_TEST(reason_of(refused) == "no_agent");
    BOOST_CHECK(refused.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(link.commands.empty());
    taken(id, "memory");
    BOOST_TEST(reason_of(fork(id, children(1, "memory")).get()) == "no_agent");
    taken(id, "disk", false);
    auto asked = fork(id, children(1, "disk"));
    const auto sent = expect<CreateOnHost>();
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(asked.get()->children[0].result.has_value());
}

BOOST_AUTO_TEST_CASE(a_fork_that_was_not_written_or_whose_checkpoint_failed_makes_nothing)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(fork(id, children(2)).get()) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    store.recover();
    auto asked = fork(id, children(2));
    refuse(expect<SnapshotOnHost>(), ErrorCode::resource_exhausted, "disk_full");
    BOOST_TEST(reason_of(asked.get()) == "disk_full");
    eventually([&] { return store.audit_of(id.str()).back() == "sandbox.fork disk_full"; },
               "the row of its end");
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(core->list(me, {})->total == 1U);
}

BOOST_AUTO_TEST_CASE(children_that_were_not_written_never_were)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = fork(id, children(2));
    const auto sent = expect<SnapshotOnHost>();
    store.fail(ErrorCode::unavailable, [](const FakeStore::Changes& changes) {
        return !changes.empty() && std::holds_alternative<Sandbox>(changes.front());
    });
    answer(sent, made(sent));
    const auto fork = asked.get();
    for (const auto& child : fork->children) {
        BOOST_TEST(reason_of(child.result) == "database_unavailable");
        BOOST_TEST(!store.sandbox(child.id).has_value());
    }
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 250U);
    expect_delete_of(snapshot_in(sent));
}

BOOST_AUTO_TEST_CASE(a_taken_name_is_its_childs_own_failure)
{
    run_with({"h1"});
    const auto id = running().id;
    running(request("kid-1"));
    auto how = children(2);
    how.name_prefix = "kid";
    auto asked = fork(id, how);
    checkpoint();
    const auto sent = expect<CreateOnHost>();
    done(sent, id_in(sent), Phase::running);
    const auto fork = asked.get();
    BOOST_TEST(reason_of(fork->children[0].result) == "name_taken");
    BOOST_TEST(fork->children[1].result->name == "kid-2");
}

BOOST_AUTO_TEST_CASE(who_waits_too_long_is_told_of_those_that_are_there)
{
    settings.boot_timeout = std::chrono::seconds{1};
    settings.grace = std::chrono::seconds{2};
    settings.snapshot_timeout = std::chrono::seconds{10};
    run_with({"h1"});
    const auto id = running().id;
    auto asked = fork(id, children(2));
    const auto from = checkpoint();
    const auto first = expect<CreateOnHost>();
    const auto second = expect<CreateOnHost>();
    done(first, id_in(first), Phase::running);
    const auto fork = asked.get();
    BOOST_TEST(fork->children[0].result.has_value());
    BOOST_TEST(reason_of(fork->children[1].result) == "outcome_unknown");
    BOOST_TEST(link.commands.empty()); // The second one may be loading it.
    done(second, id_in(second), Phase::running);
    await(id_in(second), Phase::running);
    expect_delete_of(from);
}

BOOST_AUTO_TEST_CASE(checkpoints_of_forks_that_a_restart_cut_off_are_deleted)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = fork(id, children(1));
    const auto from = checkpoint();
    const auto sent = expect<CreateOnHost>();
    auto second = fork(id, children(1));
    const auto taking = snapshot_in(expect<SnapshotOnHost>());
    crash_and_restart();
    BOOST_TEST(!asked.get().has_value());
    BOOST_TEST(!second.get().has_value());
    connect("h1",
            {report(id, Phase::running), report(id_in(sent), Phase::running)},
            {made(id, from, "fork-x"), made(id, taking, ".fork-y")});
    for (int i = 0; i < 2; ++i) {
        answer(expect<DeleteSnapshotOnHost>(), std::monostate{});
    }
    await_status(from, Status::deleted);
    await_status(taking, Status::deleted);
    BOOST_CHECK(now(id_in(sent)).phase == Phase::running);
}

BOOST_AUTO_TEST_SUITE_END()
