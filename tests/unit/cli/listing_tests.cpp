#include "cli/listing.hpp"

#include "tests/support/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

using test_support::ScriptedServer;

namespace {

/// A reply with so many items, numbered from `from`.
std::string page(std::size_t from, std::size_t count, std::size_t total)
{
    Json body{{"hosts", Json::array()}, {"total", total}};
    for (std::size_t i = 0; i < count; ++i) {
        body["hosts"].push_back({{"n", from + i}});
    }
    const auto text = body.dump();
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + text;
}

std::string target(const std::string& request)
{
    return request.substr(0, request.find(" HTTP/"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(listing_tests)

BOOST_AUTO_TEST_CASE(all_pages_are_one_document)
{
    ScriptedServer server{{page(0, 500, 503), page(500, 3, 503)}};
    client::Session session{{server.url(), "", "req-1", {}}};
    const auto listing = list_all(session, "/v1/hosts", "a=b", "hosts");
    BOOST_REQUIRE(listing.has_value());
    BOOST_TEST(listing->items().size() == 503U);
    BOOST_TEST(number_of(listing->items().back(), "n") == 502);
    BOOST_TEST(Json::parse(listing->verbatim) == listing->document);
    const auto requests = server.requests();
    BOOST_TEST(target(requests.at(0)) == "GET /v1/hosts?a=b&limit=500&offset=0");
    BOOST_TEST(target(requests.at(1)) == "GET /v1/hosts?a=b&limit=500&offset=500");
}

BOOST_AUTO_TEST_CASE(one_page_is_as_it_came)
{
    ScriptedServer server{{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 28\r\n\r\n"
                           "{ \"hosts\" : [] , \"total\":0 }"}};
    client::Session session{{server.url(), "", "req-1", {}}};
    const auto listing = list_all(session, "/v1/hosts", "", "hosts");
    BOOST_REQUIRE(listing.has_value());
    BOOST_TEST(listing->verbatim == "{ \"hosts\" : [] , \"total\":0 }");
}

BOOST_AUTO_TEST_CASE(what_vanishes_meanwhile_does_not_make_it_ask_for_ever)
{
    ScriptedServer server{{page(0, 500, 600), page(500, 0, 500)}};
    client::Session session{{server.url(), "", "req-1", {}}};
    const auto listing = list_all(session, "/v1/hosts", "", "hosts");
    BOOST_REQUIRE(listing.has_value());
    BOOST_TEST(listing->items().size() == 500U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
