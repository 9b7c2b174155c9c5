#include "tests/unit/coordinator_core/request_keys_fixture.hpp"

#include <thread>

using namespace tests;
using namespace coordinator;
using common::Bytes;
using common::ErrorCode;

BOOST_FIXTURE_TEST_SUITE(request_keys_upkeep_tests, KeysFixture)

BOOST_AUTO_TEST_CASE(
    an_answer_that_the_database_could_not_take_is_given_from_memory_and_written_later)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    store.fail(ErrorCode::unavailable);
    keep("k", "made");
    BOOST_TEST(ask("k") == "made");
    BOOST_TEST(ask(claim_of("k", "other")) == "idempotency_key_reused");
    keys->upkeep();
    BOOST_TEST(shows("paddock_idempotency_owed 1"));
    store.recover();
    keys->upkeep();
    BOOST_TEST(shows("paddock_idempotency_owed 0"));
    crash_and_restart();
    BOOST_TEST(ask("k") == "made");
}

BOOST_AUTO_TEST_CASE(a_release_that_the_database_could_not_take_is_made_up_for)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    store.fail(ErrorCode::rate_limited);
    keys->release(claim_of("k").name);
    store.recover();
    keys->upkeep();
    BOOST_TEST(store.rows() == 0U);
    BOOST_TEST(ask("k") == "begin");
}

BOOST_AUTO_TEST_CASE(what_was_refused_while_the_database_was_away_is_free_after)
{
    run();
    for (const auto* key : {"a", "b"}) {
        BOOST_TEST(ask(key) == "begin");
    }
    store.fail(ErrorCode::unavailable); // What is on record of them cannot be looked up.
    keys->release(claim_of("a").name);
    keys->release(claim_of("b").name);
    keys->upkeep();
    BOOST_TEST(shows("paddock_idempotency_owed 2"));
    store.recover();
    BOOST_TEST(ask("a") == "begin");
    keys->upkeep();
    BOOST_TEST(!store.row(claim_of("b").name));
    BOOST_TEST(ask(claim_of("b", "other")) == "begin");
}

