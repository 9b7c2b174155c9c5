#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>
#include <utility>

using namespace tests;

namespace {

coordinator::Image an_image(const std::string& name)
{
    return {common::ImageName{name},
            "sha256:" + hostile(),
            common::Bytes{1},
            common::Bytes::gib(10),
            "direct",
            hostile(),
            2,
            common::Bytes::mib(512),
            {common::HostName{"h1"}, common::HostName{"h2"}},
            at(5),
            hostile(),
            common::SnapshotId{"snp-aaaaaaaaaaaaaaaa"},
            common::ImageId{"img-aaaaaaaaaaaaaaaa"},
            hostile()};
}

coordinator::Host a_host()
{
    coordinator::Host host;
    host.name = common::HostName{"h1"};
    host.health = coordinator::HostHealth::suspect;
    host.wish = {true, coordinator::Drain{at(7), at(8)}, {{"rack", hostile()}, {"empty", ""}}};
    host.facts.hostname = hostile();
    host.facts.accel_reason = hostile();
    host.facts.state_engine = "portable";
    host.facts.state_engine_reason = hostile();
    host.facts.network_cidr = "10.0.0.0/24";
    host.facts.cores = 8;
    host.facts.memory = common::Bytes::gib(64);
    host.facts.capacity_vcpus = 64;
    host.facts.load1 = 0.1;
    host.facts.fence_after = std::chrono::seconds{60};
    host.facts.fence_action = "pause";
    host.facts.warnings = {"", hostile(), "NULL"};
    host.facts.images = {an_image("tiny"), an_image("full")};
    host.used_vcpus = 3;
    host.last_seen = at(9);
    host.first_seen = at(0);
    return host;
}

} // namespace

BOOST_AUTO_TEST_SUITE(round_trip_tests)

BOOST_AUTO_TEST_CASE(a_sandbox_comes_back_as_it_was_written)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto box = a_sandbox();
    box.name = box.error = box.agent_id = box.tenant = box.pool = hostile();
    box.pool_source = true;
    box.moving_to = common::HostName{"h2" + hostile()};
    box.left_host = common::HostName{"h3" + hostile()};
    box.remains_on = {common::HostName{"h4"}, common::HostName{hostile()}};
    box.labels = {{hostile(), ""}, {"", hostile()}, {"team", "red"}};
    box.wants = {{{"rack", hostile()}}, {"gpu", hostile(), "'"}, "tcg", hostile(), "rack", false};
    box.replicas = {2, std::chrono::seconds{90}, false};
    box.env = {{"TOKEN", hostile()}, {"QUOTE", "'"}};
    box.files = {{"/"}, {hostile(), "{a,\"b\"}"}, {}};
    box.ttl = std::chrono::seconds{60};
    box.expires_at = at(60'000'000);
    box.overhead = common::Bytes::mib(70);
    box.network = coordinator::NetworkMode::isolated;
    box.disk = coordinator::DiskKind::ephemeral;
    box.timings_us = {{"place", 12}, {"boot", 4'000'000'000'000}};
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {box})) == "ok");
        box.phase = coordinator::Phase::lost;
        BOOST_TEST(told(write(*store, {box, an_audit_row()})) == "ok");
    }
    auto store = PgStore::open(settings);
    BOOST_REQUIRE_EQUAL(told(store), "ok");
    const auto snapshot = (*store)->load();
    BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
    BOOST_REQUIRE(snapshot->sandboxes.size() == 1);
    const auto& back = snapshot->sandboxes.front();
    BOOST_TEST(back.id == box.id);
    BOOST_TEST(back.job == box.job);
    BOOST_TEST((back.name == box.name && back.error == box.error && back.tenant == box.tenant));
    BOOST_TEST(back.agent_id == box.agent_id);
    BOOST_TEST((back.wants == box.wants && back.replicas == box.replicas));
    BOOST_TEST((back.labels == box.labels && back.env == box.env && back.files == box.files));
    BOOST_TEST((back.ttl == box.ttl && back.expires_at == box.expires_at));
    BOOST_TEST((back.created_at == box.created_at && back.updated_at == box.updated_at));
    BOOST_TEST(!back.deleted_at.has_value());
    BOOST_TEST((back.memory == box.memory && back.overhead == box.overhead));
    BOOST_TEST((back.image == box.image && back.host == box.host));
    BOOST_TEST((back.phase == box.phase && back.desired == box.desired));
    BOOST_TEST((back.network == box.network && back.timings_us == box.timings_us));
    BOOST_TEST((back.disk == box.disk));
    BOOST_TEST(back.generation == 1U);
    BOOST_TEST((back.pool == box.pool && back.pool_source));
    BOOST_TEST((back.moving_to == box.moving_to && back.left_host == box.left_host));
    BOOST_TEST((back.remains_on == box.remains_on));
    BOOST_TEST(snapshot->epoch == 2U);
}

