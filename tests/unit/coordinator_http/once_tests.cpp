#include "coordinator/http/reply.hpp"
#include "raw_socket.hpp"
#include "running_server.hpp"

#include <future>

namespace coordinator::http {

using common::Error;
using common::ErrorCode;
using nlohmann::json;

namespace {

const json create_body{{"image", "tiny"}, {"agent_id", "agent-1"}};

client::ApiClient::Headers keyed(const std::string& key)
{
    return {{"Idempotency-Key", key}};
}

bool is_replay(const client::ApiClient::Reply& reply)
{
    return reply.headers.contains("idempotency-replayed");
}

struct OnceFixture {
    RunningServer run;
    client::ApiClient client = run.client();
    const std::string box = run.service.add(Phase::running, "").str();
    const std::string path = "/v1/sandboxes/" + box + "/run";

    client::ApiClient::Reply command(const std::string& key)
    {
        return client.post(path, {{"command", "date"}}, keyed(key));
    }
    /// From now on each run ends so.
    void fail(Error error)
    {
        run.service.on_run = [error = std::move(error)](const RunRequest&) { return error; };
    }
    void recover() { run.service.on_run = nullptr; }
    [[nodiscard]] std::size_t runs() const { return run.service.runs().size(); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(once_tests, OnceFixture)

BOOST_AUTO_TEST_CASE(the_same_key_and_body_get_the_first_answer_under_their_own_request_id)
{
    const auto first = client.post("/v1/sandboxes", create_body, keyed("k"));
    BOOST_TEST(first.status == 201, first.body);
    BOOST_TEST(!is_replay(first));
    auto headers = keyed("k");
    headers["X-Request-ID"] = "mine-2";
    const auto again = client.post("/v1/sandboxes", create_body, headers);
    BOOST_TEST(again.status == 201);
    BOOST_TEST(again.body == first.body);
    BOOST_TEST(again.headers.at("idempotency-replayed") == "true");
    BOOST_TEST(again.headers.at("content-type") == first.headers.at("content-type"));
    BOOST_TEST(again.headers.at("location") == first.headers.at("location"));
    BOOST_TEST(again.headers.at("x-request-id") == "mine-2");
    BOOST_TEST(run.service.creates().size() == 1U);
    BOOST_TEST(client.post("/v1/sandboxes", create_body, keyed("l")).status == 201);
    BOOST_TEST(run.service.creates().size() == 2U);
}

BOOST_AUTO_TEST_CASE(timings_belong_to_their_own_exchange)
{
    BOOST_TEST(command("k").headers.contains("server-timing"));
    const auto again = command("k");
    BOOST_TEST(is_replay(again));
    BOOST_TEST(!again.headers.contains("server-timing"));
    BOOST_TEST(runs() == 1U);
}

BOOST_AUTO_TEST_CASE(another_body_path_or_query_under_the_same_key_is_409)
{
    BOOST_TEST(command("k").status == 200);
    check_error(client.post(path, {{"command", "id"}}, keyed("k")), 409, "idempotency_key_reused");
    check_error(client.post("/v1/sandboxes/" + box + "/command", {{"command", "date"}}, keyed("k")),
                409,
                "idempotency_key_reused");
    check_error(client.post(path + "?x=1", {{"command", "date"}}, keyed("k")),
                409,
                "idempotency_key_reused");
    const auto other = run.service.add(Phase::running, "").str();
    check_error(client.post("/v1/sandboxes/" + other + "/run", {{"command", "date"}}, keyed("k")),
                409,
                "idempotency_key_reused");
    BOOST_TEST(runs() == 1U);
    BOOST_TEST(is_replay(command("k")));
}

BOOST_AUTO_TEST_CASE(a_key_is_one_to_255_visible_ascii_characters_once)
{
    for (const auto& bad :
         {std::string{}, std::string(256, 'k'), std::string{"a b"}, std::string{"caf\xc3\xa9"}}) {
        const auto refused = client.post(path, {{"command", "date"}}, keyed(bad));
        check_error(refused, 400, "invalid_argument");
        BOOST_TEST(refused.json()["errors"][0]["field"] == "Idempotency-Key");
    }
    const RawSocket twice{run.server.port()};
    twice.send("POST " + path +
               " HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " + std::string{test_token} +
               "\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\nContent-Length: 2\r\n\r\n{}");
    BOOST_TEST(twice.receive("\r\n\r\n").starts_with("HTTP/1.1 400"));
    BOOST_TEST(runs() == 0U);
    BOOST_TEST(run.key_store.calls() == 0);
    BOOST_TEST(command(std::string(255, '~')).status == 200);
    BOOST_TEST(command("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"").status == 200);
}

BOOST_AUTO_TEST_CASE(without_a_key_and_with_other_methods_nothing_is_looked_up)
{
    BOOST_TEST(client.post(path, {{"command", "date"}}).status == 200);
    BOOST_TEST(client.get("/v1/sandboxes/" + box, keyed("not a key")).status == 200);
    BOOST_TEST(client.del("/v1/sandboxes/" + box, keyed("k")).status == 200);
    BOOST_TEST(client.del("/v1/sandboxes/" + box, keyed("k")).status == 404);
    BOOST_TEST(run.key_store.calls() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_built_and_who_is_not_known_use_up_no_key)
{
    check_error(
        client.post("/v1/sandboxes/" + box + "/diff", json::object(), keyed("k")), 501, "not_yet");
    check_error(
        run.stranger().post(path, {{"command", "date"}}, keyed("k")), 401, "unauthenticated");
    BOOST_TEST(run.key_store.calls() == 0);
}

BOOST_AUTO_TEST_CASE(who_comes_while_it_is_under_way_is_told_to_come_again)
{
    std::promise<void> entered;
    std::promise<void> release;
    run.service.on_run = [&](const RunRequest&) -> common::Result<Command> {
        entered.set_value();
        release.get_future().wait_for(std::chrono::seconds{20});
        Command done;
        done.stdout_text = "once";
        return done;
    };
    auto first = std::async(std::launch::async, [&] {
        return run.client().post(path, {{"command", "date"}}, keyed("k"));
    });
    entered.get_future().wait_for(std::chrono::seconds{20});
    const auto refused = command("k");
    check_error(refused, 409, "idempotency_in_progress");
    BOOST_TEST(refused.headers.at("retry-after") == "1");
    check_error(client.post(path, {{"command", "id"}}, keyed("k")), 409, "idempotency_key_reused");
    release.set_value();
    const auto answered = first.get();
    BOOST_TEST(answered.status == 200);
    const auto again = command("k");
    BOOST_TEST(is_replay(again));
    BOOST_TEST(again.body == answered.body);
    BOOST_TEST(runs() == 1U);
}

BOOST_AUTO_TEST_CASE(an_operations_own_refusal_is_its_answer)
{
    for (const auto& error : {Error{ErrorCode::failed_precondition, "it sleeps", "not_running"},
                              Error{ErrorCode::not_found, "no such thing"},
                              Error{ErrorCode::refused, "no such user", "unknown_user"},
                              Error{ErrorCode::already_exists, "it is there"},
                              Error{ErrorCode::timeout, "it runs and stays", "not_ready"}}) {
        const auto before = runs();
        const std::string key{error.stable_reason()};
        fail(error);
        const auto refused = command(key);
        check_error(refused, status_of(error), key);
        recover();
        const auto again = command(key);
        BOOST_TEST(again.status == refused.status);
        BOOST_TEST(again.body == refused.body); // With the request id of then.
        BOOST_TEST(again.headers.at("x-request-id") != refused.headers.at("x-request-id"));
        BOOST_TEST(is_replay(again));
        BOOST_TEST(runs() == before + 1);
    }
}

BOOST_AUTO_TEST_CASE(what_was_not_begun_may_be_tried_again_under_its_key)
{
    for (const auto& error : {Error{ErrorCode::rate_limited, "too much", "busy"},
                              Error{ErrorCode::resource_exhausted, "full", "no_capacity"},
                              Error{ErrorCode::unavailable, "down", "database_unavailable"},
                              Error{ErrorCode::unavailable, "cut off", "host_unreachable"},
                              Error{ErrorCode::permission_denied, "closed", "not_importable"},
                              Error{ErrorCode::unimplemented, "later", "not_yet"},
                              Error{ErrorCode::timeout, "it boots", "still_starting"}}) {
        const auto before = runs();
        const std::string key{error.stable_reason()};
        fail(error);
        check_error(command(key), status_of(error), key);
        recover();
        const auto again = command(key);
        BOOST_TEST(again.status == 200, again.body);
        BOOST_TEST(!is_replay(again));
        BOOST_TEST(is_replay(command(key)));
        BOOST_TEST(runs() == before + 2);
    }
}

BOOST_AUTO_TEST_CASE(a_request_that_does_not_parse_uses_up_no_key)
{
    check_error(client.post(path, {{"comand", "date"}}, keyed("k")), 400, "invalid_argument");
    BOOST_TEST(command("k").status == 200);
    BOOST_TEST(run.key_store.rows() == 1U);
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_the_end_of_is_not_done_again)
{
    for (const auto& error : {Error{ErrorCode::timeout, "no answer", "outcome_unknown"},
                              Error{ErrorCode::timeout, "no answer", "boot_timeout"},
                              Error{ErrorCode::unavailable, "it broke", "host_failed"},
                              Error{ErrorCode::unavailable, "ending", "coordinator_ending"},
                              Error{ErrorCode::internal, "a bug"}}) {
        const auto before = runs();
        const std::string key{error.stable_reason()};
        fail(error);
        const auto first = command(key);
        check_error(first, status_of(error), key);
        recover();
        const auto again = command(key);
        check_error(again, 504, "outcome_unknown");
        BOOST_TEST(!is_replay(again));
        BOOST_TEST(again.body.find(first.headers.at("x-request-id")) != std::string::npos);
        BOOST_TEST(runs() == before + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_holds_no_key_and_is_not_run_again)
{
    run.service.on_run = [](const RunRequest&) -> common::Result<Command> {
        throw std::runtime_error{"a bug"};
    };
    check_error(command("k"), 500, "internal");
    recover();
    check_error(command("k"), 504, "outcome_unknown");
    BOOST_TEST(runs() == 1U);
}

BOOST_AUTO_TEST_CASE(without_the_database_a_request_with_a_key_is_not_begun)
{
    run.key_store.fail(ErrorCode::unavailable);
    const auto refused = command("k");
    check_error(refused, 503, "database_unavailable");
    BOOST_TEST(refused.headers.contains("retry-after"));
    BOOST_TEST(client.post(path, {{"command", "date"}}).status == 200);
    BOOST_TEST(runs() == 1U);
    run.key_store.recover();
    BOOST_TEST(command("k").status == 200);
}

BOOST_AUTO_TEST_CASE(keys_and_replays_are_counted)
{
    command("k");
    command("k");
    const auto metrics = client.get("/metrics").body;
    BOOST_TEST(metrics.find("\npaddock_idempotency_keys 1\n") != std::string::npos);
    BOOST_TEST(metrics.find("\npaddock_idempotency_replays_total 1\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(once_by_token_tests)

BOOST_AUTO_TEST_CASE(a_key_of_one_token_says_nothing_to_another)
{
    auto options = test_options();
    const std::string other_token(32, 'o');
    options.tokens.push_back({"other", common::digest::of(other_token)});
    RunningServer run{options};
    auto mine = run.client();
    client::ApiClient others{run.url(), other_token};
    const auto first = mine.post("/v1/sandboxes", create_body, keyed("k"));
    const auto second = others.post("/v1/sandboxes", create_body, keyed("k"));
    BOOST_TEST(second.status == 201);
    BOOST_TEST(!is_replay(second));
    BOOST_TEST(second.body != first.body);
    BOOST_TEST(run.service.creates().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