BOOST_AUTO_TEST_CASE(what_remains_of_a_request_that_was_refused_meanwhile_is_found_later)
{
    run();
    const auto name = claim_of("k").name;
    BOOST_TEST(ask("k") == "begin");
    store.begin(name, {"sandbox.create", "sbx-a", "op-1", "failed", true});
    store.fail(ErrorCode::unavailable);
    keys->release(name);
    store.recover();
    BOOST_TEST(ask("k") == "outcome_unknown");
    keys->upkeep();
    BOOST_TEST(shows("paddock_idempotency_owed 0"));
    BOOST_TEST(ask("k") == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_the_end_of_is_not_done_again_whatever_the_database_does)
{
    for (const auto code : {ErrorCode::unavailable, ErrorCode::timeout, ErrorCode::internal}) {
        const auto key = std::string{to_string(code)};
        run();
        BOOST_TEST(ask(key) == "begin");
        store.fail(code);
        keys->leave(claim_of(key).name);
        store.recover();
        BOOST_TEST(ask(key) == "outcome_unknown");
        BOOST_TEST(ask(claim_of(key, "other")) == "idempotency_key_reused");
        keys->upkeep();
        BOOST_TEST(shows("paddock_idempotency_owed 0"));
        BOOST_TEST(ask(key) == "outcome_unknown");
    }
}

BOOST_AUTO_TEST_CASE(what_is_lost_says_nothing_about_what_is_claimed_later)
{
    settings.max_owed = 0;
    run();
    store.land_in_doubt();
    BOOST_TEST(ask("before") == "begin");
    store.fail(ErrorCode::unavailable);
    keys->leave(claim_of("before").name);
    clock.pass(std::chrono::seconds{1});
    store.fail(ErrorCode::timeout);
    BOOST_TEST(ask("after") == "database_unavailable");
    store.recover();
    BOOST_TEST(ask("before") == "outcome_unknown");
    BOOST_TEST(ask("after") == "begin");
}

BOOST_AUTO_TEST_CASE(an_answer_beyond_the_bound_is_dropped_and_its_end_is_not)
{
    settings.max_owed_bytes = Bytes{10};
    run();
    BOOST_TEST(ask("a") == "begin");
    BOOST_TEST(ask("b") == "begin");
    store.fail(ErrorCode::unavailable);
    keep("a", std::string(10, 'x'));
    keep("b", std::string(1, 'x'));
    store.recover();
    keys->upkeep();
    BOOST_TEST(ask("a") == std::string(10, 'x'));
    BOOST_TEST(ask("b") == "outcome_unknown");
    BOOST_TEST(store.row(claim_of("b").name)->ended);
}

BOOST_AUTO_TEST_CASE(what_is_owed_when_it_stops_is_written)
{
    settings.stop_patience = std::chrono::seconds{20};
    run();
    for (const auto* key : {"kept", "left", "released"}) {
        BOOST_TEST(ask(key) == "begin");
    }
    store.fail(ErrorCode::unavailable);
    keep("kept", "made");
    keys->leave(claim_of("left").name);
    keys->release(claim_of("released").name);
    store.recover();
    keys->stop();
    BOOST_TEST(store.row(claim_of("kept").name)->answer.has_value());
    BOOST_TEST(store.row(claim_of("left").name)->ended);
    BOOST_TEST(!store.row(claim_of("released").name));
}

BOOST_AUTO_TEST_CASE(a_database_that_is_away_does_not_keep_it_from_stopping)
{
    settings.stop_patience = std::chrono::milliseconds{100};
    run();
    BOOST_TEST(ask("k") == "begin");
    store.fail(ErrorCode::unavailable);
    keep("k", "made");
    const auto calls = store.calls();
    const auto began = std::chrono::steady_clock::now();
    keys->stop();
    BOOST_TEST((std::chrono::steady_clock::now() - began < std::chrono::seconds{20}));
    BOOST_TEST(store.calls() > calls);
    BOOST_TEST(!store.row(claim_of("k").name)->answer);
}

BOOST_AUTO_TEST_CASE(what_is_owed_is_bounded_and_beyond_it_nothing_is_done_twice)
{
    settings.max_owed = 1;
    run();
    BOOST_TEST(ask("a") == "begin");
    BOOST_TEST(ask("b") == "begin");
    store.fail(ErrorCode::unavailable);
    keep("a", "first");
    keep("b", "second");
    store.recover();
    BOOST_TEST(ask("a") == "first");
    BOOST_TEST(ask("b") == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(an_answer_that_the_database_refuses_is_not_owed_for_ever)
{
    run();
    BOOST_TEST(ask("k") == "begin");
    store.fail(ErrorCode::internal);
    keep("k", "made");
    store.recover();
    BOOST_TEST(shows("paddock_idempotency_owed 0"));
    BOOST_TEST(ask("k") == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(over_a_tenants_bound_a_new_key_is_refused_and_an_old_one_is_not)
{
    settings.max_keys = 2;
    run();
    do_once("a", "one");
    do_once("b", "two");
    const auto refused = keys->claim(claim_of("c"));
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::rate_limited);
    BOOST_TEST(refused.error().stable_reason() == "too_many_idempotency_keys");
    BOOST_TEST(ask("a") == "one");
    auto other = claim_of("c");
    other.name.tenant = "another";
    BOOST_TEST(ask(other) == "begin");
    crash_and_restart();
    BOOST_TEST(ask("c") == "too_many_idempotency_keys");
    clock.pass(std::chrono::hours{25});
    keys->upkeep();
    BOOST_TEST(store.rows() == 0U);
    BOOST_TEST(ask("c") == "begin");
}

BOOST_AUTO_TEST_CASE(a_key_of_yesterday_is_a_new_one_also_before_it_is_swept)
{
    run();
    do_once("k", "old");
    clock.pass(std::chrono::hours{24} - std::chrono::seconds{1});
    BOOST_TEST(ask("k") == "old");
    clock.pass(std::chrono::seconds{1});
    BOOST_TEST(ask(claim_of("k", "other")) == "begin");
}

BOOST_AUTO_TEST_CASE(upkeep_looks_for_old_keys_now_and_then_only)
{
    run();
    keys->upkeep(); // The first time at once.
    const auto calls = store.calls();
    keys->upkeep();
    BOOST_TEST(store.calls() == calls);
    clock.pass(std::chrono::seconds{60});
    keys->upkeep();
    BOOST_TEST(store.calls() == calls + 1); // Nothing is old: it has counted, and not written.
}

BOOST_AUTO_TEST_CASE(when_answers_hold_too_much_the_oldest_go_and_their_keys_stay)
{
    settings.max_bytes = Bytes{100};
    run();
    for (const auto* key : {"a", "b", "c"}) {
        do_once(key, std::string(40, *key));
        clock.pass(std::chrono::seconds{1});
    }
    keys->upkeep();
    BOOST_TEST(ask("a") == "outcome_unknown"); // Not done again.
    BOOST_TEST(ask("b") == "outcome_unknown");
    BOOST_TEST(ask("c") == std::string(40, 'c'));
    BOOST_TEST(shows("paddock_idempotency_answer_bytes 40"));
    BOOST_TEST(shows("paddock_idempotency_keys 3"));
}

BOOST_AUTO_TEST_CASE(no_answers_are_kept_beyond_twice_the_bound_whatever_upkeep_does)
{
    settings.max_bytes = Bytes{100};
    run();
    for (const auto* key : {"a", "b", "c", "d", "e", "f"}) {
        do_once(key, std::string(40, *key));
    }
    BOOST_TEST(ask("e") == std::string(40, 'e'));
    BOOST_TEST(ask("f") == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_too_large_is_not_kept_and_its_request_not_done_again)
{
    settings.max_answer = Bytes{10};
    run();
    do_once("a", std::string(10, 'x'));
    do_once("b", std::string(11, 'x'));
    BOOST_TEST(ask("a") == std::string(10, 'x'));
    BOOST_TEST(ask("b") == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(upkeep_goes_on_by_itself_and_stop_ends_it_at_once)
{
    settings.tick = std::chrono::milliseconds{1};
    run();
    BOOST_TEST(ask("k") == "begin");
    store.fail(ErrorCode::unavailable);
    keep("k", "made");
    store.recover();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!shows("paddock_idempotency_owed 0") && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    BOOST_TEST(store.row(claim_of("k").name)->answer.has_value());
    keys->stop();
    keys->stop();
}

BOOST_AUTO_TEST_SUITE_END()
