#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::Checkpoint;
using coordinator::Phase;
using Status = coordinator::Checkpoint::Status;

namespace {

/// Every field set, and every text hostile.
Checkpoint a_checkpoint()
{
    Checkpoint checkpoint;
    checkpoint.id = common::mint<common::SnapshotId>();
    checkpoint.sandbox = common::mint<common::SandboxId>();
    checkpoint.tenant = hostile();
    checkpoint.host = common::HostName{"h1"};
    checkpoint.name = hostile();
    checkpoint.parent = common::mint<common::SnapshotId>();
    checkpoint.status = Status::ready;
    checkpoint.hidden = true;
    checkpoint.has_memory = true;
    checkpoint.frozen = true;
    checkpoint.engine = "fast" + hostile();
    checkpoint.libvirt_version = "9.0.0" + hostile();
    checkpoint.qemu_version = "7.2.9" + hostile();
    checkpoint.size = common::Bytes{(std::uint64_t{1} << 61U) + 1};
    checkpoint.paused = std::chrono::microseconds{156'789};
    checkpoint.digests = {{"memory", std::string(64, 'c')}, {hostile(), hostile()}, {"", ""}};
    checkpoint.path = "/var/lib/paddock/" + hostile();
    checkpoint.created_at = at(3);
    checkpoint.deleted_at = at(4);
    checkpoint.error = hostile();
    return checkpoint;
}

void check_same(const Checkpoint& back, const Checkpoint& sent)
{
    BOOST_TEST(back.id == sent.id);
    BOOST_TEST(back.sandbox == sent.sandbox);
    BOOST_TEST((back.tenant == sent.tenant));
    BOOST_TEST(back.host == sent.host);
    BOOST_TEST((back.name == sent.name));
    BOOST_TEST(back.parent == sent.parent);
    BOOST_TEST((back.status == sent.status));
    BOOST_TEST(back.hidden == sent.hidden);
    BOOST_TEST(back.has_memory == sent.has_memory);
    BOOST_TEST(back.frozen == sent.frozen);
    BOOST_TEST((back.engine == sent.engine));
    BOOST_TEST((back.libvirt_version == sent.libvirt_version));
    BOOST_TEST((back.qemu_version == sent.qemu_version));
    BOOST_TEST((back.size == sent.size));
    BOOST_TEST((back.paused == sent.paused));
    BOOST_TEST((back.digests == sent.digests));
    BOOST_TEST((back.path == sent.path));
    BOOST_TEST((back.created_at == sent.created_at));
    BOOST_TEST((back.deleted_at == sent.deleted_at));
    BOOST_TEST((back.error == sent.error));
}

/// A database as the version before checkpoints left it: a sandbox that is paused, on a host.
void fill_as_before_checkpoints(const std::string& database)
{
    auto& postgres = Postgres::shared();
    migrate_up_to(2, postgres.url(database, "paddock_owner"));
    postgres.sql("INSERT INTO sandboxes VALUES ('sbx-aaaaaaaaaaaaaaaa', 'job-aaaaaaaaaaaaaaaa', "
                 "'default', '', 'old', 'tiny', 'd1', 'h1', 1, 268435456, 0, 'nat', '{}', '{}', "
                 "NULL, now(), now(), NULL, NULL, 'paused', 'stopped', 4, '', '', '{}')",
                 database);
    postgres.sql("INSERT INTO hosts VALUES ('h1', 'ready', 'kvm-1', 'x86_64', '6.1', 'cpu', "
                 "'9.0.0', '7.2.9', '0.1.0', 'tcg', 'no kvm', '10.0.0.0/24', 8, 1, 2, 3, 4, 5, 6, "
                 "7, 0.5, '{w}', 1, 268435456, 1, now(), now())",
                 database);
}

} // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_tests)

BOOST_AUTO_TEST_CASE(a_checkpoint_comes_back_as_it_was_written_last)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    const auto full = a_checkpoint();
    Checkpoint bare;
    bare.id = common::mint<common::SnapshotId>();
    bare.created_at = at(0);
    {
        const auto store = open_store(settings);
        auto early = full;
        early.status = Status::taking;
        early.host = common::HostName{"h0"}; // Its sandbox moves.
        early.path = "/elsewhere";
        early.size = {};
        early.digests = {{"gone", "later"}};
        early.deleted_at.reset();
        early.hidden = early.frozen = early.has_memory = false;
        BOOST_TEST(told(write(*store, {early, bare, an_audit_row()})) == "ok");
        BOOST_TEST(told(write(*store, {full, an_audit_row()})) == "ok");
    }
    const auto snapshot = load(settings);
    BOOST_REQUIRE(snapshot.checkpoints.size() == 2U);
    const auto first = snapshot.checkpoints.front().id == full.id ? 0U : 1U;
    check_same(snapshot.checkpoints[first], full);
    check_same(snapshot.checkpoints[1 - first], bare);
}