BOOST_AUTO_TEST_CASE(a_host_comes_back_with_its_warnings_and_images)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    const auto host = a_host();
    {
        const auto store = open_store(settings);
        auto before = host;
        before.facts.images.push_back(an_image("gone"));
        BOOST_TEST(told(write(*store, {before})) == "ok");
        BOOST_TEST(told(write(*store, {host})) == "ok");
    }
    auto store = PgStore::open(settings);
    BOOST_REQUIRE_EQUAL(told(store), "ok");
    const auto snapshot = (*store)->load();
    BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
    BOOST_REQUIRE(snapshot->hosts.size() == 1);
    const auto& back = snapshot->hosts.front();
    BOOST_TEST((back.name == host.name && back.health == host.health && back.wish == host.wish));
    BOOST_TEST((back.facts.hostname == host.facts.hostname));
    BOOST_TEST((back.facts.accel_reason == host.facts.accel_reason));
    BOOST_TEST(back.facts.state_engine == "portable");
    BOOST_TEST((back.facts.state_engine_reason == host.facts.state_engine_reason));
    BOOST_TEST(back.facts.network_cidr == host.facts.network_cidr);
    BOOST_TEST((back.facts.warnings == host.facts.warnings));
    BOOST_TEST(back.facts.load1 == host.facts.load1);
    BOOST_TEST(back.facts.fence_after.count() == 60000);
    BOOST_TEST(back.facts.fence_action == "pause");
    BOOST_TEST((back.last_seen == host.last_seen && back.first_seen == host.first_seen));
    BOOST_REQUIRE(back.facts.images.size() == 2);
    BOOST_TEST((back.facts.images[0].name.str() == "full"));
    BOOST_TEST((back.facts.images[1].agent == hostile()));
    BOOST_TEST((back.facts.images[1].tenant == hostile()));
    BOOST_TEST((back.facts.images[1].from_snapshot.str() == "snp-aaaaaaaaaaaaaaaa"));
    BOOST_TEST((back.facts.images[1].registration.str() == "img-aaaaaaaaaaaaaaaa"));
    BOOST_TEST((back.facts.images[1].from_vm == hostile()));
}

BOOST_AUTO_TEST_CASE(a_drain_that_was_ended_is_not_there_any_more)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto settings = postgres.settings(database);
    auto host = a_host();
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {host})) == "ok");
        host.wish.drain.reset();
        BOOST_TEST(told(write(*store, {host})) == "ok");
    }
    BOOST_TEST((load(settings).hosts.front().wish == host.wish));
    BOOST_CHECK_THROW(postgres.sql("UPDATE hosts SET drain_since = now()", database),
                      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_has_moved_is_on_its_way_no_more)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto box = a_sandbox();
    {
        const auto store = open_store(settings);
        box.moving_to = common::HostName{"h2"};
        BOOST_TEST(told(write(*store, {box})) == "ok");
        box.left_host = std::exchange(box.host, std::exchange(box.moving_to, {}));
        BOOST_TEST(told(write(*store, {box})) == "ok");
    }
    const auto back = load(settings).sandboxes.front();
    BOOST_TEST(back.host.str() == "h2");
    BOOST_TEST(back.moving_to.empty());
    BOOST_TEST(back.left_host.str() == "h1");
}

BOOST_AUTO_TEST_CASE(unfinished_operations_and_commands_come_back_and_finished_ones_do_not)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    const auto box = common::mint<common::SandboxId>();
    coordinator::Operation open{common::mint<common::OperationId>(),
                                box,
                                "create",
                                "running",
                                common::RequestId{"r-1"},
                                7,
                                at(0),
                                std::nullopt,
                                hostile()};
    auto done = open;
    done.id = common::mint<common::OperationId>();
    done.status = "done";
    done.ended_at = at(1);
    coordinator::Command command;
    command.id = common::mint<common::CommandId>();
    command.sandbox = box;
    command.operation = open.id;
    command.command = command.cwd = command.user = hostile();
    command.stdout_text = hostile();
    command.env = {{"A", hostile()}};
    command.exit_code = -1;
    command.timed_out = true;
    command.status = "running";
    command.started_at = at(0);
    command.timings_us = {{"core", 1}};
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {open, done, command})) == "ok");
        const auto page = store->commands_of(box, {});
        BOOST_REQUIRE_EQUAL(told(page), "ok");
        BOOST_TEST(page->total == 1U);
    }
    auto store = PgStore::open(settings);
    BOOST_REQUIRE_EQUAL(told(store), "ok");
    const auto snapshot = (*store)->load();
    BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
    BOOST_REQUIRE(snapshot->unfinished.size() == 1);
    BOOST_TEST(snapshot->unfinished.front().id == open.id);
    BOOST_TEST((snapshot->unfinished.front().error == hostile()));
    BOOST_TEST(snapshot->unfinished.front().generation == 7U);
    BOOST_REQUIRE(snapshot->unfinished_commands.size() == 1);
    const auto& back = snapshot->unfinished_commands.front();
    BOOST_TEST((back.command == hostile() && back.stdout_text == hostile()));
    BOOST_TEST((back.cwd == hostile() && back.user == hostile() && back.env == command.env));
    BOOST_TEST(back.stderr_text.empty());
    BOOST_TEST((back.exit_code == -1 && back.timed_out && !back.truncated));
    BOOST_TEST((back.timings_us == command.timings_us && !back.ended_at));
}

