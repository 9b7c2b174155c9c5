#include "tests/unit/coordinator_core/request_keys_fixture.hpp"

#include <thread>

using namespace tests;
using namespace coordinator;
using common::ErrorCode;

BOOST_FIXTURE_TEST_SUITE(request_keys_tests, KeysFixture)

BOOST_AUTO_TEST_CASE(the_first_answer_is_given_again_whole)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    const KeptAnswer first{201, "application/json", {{"Location", "/there"}}, "{\"made\":1}"};
    keys->keep(claim_of("k").name, first);
    for (int i = 0; i < 2; ++i) {
        const auto again = keys->claim(claim_of("k"));
        BOOST_REQUIRE(again);
        BOOST_CHECK(*again == first);
    }
    BOOST_TEST(shows("paddock_idempotency_keys 1"));
    BOOST_TEST(shows("paddock_idempotency_answer_bytes 10"));
    BOOST_TEST(shows("paddock_idempotency_replays_total 2"));
}

BOOST_AUTO_TEST_CASE(of_what_leaves_nothing_on_record_nobody_knows_after_a_crash)
{
    run();
    auto typed = claim_of("k");
    typed.is_recorded = false;
    BOOST_TEST(ask(typed) == "begin");
    BOOST_TEST(ask(typed) == "idempotency_in_progress");
    auto refused = claim_of("refused");
    refused.is_recorded = false;
    BOOST_TEST(ask(refused) == "begin");
    keys->release(refused.name);
    BOOST_TEST(ask(refused) == "begin");
    keep("refused", "done");
    crash_and_restart();
    BOOST_TEST(ask(typed) == "outcome_unknown");
    BOOST_TEST(ask(typed) == "outcome_unknown");
    BOOST_TEST(ask(refused) == "done");
    BOOST_TEST(ask("k") == "begin"); // What has an intent had none.
}

BOOST_AUTO_TEST_CASE(another_request_under_the_same_key_is_refused_before_and_after_the_answer)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    BOOST_TEST(ask(claim_of("k", "other")) == "idempotency_key_reused");
    keep("k", "made");
    const auto refused = keys->claim(claim_of("k", "other"));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().stable_reason() == "idempotency_key_reused");
    BOOST_CHECK(refused.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(refused.error().message.find("/v1/sandboxes") != std::string::npos);
    BOOST_TEST(ask("k") == "made");
}

BOOST_AUTO_TEST_CASE(the_same_key_of_another_actor_or_tenant_is_another_key)
{
    run();
    do_once("k", "made");
    auto other = claim_of("k", "other");
    other.name.actor = "token:another";
    BOOST_TEST(ask(other) == "begin");
    other.name.tenant = "another";
    BOOST_TEST(ask(other) == "begin");
}

BOOST_AUTO_TEST_CASE(who_comes_while_it_is_under_way_is_refused)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    const auto refused = keys->claim(claim_of("k"));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().stable_reason() == "idempotency_in_progress");
    BOOST_CHECK(refused.error().code == ErrorCode::failed_precondition);
    keep("k", "made");
    BOOST_TEST(ask("k") == "made");
    BOOST_TEST(shows("paddock_idempotency_refusals_total 1"));
}

