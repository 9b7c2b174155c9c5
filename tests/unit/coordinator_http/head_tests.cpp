#include "coordinator/http/wire/head.hpp"

#include <boost/test/unit_test.hpp>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(head_tests)

namespace {

std::string refusal(const std::string& head)
{
    const auto parsed = parse_head(head);
    return parsed ? "" : std::string{parsed.error().stable_reason()};
}

} // namespace

BOOST_AUTO_TEST_CASE(an_ordinary_request_is_understood)
{
    const auto head = parse_head("POST /v1/sandboxes?a=b HTTP/1.1\r\nHost: localhost\r\n"
                                 "Content-Length: 12\r\nX-Thing:  spaced \r\n\r\n");
    BOOST_REQUIRE(head);
    BOOST_TEST(head->method == "POST");
    BOOST_TEST(head->target == "/v1/sandboxes?a=b");
    BOOST_TEST((head->framing == Head::Framing::length));
    BOOST_TEST(head->length == 12U);
    BOOST_TEST(head->keep_alive);
    BOOST_REQUIRE(head->find("x-thing") != nullptr);
    BOOST_TEST(*head->find("x-thing") == "spaced");
}

BOOST_AUTO_TEST_CASE(an_incomplete_head_has_no_size)
{
    BOOST_TEST(head_size("GET / HTTP/1.1\r\nHost: a\r\n") == 0U);
    BOOST_TEST(head_size("GET / HTTP/1.1\r\n\r\nrest") == 18U);
}

BOOST_AUTO_TEST_CASE(what_could_be_read_in_two_ways_is_refused)
{
    const std::string line = "POST / HTTP/1.1\r\n";
    for (const std::string headers : {
             "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
             "Content-Length: 1\r\nContent-Length: 2\r\n",
             "Content-Length: +1\r\n",
             "Content-Length: -1\r\n",
             "Content-Length: 1x\r\n",
             "Content-Length: \r\n",
             "Content-Length: 99999999999999999999\r\n",
             "Transfer-Encoding: gzip, chunked\r\n",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
             "Host: a\r\nHost: b\r\n",
             "Name : value\r\n",
             " folded: line\r\n",
             "no colon\r\n",
             "Bare: line\nfeed\r\n",
         }) {
        BOOST_TEST_CONTEXT(headers)
        {
            BOOST_TEST(refusal(line + headers + "\r\n") == "malformed_request");
        }
    }
    BOOST_TEST(refusal(line + std::string{"A: b\0c\r\n\r\n", 10}) == "malformed_request");
}

BOOST_AUTO_TEST_CASE(request_lines_that_are_none_are_refused)
{
    BOOST_TEST(refusal("GET\r\n\r\n") == "malformed_request");
    BOOST_TEST(refusal("GET /\r\n\r\n") == "malformed_request");
    BOOST_TEST(refusal("GET / x HTTP/1.1\r\n\r\n") == "malformed_request");
    BOOST_TEST(refusal("GET http://else/ HTTP/1.1\r\n\r\n") == "malformed_request");
    BOOST_TEST(refusal("G(T / HTTP/1.1\r\n\r\n") == "malformed_request");
    BOOST_TEST(refusal("GET / HTTP/2.0\r\n\r\n") == "http_version_not_supported");
    BOOST_TEST(refusal("BREW / HTTP/1.1\r\n\r\n") == "method_not_supported");
    BOOST_TEST(refusal("PRI * HTTP/2.0\r\n\r\n") == "http_version_not_supported");
}

BOOST_AUTO_TEST_CASE(a_hundred_headers_are_enough)
{
    std::string head = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 101; ++i) {
        head += "h" + std::to_string(i) + ": v\r\n";
    }
    BOOST_TEST(refusal(head + "\r\n") == "malformed_request");
}

BOOST_AUTO_TEST_CASE(keep_alive_follows_version_and_connection_header)
{
    BOOST_TEST(!parse_head("GET / HTTP/1.0\r\n\r\n")->keep_alive);
    BOOST_TEST(parse_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->keep_alive);
    BOOST_TEST(!parse_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->takes_chunks);
    BOOST_TEST(parse_head("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n")->takes_chunks);
    BOOST_TEST(!parse_head("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n")->keep_alive);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
