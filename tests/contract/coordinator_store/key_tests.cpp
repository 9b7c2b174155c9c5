#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>

using namespace tests;
using namespace coordinator;
using common::Bytes;
using common::ErrorCode;

namespace {

KeyName named(const std::string& key, const std::string& tenant = "default")
{
    return {tenant, "token:ci", key};
}

KeyClaim a_claim(const std::string& key, std::int64_t us_more = 0)
{
    return {named(key), "d1", "/v1/sandboxes", common::RequestId{"req-of-" + key}, at(us_more)};
}

KeptAnswer an_answer(std::string body)
{
    return {201, "application/json", {{"Location", "/v1/sandboxes/sbx-a"}}, std::move(body)};
}

/// The intent of what `claim` asked for.
AuditRow intent_of(const KeyClaim& claim, const std::string& target)
{
    auto row = an_audit_row(target);
    row.caller = {claim.name.actor, claim.name.tenant, claim.request};
    return row;
}

struct KeysInPostgres {
    Postgres& postgres = Postgres::shared();
    const std::string database = postgres.fresh_database();
    const coordinator::store::StoreSettings settings = postgres.settings(database);
    std::unique_ptr<PgStore> store = open_store(settings);

    KeyStore& keys() { return store->keys(); }
    void restart()
    {
        store.reset();
        store = open_store(settings);
    }
    /// Found, or the test ends.
    UsedKey found(const KeyName& name)
    {
        auto used = keys().find(name);
        BOOST_REQUIRE_EQUAL(told(used), "ok");
        BOOST_REQUIRE(used->has_value());
        return **used;
    }
    std::vector<Begun> begun(const std::string& key)
    {
        auto begun = keys().begun_by(named(key));
        BOOST_REQUIRE_EQUAL(told(begun), "ok");
        return *begun;
    }
    void claim(const KeyClaim& one) { BOOST_REQUIRE_EQUAL(told(keys().claim(one)), "ok"); }
    void end(const std::string& key, const std::optional<KeptAnswer>& answer)
    {
        BOOST_REQUIRE_EQUAL(told(keys().end(named(key), answer)), "ok");
    }
    void write_rows(std::vector<Change> changes)
    {
        BOOST_REQUIRE_EQUAL(told(write(*store, std::move(changes))), "ok");
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(key_tests, KeysInPostgres)

BOOST_AUTO_TEST_CASE(an_outage_is_outlived_and_a_key_is_claimed_once)
{
    claim(a_claim("before"));
    postgres.stop(SIGQUIT);
    auto waiting = std::async(std::launch::async, [&] { return told(keys().claim(a_claim("k"))); });
    BOOST_TEST(!keys().find(named("before")).has_value());
    postgres.start();
    BOOST_TEST(waiting.get() == "ok");
    BOOST_TEST(found(named("before")).ours);
    BOOST_TEST(postgres.sql("SELECT count(*) FROM request_keys", database) == "2");
}

BOOST_AUTO_TEST_CASE(a_key_is_unknown_then_claimed_then_answered_then_as_if_it_had_never_been)
{
    BOOST_TEST(!keys().find(named("k"))->has_value());
    const auto claimed = a_claim("k");
    claim(claimed);
    auto used = found(named("k"));
    BOOST_CHECK(used.claim.name == claimed.name);
    BOOST_TEST(used.claim.digest == "d1");
    BOOST_TEST(used.claim.path == "/v1/sandboxes");
    BOOST_TEST(used.claim.request.str() == "req-of-k");
    BOOST_CHECK(used.claim.used_at == claimed.used_at);
    BOOST_TEST(used.ours);
    BOOST_TEST(!used.ended);
    BOOST_TEST(!used.answer);
    end("k", std::nullopt);
    used = found(named("k"));
    BOOST_TEST(used.ended);
    BOOST_TEST(!used.answer);
    end("k", an_answer("{}"));
    used = found(named("k"));
    BOOST_TEST(used.ended);
    BOOST_REQUIRE(used.answer);
    BOOST_CHECK(*used.answer == an_answer("{}"));
    BOOST_REQUIRE_EQUAL(told(keys().release(named("k"))), "ok");
    BOOST_TEST(!keys().find(named("k"))->has_value());
}

BOOST_AUTO_TEST_CASE(whatever_it_holds_comes_back_as_it_was)
{
    KeyClaim claimed{{hostile(), hostile() + "actor", hostile() + "key"},
                     "d",
                     hostile() + "path",
                     common::RequestId{"req-1"},
                     at(7)};
    claim(claimed);
    const KeptAnswer answer{200,
                            hostile(),
                            {{"A", hostile()}, {"B", ""}, {"A", "{,\"\\"}},
                            hostile() + std::string(300'000, '\0')};
    BOOST_REQUIRE_EQUAL(told(keys().end(claimed.name, answer)), "ok");
    const auto used = found(claimed.name);
    BOOST_CHECK(used.claim.name == claimed.name);
    BOOST_TEST(used.claim.path == claimed.path);
    BOOST_CHECK(*used.answer == answer);
    claimed.name.actor += "x";
    BOOST_TEST(!keys().find(claimed.name)->has_value());
}

BOOST_AUTO_TEST_CASE(an_answer_without_headers_and_body_is_one)
{
    claim(a_claim("k"));
    end("k", KeptAnswer{204, "", {}, ""});
    BOOST_CHECK(*found(named("k")).answer == (KeptAnswer{204, "", {}, ""}));
}

BOOST_AUTO_TEST_CASE(an_answer_is_there_after_a_restart_and_the_claim_is_not_ours_then)
{
    claim(a_claim("k"));
    end("k", an_answer("made"));
    restart();
    const auto used = found(named("k"));
    BOOST_TEST(!used.ours);
    BOOST_TEST(used.answer->body == "made");
}

BOOST_AUTO_TEST_CASE(a_new_claim_leaves_nothing_of_the_one_before)
{
    claim(a_claim("k"));
    end("k", an_answer("old"));
    restart();
    auto again = a_claim("k", 9);
    again.digest = "d2";
    claim(again);
    const auto used = found(named("k"));
    BOOST_TEST(used.ours);
    BOOST_TEST(!used.ended);
    BOOST_TEST(used.claim.digest == "d2");
    BOOST_CHECK(used.claim.used_at == again.used_at);
    BOOST_TEST(!used.answer);
    BOOST_TEST(postgres.sql("SELECT bytes, audit_to IS NULL, body IS NULL FROM request_keys",
                            database) == "0|t|t");
}

BOOST_AUTO_TEST_CASE(what_a_request_began_is_what_it_put_on_record_between_its_claim_and_its_answer)
{
    const auto claimed = a_claim("k");
    auto other_actor = intent_of(claimed, "sbx-other-actor");
    other_actor.caller.actor = "token:another";
    auto other_request = intent_of(claimed, "sbx-other-request");
    other_request.caller.request = common::RequestId{"req-other"};
    auto outcome = intent_of(claimed, "sbx-outcome");
    outcome.kind = AuditRow::Kind::outcome;

    write_rows({intent_of(claimed, "sbx-before")});
    claim(claimed);
    BOOST_TEST(begun("k").empty());
    write_rows({other_actor, other_request, outcome});
    BOOST_TEST(begun("k").empty());
    auto run = intent_of(claimed, "sbx-run");
    run.action = "command.run";
    const auto create = intent_of(claimed, "sbx-create");
    Operation row;
    row.id = create.operation;
    row.kind = "create";
    row.status = "done";
    row.created_at = at(0);
    write_rows({run});
    write_rows({create, row});
    for (const bool ended : {false, true}) {
        if (ended) {
            end("k", std::nullopt);
            write_rows({intent_of(claimed, "sbx-after")});
        }
        const auto all = begun("k");
        BOOST_REQUIRE(all.size() == 2U);
        BOOST_TEST(all[0].action == "command.run");
        BOOST_TEST(all[0].target == "sbx-run");
        BOOST_TEST(all[0].operation == run.operation.str());
        BOOST_TEST(all[0].status == "");
        BOOST_TEST(all[1].target == "sbx-create");
        BOOST_TEST(all[1].status == "done");
    }
}

BOOST_AUTO_TEST_CASE(what_a_dead_coordinators_request_began_ends_with_what_that_one_wrote)
{
    const auto claimed = a_claim("k");
    const auto nothing = a_claim("n");
    claim(claimed);
    claim(nothing);
    write_rows({intent_of(claimed, "sbx-a")});
    restart();
    write_rows({intent_of(claimed, "sbx-b"), intent_of(nothing, "sbx-c")});
    const auto all = begun("k");
    BOOST_REQUIRE(all.size() == 1U);
    BOOST_TEST(all[0].target == "sbx-a");
    BOOST_TEST(begun("n").empty());
}

BOOST_AUTO_TEST_CASE(a_sandbox_remains_until_it_is_deleted)
{
    const auto claimed = a_claim("k");
    claim(claimed);
    auto box = a_sandbox();
    write_rows({box, intent_of(claimed, box.id.str())});
    BOOST_REQUIRE(begun("k").size() == 1U);
    BOOST_TEST(begun("k")[0].remains);
    box.deleted_at = at(5);
    write_rows({box});
    BOOST_TEST(!begun("k")[0].remains);
    box = a_sandbox();
    auto run = intent_of(claimed, box.id.str());
    run.action = "command.run"; // It did not make the sandbox.
    write_rows({box, run});
    BOOST_TEST(!begun("k")[1].remains);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_is_not_its_tenants_any_more_does_not_remain)
{
    const auto claimed = a_claim("k");
    claim(claimed);
    auto box = a_sandbox();
    box.tenant = claimed.name.tenant;
    auto intent = intent_of(claimed, box.id.str());
    intent.action = "sandbox.claim";
    write_rows({box, intent});
    BOOST_TEST(begun("k").at(0).remains);
    box.tenant = "system:pool"; // It was dead, and is not destroyed yet.
    write_rows({box});
    BOOST_TEST(!begun("k").at(0).remains);
}

BOOST_AUTO_TEST_CASE(old_keys_are_forgotten_and_the_rest_is_counted_by_tenant)
{
    BOOST_TEST(keys().use()->empty());
    claim(a_claim("a", 0));
    claim(a_claim("b", 10));
    end("b", an_answer("1234"));
    auto other = a_claim("c", 20);
    other.name.tenant = "another";
    claim(other);
    auto uses = *keys().use();
    BOOST_REQUIRE(uses.size() == 2U);
    std::ranges::sort(uses, {}, &KeyUse::tenant);
    BOOST_TEST(uses[0].tenant == "another");
    BOOST_TEST(uses[1].keys == 2U);
    BOOST_TEST(uses[1].bytes.count() == 4U);
    BOOST_CHECK(uses[1].oldest == at(0));
    BOOST_REQUIRE_EQUAL(told(keys().forget(at(10))), "ok");
    BOOST_TEST(!keys().find(named("a"))->has_value());
    BOOST_TEST(keys().find(named("b"))->has_value());
}

BOOST_AUTO_TEST_CASE(the_oldest_answers_of_a_tenant_go_until_enough_is_gone)
{
    for (const auto* key : {"a", "b", "c"}) {
        claim(a_claim(key, *key));
        end(key, an_answer(std::string(10, *key)));
    }
    auto other = a_claim("z");
    other.name.tenant = "another";
    claim(other);
    BOOST_REQUIRE_EQUAL(told(keys().end(other.name, an_answer(std::string(50, 'z')))), "ok");
    BOOST_REQUIRE_EQUAL(told(keys().trim("default", Bytes{10})), "ok");
    BOOST_TEST(!found(named("a")).answer);
    BOOST_TEST(found(named("b")).answer->body == "bbbbbbbbbb");
    BOOST_TEST(found(named("c")).answer.has_value());
    BOOST_TEST(found(other.name).answer.has_value());
    auto uses = *keys().use();
    std::ranges::sort(uses, {}, &KeyUse::tenant);
    BOOST_TEST(uses[1].bytes.count() == 20U);
    BOOST_TEST(uses[1].keys == 3U);
}

BOOST_AUTO_TEST_CASE(a_deposed_coordinator_claims_nothing)
{
    postgres.sql("UPDATE leader SET deposed_at = now(); INSERT INTO leader (epoch, audit_seq, "
                 "audit_hash) SELECT 2, audit_seq, audit_hash FROM leader",
                 database);
    const auto refused = keys().claim(a_claim("k"));
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(postgres.sql("SELECT count(*) FROM request_keys", database) == "0");
}

BOOST_AUTO_TEST_SUITE_END()