BOOST_AUTO_TEST_CASE(all_checkpoints_but_the_deleted_are_loaded)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    const std::vector statuses{Status::taking, Status::ready, Status::deleting, Status::deleted};
    std::vector<Change> changes;
    for (const auto status : statuses) {
        auto checkpoint = a_checkpoint();
        checkpoint.status = status;
        changes.emplace_back(checkpoint);
    }
    auto ended = a_checkpoint();
    changes.emplace_back(ended);
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, changes)) == "ok");
        ended.status = Status::deleted;
        BOOST_TEST(told(write(*store, {ended})) == "ok");
    }
    std::vector<std::string> loaded;
    for (const auto& checkpoint : load(settings).checkpoints) {
        loaded.emplace_back(to_string(checkpoint.status));
    }
    std::sort(loaded.begin(), loaded.end());
    BOOST_TEST(loaded == (std::vector<std::string>{"deleting", "ready", "taking"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_sandbox_may_be_suspended_and_restoring)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    for (const auto phase : {Phase::suspended, Phase::restoring}) {
        auto box = a_sandbox();
        box.phase = phase;
        {
            const auto store = open_store(settings);
            BOOST_TEST(told(write(*store, {box})) == "ok");
        }
        const auto boxes = load(settings).sandboxes;
        const auto back = std::find_if(
            boxes.begin(), boxes.end(), [&](const auto& other) { return other.id == box.id; });
        BOOST_REQUIRE((back != boxes.end()));
        BOOST_TEST((back->phase == phase));
    }
}

BOOST_AUTO_TEST_CASE(a_database_from_before_checkpoints_keeps_what_it_has)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto settings = postgres.settings(database);
    fill_as_before_checkpoints(database);
    const auto checkpoint = a_checkpoint();
    {
        auto store = PgStore::open(settings);
        BOOST_REQUIRE_EQUAL(told(store), "ok");
        const auto snapshot = (*store)->load();
        BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
        BOOST_REQUIRE(snapshot->sandboxes.size() == 1U);
        BOOST_TEST(snapshot->sandboxes[0].id.str() == "sbx-aaaaaaaaaaaaaaaa");
        BOOST_TEST((snapshot->sandboxes[0].phase == Phase::paused));
        BOOST_TEST(snapshot->sandboxes[0].moving_to.empty());
        BOOST_TEST(snapshot->sandboxes[0].left_host.empty());
        BOOST_REQUIRE(snapshot->hosts.size() == 1U);
        BOOST_TEST(!snapshot->hosts[0].wish.drain.has_value());
        const auto& facts = snapshot->hosts[0].facts;
        BOOST_TEST(facts.accel_reason == "no kvm");
        BOOST_TEST(facts.network_cidr == "10.0.0.0/24");
        BOOST_TEST(facts.state_engine.empty());
        BOOST_TEST(snapshot->checkpoints.empty());
        BOOST_TEST(told(write(**store, {checkpoint, snapshot->hosts[0]})) == "ok");
    }
    const auto later = load(settings);
    BOOST_REQUIRE(later.checkpoints.size() == 1U);
    check_same(later.checkpoints[0], checkpoint);
    BOOST_TEST(later.sandboxes.size() == 1U);
    BOOST_TEST(later.hosts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_daemons_role_may_not_remove_a_checkpoint_from_the_record)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    open_store(postgres.settings(database));
    BOOST_TEST(postgres.sql("SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM "
                            "information_schema.table_privileges WHERE table_name = 'checkpoints' "
                            "AND grantee = 'paddock'",
                            database) == "INSERT SELECT UPDATE");
}

BOOST_AUTO_TEST_SUITE_END()
