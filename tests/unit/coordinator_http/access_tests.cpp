#include "coordinator/http/access.hpp"

#include "common/digest/base64.hpp"

#include <boost/test/unit_test.hpp>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(access_tests)

namespace {

Head with(std::vector<std::pair<std::string, std::string>> headers)
{
    Head head;
    head.headers = std::move(headers);
    return head;
}

Options two_tokens()
{
    Options options;
    options.tokens = {{"a", common::digest::of("token-a")}, {"b", common::digest::of("token-b")}};
    options.allowed_hosts = {"paddock.example"};
    return options;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_token_is_known_by_either_header)
{
    const auto options = two_tokens();
    BOOST_TEST(*authenticate(options, with({{"authorization", "Bearer token-a"}})) == "token:a");
    BOOST_TEST(*authenticate(options, with({{"authorization", "bearer token-b"}})) == "token:b");
    BOOST_TEST(*authenticate(options, with({{"x-api-key", "token-b"}})) == "token:b");
}

BOOST_AUTO_TEST_CASE(anything_else_is_a_stranger)
{
    const auto options = two_tokens();
    for (const auto& head : {with({}),
                             with({{"authorization", "Bearer "}}),
                             with({{"authorization", "Bearer token-c"}}),
                             with({{"authorization", "Basic token-a"}}),
                             with({{"authorization", "token-a"}}),
                             with({{"x-api-key", ""}}),
                             with({{"authorization", "Bearer nope"}, {"x-api-key", "token-a"}})}) {
        const auto actor = authenticate(options, head);
        BOOST_REQUIRE(!actor);
        BOOST_TEST(actor.error().reason == "unauthenticated");
    }
}

BOOST_AUTO_TEST_CASE(a_browser_may_send_its_token_as_a_password)
{
    const auto options = two_tokens();
    const auto basic = [](const std::string& pair) {
        return with({{"authorization", "Basic " + common::digest::to_base64(pair)}});
    };
    BOOST_TEST(*authenticate_browser(options, basic("me:token-a")) == "token:a");
    BOOST_TEST(*authenticate_browser(options, basic(":token-b")) == "token:b");
    BOOST_TEST(*authenticate_browser(options, with({{"x-api-key", "token-b"}})) == "token:b");
    for (const auto& head : {basic("token-a"),
                             basic("token-a:"),
                             basic("me:token-c"),
                             basic(""),
                             with({{"authorization", "Basic token-a"}}),
                             with({{"authorization", "Basic !"}, {"x-api-key", "token-a"}}),
                             with({})}) {
        BOOST_TEST(!authenticate_browser(options, head));
    }
    BOOST_TEST(!authenticate(options, basic("me:token-a")));
}

BOOST_AUTO_TEST_CASE(hosts_are_loopback_addresses_or_configured_names)
{
    const auto options = two_tokens();
    for (const char* host : {"localhost",
                             "LOCALHOST:8080",
                             "127.0.0.1:8080",
                             "[::1]:8080",
                             "[::1]",
                             "paddock.example",
                             "paddock.example:443",
                             "192.0.2.7:8080"}) {
        BOOST_TEST_CONTEXT(host)
        {
            BOOST_TEST(check_origin(options, with({{"host", host}})).has_value());
        }
    }
    for (const char* host : {"",
                             "evil.example",
                             "localhost.evil.example",
                             "127.0.0.1.evil.example",
                             "paddock.example.evil",
                             ":80"}) {
        BOOST_TEST_CONTEXT(host)
        {
            BOOST_TEST(!check_origin(options, with({{"host", host}})));
        }
    }
    BOOST_TEST(!check_origin(options, with({})));
}

BOOST_AUTO_TEST_CASE(a_foreign_origin_is_refused)
{
    const auto options = two_tokens();
    const auto ask = [&](const char* origin) {
        return check_origin(options, with({{"host", "127.0.0.1:8080"}, {"origin", origin}}))
            .has_value();
    };
    BOOST_TEST(ask("http://127.0.0.1:8080"));
    BOOST_TEST(ask("https://paddock.example"));
    BOOST_TEST(!ask("http://evil.example"));
    BOOST_TEST(!ask("http://192.0.2.7"));
    BOOST_TEST(!ask("null"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
