#include "hostd/metrics/listener.hpp"

#include <arpa/inet.h>
#include <boost/test/unit_test.hpp>
#include <sys/socket.h>
#include <unistd.h>

using common::metrics::Page;
using hostd::metrics::Listener;

namespace {

Page one_box()
{
    Page page;
    page.gauge("boxes", "All.").add(1);
    return page;
}

/// The whole reply.
std::string get(int port, const std::string& path)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    BOOST_REQUIRE(::write(fd, request.data(), request.size()) > 0);
    std::string reply;
    std::array<char, 4096> piece{};
    for (ssize_t n = 0; (n = ::read(fd, piece.data(), piece.size())) > 0;) {
        reply.append(piece.data(), static_cast<std::size_t>(n));
    }
    ::close(fd);
    return reply;
}

} // namespace

BOOST_AUTO_TEST_SUITE(listener_tests)

BOOST_AUTO_TEST_CASE(metrics_are_there_and_nothing_else_is)
{
    const auto listener = Listener::listen("127.0.0.1:0", &one_box);
    BOOST_REQUIRE(listener);
    const auto reply = get((*listener)->port(), "/metrics");
    BOOST_TEST(reply.starts_with("HTTP/1.1 200"));
    BOOST_TEST(reply.find("\nboxes 1\n") != std::string::npos);
    for (const auto* path : {"/", "/etc/passwd", "/../../etc/passwd"}) {
        BOOST_TEST(!get((*listener)->port(), path).starts_with("HTTP/1.1 200"), path);
    }
}

BOOST_AUTO_TEST_CASE(an_address_that_is_taken_is_said)
{
    const auto first = Listener::listen("127.0.0.1:0", &one_box);
    BOOST_REQUIRE(first);
    const auto address = "127.0.0.1:" + std::to_string((*first)->port());
    const auto second = Listener::listen(address, &one_box);
    BOOST_REQUIRE(!second);
    BOOST_CHECK(second.error().code == common::ErrorCode::unavailable);
    BOOST_TEST(second.error().message.find(address) != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