BOOST_AUTO_TEST_CASE(of_many_at_once_one_does_it_and_all_get_its_answer)
{
    run();
    std::atomic<int> done{0};
    std::atomic<int> answered{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i) {
        threads.emplace_back([&] {
            for (auto said = ask("k");; said = ask("k")) {
                if (said == "begin") {
                    ++done;
                    keep("k", "made");
                } else if (said == "made") {
                    ++answered;
                    return;
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    BOOST_TEST(done == 1);
    BOOST_TEST(answered == 20);
}

BOOST_AUTO_TEST_CASE(what_was_refused_before_it_began_may_be_tried_again)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    keys->release(claim_of("k").name);
    BOOST_TEST(store.rows() == 0U);
    BOOST_TEST(shows("paddock_idempotency_keys 0"));
    BOOST_TEST(ask(claim_of("k", "other")) == "begin"); // It is as if it had never been used.
}

BOOST_AUTO_TEST_CASE(what_failed_after_it_began_may_be_tried_again_only_if_nothing_remains)
{
    run();
    const auto name = claim_of("k").name;
    BOOST_TEST(ask("k") == "begin");
    store.begin(name, {"sandbox.create", "sbx-gone", "op-1", "failed", false});
    keys->release(name);
    BOOST_TEST(ask("k") == "begin");
    store.begin(name, {"sandbox.create", "sbx-there", "op-2", "failed", true});
    keys->release(name);
    const auto refused = keys->claim(claim_of("k"));
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::timeout);
    BOOST_TEST(refused.error().stable_reason() == "outcome_unknown");
    BOOST_TEST(refused.error().details == "sandbox.create of sbx-there (op-2: failed)");
    BOOST_TEST(refused.error().message.find("req-of-k") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(
    what_nobody_knows_the_end_of_is_not_done_again_even_if_nothing_is_on_record_yet)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    keys->leave(claim_of("k").name);
    BOOST_TEST(ask("k") == "outcome_unknown");
    BOOST_TEST(ask(claim_of("k", "other")) == "idempotency_key_reused");
    BOOST_TEST(store.row(claim_of("k").name)->ended);
}

BOOST_AUTO_TEST_CASE(an_answer_survives_a_crash)
{
    run();
    do_once("k", "made");
    crash_and_restart();
    BOOST_TEST(ask("k") == "made");
    BOOST_TEST(ask(claim_of("k", "other")) == "idempotency_key_reused");
    BOOST_TEST(shows("paddock_idempotency_keys 1"));
}

BOOST_AUTO_TEST_CASE(a_claim_whose_coordinator_died_before_it_began_anything_is_taken_over)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    crash_and_restart();
    BOOST_TEST(ask(claim_of("k", "other")) == "idempotency_key_reused");
    do_once("k", "made");
    BOOST_TEST(ask("k") == "made");
    BOOST_TEST(shows("paddock_idempotency_keys 1"));
}

BOOST_AUTO_TEST_CASE(a_claim_whose_coordinator_died_after_it_began_is_never_done_again)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    store.begin(claim_of("k").name, {"command.run", "sbx-a", "op-1", "", false});
    crash_and_restart();
    for (int i = 0; i < 2; ++i) {
        const auto refused = keys->claim(claim_of("k"));
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().stable_reason() == "outcome_unknown");
        BOOST_TEST(refused.error().details == "command.run of sbx-a (op-1)");
    }
}

BOOST_AUTO_TEST_CASE(while_the_database_is_away_nothing_is_begun_and_the_key_is_free_after)
{
    run();
    store.fail(ErrorCode::unavailable);
    const auto refused = keys->claim(claim_of("k"));
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::unavailable);
    store.fail(ErrorCode::rate_limited); // Reading works, writing does not.
    BOOST_TEST(ask("k") == "database_busy");
    store.recover();
    BOOST_TEST(ask("k") == "begin");
}

BOOST_AUTO_TEST_CASE(a_claim_that_may_have_landed_is_free_again)
{
    run();
    store.land_in_doubt();
    for (const bool upkeep_first : {false, true}) {
        const std::string key = upkeep_first ? "a" : "b";
        store.fail(ErrorCode::timeout);
        const auto refused = keys->claim(claim_of(key));
        BOOST_REQUIRE(!refused);
        BOOST_CHECK(refused.error().code == ErrorCode::unavailable); // Nothing was begun.
        BOOST_TEST(shows("paddock_idempotency_owed 1"));
        store.recover();
        if (upkeep_first) {
            keys->upkeep();
            BOOST_TEST(!store.row(claim_of(key).name));
        }
        BOOST_TEST(ask(key) == "begin");
        BOOST_TEST(shows("paddock_idempotency_owed 0"));
        keys->upkeep(); // It must not release what is under way by now.
        BOOST_TEST(store.row(claim_of(key).name).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_claim_that_may_have_landed_is_free_however_often_the_database_is_away)
{
    run();
    store.land_in_doubt();
    store.fail(ErrorCode::timeout);
    BOOST_TEST(ask("k") == "database_unavailable");
    for (const auto code : {ErrorCode::unavailable,
                            ErrorCode::rate_limited,
                            ErrorCode::timeout,
                            ErrorCode::internal}) {
        store.fail(code); // Of finding it, of claiming it again.
        BOOST_TEST(ask("k") != "begin");
        BOOST_TEST(shows("paddock_idempotency_owed 1"));
    }
    store.recover();
    BOOST_TEST(ask(claim_of("k", "other")) == "begin");
}

BOOST_AUTO_TEST_CASE(a_claim_that_may_have_landed_is_free_also_if_it_was_forgotten)
{
    settings.max_owed = 0;
    run();
    store.land_in_doubt();
    store.fail(ErrorCode::timeout);
    BOOST_TEST(ask("k") == "database_unavailable");
    BOOST_TEST(store.row(claim_of("k").name).has_value());
    store.recover();
    BOOST_TEST(ask("k") == "begin");
    BOOST_TEST(ask("k") == "idempotency_in_progress");
}

BOOST_AUTO_TEST_CASE(what_remains_of_a_refused_request_may_go_later)
{
    run();
    const auto name = claim_of("k").name;
    BOOST_TEST(ask("k") == "begin");
    store.begin(name, {"sandbox.create", "sbx-a", "op-1", "failed", true});
    keys->release(name);
    BOOST_TEST(ask("k") == "outcome_unknown");
    store.remove(name);
    BOOST_TEST(ask("k") == "begin");
}

BOOST_AUTO_TEST_SUITE_END()
