#include "cli/listing.hpp"

#include "tests/support/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

using test_support::ScriptedServer;

namespace {

/// A reply with so many items, numbered from `from`; `next`: there is more.
std::string
page(std::size_t from, std::size_t count, std::size_t total, const std::string& next = "")
{
    Json body{{"hosts", Json::array()}, {"total", total}};
    if (!next.empty()) {
        body["next_cursor"] = next;
    }
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
    ScriptedServer server{{page(0, 500, 503, "7~a&b"), page(500, 3, 504)}};
    client::Session session{{server.url(), "", "req-1", {}}};
    const auto listing = list_all(session, "/v1/hosts", "a=b", "hosts");
    BOOST_REQUIRE(listing.has_value());
    BOOST_TEST(listing->items().size() == 503U);
    BOOST_TEST(number_of(listing->items().back(), "n") == 502);
    BOOST_TEST(Json::parse(listing->verbatim) == listing->document);
    const auto requests = server.requests();
    BOOST_TEST(target(requests.at(0)) == "GET /v1/hosts?a=b&limit=500");
    BOOST_TEST(target(requests.at(1)) == "GET /v1/hosts?a=b&limit=500&cursor=7~a%26b");
    BOOST_TEST(listing->document.at("total") == 504U);
    BOOST_TEST(!listing->document.contains("next_cursor"));
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
    ScriptedServer server{{page(0, 500, 600, "a"), page(500, 0, 500, "b")}};
    client::Session session{{server.url(), "", "req-1", {}}};
    const auto listing = list_all(session, "/v1/hosts", "", "hosts");
    BOOST_REQUIRE(listing.has_value());
    BOOST_TEST(listing->items().size() == 500U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