BOOST_AUTO_TEST_CASE(a_sandbox_destroyed_more_than_a_day_ago_is_not_loaded)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto old = a_sandbox();
    auto fresh = a_sandbox();
    old.deleted_at = std::chrono::system_clock::now() - std::chrono::hours{25};
    fresh.deleted_at = std::chrono::system_clock::now() - std::chrono::hours{23};
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {old, fresh})) == "ok");
    }
    auto store = PgStore::open(settings);
    BOOST_REQUIRE_EQUAL(told(store), "ok");
    const auto snapshot = (*store)->load();
    BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
    BOOST_REQUIRE(snapshot->sandboxes.size() == 1);
    BOOST_TEST(snapshot->sandboxes.front().id == fresh.id);
}

BOOST_AUTO_TEST_CASE(commands_come_newest_first_and_by_page)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    const auto box = common::mint<common::SandboxId>();
    std::vector<Change> changes;
    for (int i = 0; i < 5; ++i) {
        coordinator::Command command;
        command.id = common::mint<common::CommandId>();
        command.sandbox = box;
        command.command = std::to_string(i);
        command.status = "finished";
        command.started_at = at(i);
        changes.emplace_back(command);
    }
    BOOST_TEST(told(write(*store, changes)) == "ok");
    const auto page = store->commands_of(box, {2, 1});
    BOOST_REQUIRE_EQUAL(told(page), "ok");
    BOOST_TEST(page->total == 5U);
    BOOST_REQUIRE(page->commands.size() == 2);
    BOOST_TEST(page->commands[0].command == "3");
    BOOST_TEST(page->commands[1].command == "2");
    BOOST_TEST(store->commands_of(box, {2, 9})->commands.empty());
    BOOST_TEST(store->commands_of(common::SandboxId{hostile()}, {})->total == 0U);
}

BOOST_AUTO_TEST_CASE(cursors_walk_all_commands_though_some_are_as_old_and_more_come)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    const auto box = common::mint<common::SandboxId>();
    const auto add = [&](int number, int second) {
        coordinator::Command command;
        command.id = common::CommandId{"cmd-" + std::to_string(number)};
        command.sandbox = box;
        command.stdout_text.assign(600, 'x');
        command.status = "finished";
        command.started_at = at(second) + std::chrono::microseconds{1}; // Exact in the cursor.
        BOOST_TEST(told(write(*store, {command})) == "ok");
    };
    for (int i = 0; i < 7; ++i) {
        add(i, i / 3); // Three of a time.
    }
    const auto walk = [&](coordinator::Page page) {
        std::string ids;
        int more = 100;
        do {
            const auto found = store->commands_of(box, page);
            BOOST_REQUIRE_EQUAL(told(found), "ok");
            for (const auto& command : found->commands) {
                ids += command.id.str().substr(4) + " ";
            }
            ids += "| ";
            page.after = found->next;
            add(more, more); // Newer than all.
            ++more;
        } while (page.after);
        return ids;
    };
    BOOST_TEST(walk({.limit = 2}) == "6 5 | 4 3 | 2 1 | 0 | ");
    BOOST_TEST(walk({.limit = 11}) == "103 102 101 100 6 5 4 3 2 1 0 | ");
    // Shorter, because of what they hold, is not the last.
    BOOST_TEST(walk({.limit = 500,
                     .after = coordinator::Position{common::to_unix_us(at(2)), "z"},
                     .bytes = common::Bytes{700}}) == "5 4 | 3 2 | 1 0 | ");
}

BOOST_AUTO_TEST_CASE(a_page_of_commands_ends_where_it_holds_too_much_but_has_one)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    const auto box = common::mint<common::SandboxId>();
    std::vector<Change> changes;
    for (int i = 0; i < 4; ++i) {
        coordinator::Command command;
        command.id = common::mint<common::CommandId>();
        command.sandbox = box;
        command.stdout_text.assign(600, 'x');
        command.stderr_text.assign(400, 'x');
        command.status = "finished";
        command.started_at = at(i);
        changes.emplace_back(command);
    }
    BOOST_TEST(told(write(*store, changes)) == "ok");
    const auto size = [&](std::uint64_t bytes, std::uint64_t offset) {
        const auto page = store->commands_of(
            box, {.limit = 100, .offset = offset, .bytes = common::Bytes{bytes}});
        BOOST_TEST(page->total == 4U);
        return page->commands.size();
    };
    BOOST_TEST(size(1, 0) == 1U);
    BOOST_TEST(size(1000, 0) == 1U);
    BOOST_TEST(size(1001, 0) == 2U);
    BOOST_TEST(size(2001, 0) == 3U);
    BOOST_TEST(size(2001, 2) == 2U);
    BOOST_TEST(size(1000000, 0) == 4U);
}

BOOST_AUTO_TEST_SUITE_END()
