#include "cli/reach.hpp"

#include "common/unique_fd.hpp"

#include <boost/test/unit_test.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

namespace cli {

namespace {

/// A loopback port: one that listens, until `fd` goes.
std::string listen_on_any(common::UniqueFd& fd)
{
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    BOOST_REQUIRE(::listen(fd.get(), 1) == 0);
    BOOST_REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return std::to_string(ntohs(address.sin_port));
}

} // namespace

BOOST_AUTO_TEST_SUITE(reach_tests)

BOOST_AUTO_TEST_CASE(a_url_names_a_host_and_a_port)
{
    const auto text = [](const char* url) {
        const auto endpoint = endpoint_of(url);
        return endpoint.host + " " + endpoint.port;
    };
    BOOST_TEST(text("http://127.0.0.1:8080") == "127.0.0.1 8080");
    BOOST_TEST(text("http://[::1]:8080") == "::1 8080");
    BOOST_TEST(text("http://[::1]") == "::1 80");
    BOOST_TEST(text("https://paddock.example") == "paddock.example 443");
}

BOOST_AUTO_TEST_CASE(who_listens_is_reached_and_who_does_not_is_refused_by_the_kernels_word)
{
    common::UniqueFd listener;
    const auto port = listen_on_any(listener);
    const auto reached = reach({"127.0.0.1", port}, std::chrono::seconds{5});
    BOOST_REQUIRE(reached.has_value());
    BOOST_TEST(*reached == "127.0.0.1 port " + port);
    BOOST_TEST(*reach_any("http://127.0.0.1:1,http://127.0.0.1:" + port, std::chrono::seconds{5}) ==
               "127.0.0.1 port " + port);
    listener.reset();
    const auto refused = reach({"127.0.0.1", port}, std::chrono::seconds{5});
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code == common::ErrorCode::unavailable));
    BOOST_TEST(refused.error().message.find("Connection refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_without_an_address_is_not_found)
{
    const auto none = reach({"no-such-host.invalid", "80"}, std::chrono::seconds{5});
    BOOST_REQUIRE(!none.has_value());
    BOOST_TEST((none.error().code == common::ErrorCode::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
