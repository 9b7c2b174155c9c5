#include "coordinator/standby/proxy.hpp"

#include "tests/unit/coordinator_http/raw_socket.hpp"

#include <boost/test/unit_test.hpp>
#include <future>
#include <optional>

using coordinator::http::RawSocket;
using coordinator::standby::Proxy;
using coordinator::standby::ProxyOptions;
using std::chrono::milliseconds;

namespace {

/// The leader's end of one connection.
class Peer {
public:
    explicit Peer(int fd) : fd_{fd} {}

    /// As many bytes, or what came until the end.
    std::string receive(std::size_t enough = 1)
    {
        std::string text;
        while (text.size() < enough) {
            char buffer[65536];
            const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
            if (n <= 0) {
                break;
            }
            text.append(buffer, static_cast<std::size_t>(n));
        }
        return text;
    }
    /// False: the other side is gone.
    bool send(std::string_view bytes)
    {
        while (!bytes.empty()) {
            const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) {
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }
    /// As a process that is killed with something unread.
    void die()
    {
        const linger at_once{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        fd_.reset();
    }
    void close() { fd_.reset(); }

private:
    common::UniqueFd fd_;
};

/// A listener on loopback, in place of the leader's HTTP server.
class FakeLeader {
public:
    FakeLeader()
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
            ::getsockname(listener_.get(), any, &size) != 0) {
            throw std::runtime_error{"no listener"};
        }
        port_ = ntohs(address.sin_port);
    }

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    Peer accept()
    {
        if (!is_asked(std::chrono::seconds{30})) {
            throw std::runtime_error{"nobody connected to the leader"};
        }
        return Peer{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    }
    bool is_asked(milliseconds within)
    {
        pollfd wanted{listener_.get(), POLLIN, 0};
        return ::poll(&wanted, 1, static_cast<int>(within.count())) > 0;
    }
    void close() { listener_.reset(); }

private:
    common::UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::uint16_t port_ = 0;
};

struct ProxyFixture {
    Proxy& start(ProxyOptions options = {})
    {
        options.port = 0;
        options.refusal = [](const common::Error& why) {
            return "HTTP/1.1 503 Service Unavailable\r\n\r\n" + why.reason;
        };
        proxy.emplace(std::move(options));
        if (const auto started = proxy->start(); !started) {
            throw std::runtime_error{started.error().message};
        }
        return *proxy;
    }
    void start_with_leader(ProxyOptions options = {})
    {
        start(std::move(options)).lead_to(leader.address());
    }
    [[nodiscard]] RawSocket client() const { return RawSocket{proxy->port()}; }
    /// A client and the leader's end of its connection, over which one byte has gone.
    std::pair<RawSocket, Peer> connected()
    {
        auto one = client();
        one.send("x");
        auto peer = leader.accept();
        BOOST_TEST(peer.receive() == "x");
        return {std::move(one), std::move(peer)};
    }

    FakeLeader leader;
    std::optional<Proxy> proxy;
};

const std::string refused = "HTTP/1.1 503 Service Unavailable\r\n\r\n";

std::string many_bytes(std::size_t count)
{
    std::string bytes(count, ' ');
    for (std::size_t i = 0; i < count; ++i) {
        bytes[i] = static_cast<char>(i * 31 + i / 251);
    }
    return bytes;
}

/// Tries again and again; each try takes a moment.
template <typename Try>
bool in_the_end(Try succeeds)
{
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (std::chrono::steady_clock::now() < until) {
        if (succeeds()) {
            return true;
        }
    }
    return false;
}

constexpr std::size_t more_than_buffers = std::size_t{24} << 20U;

} // namespace

BOOST_FIXTURE_TEST_SUITE(proxy_tests, ProxyFixture)

BOOST_AUTO_TEST_CASE(what_each_side_sends_arrives_at_the_other_again_and_again)
{
    start_with_leader();
    auto [one, peer] = connected();
    for (int i = 0; i < 3; ++i) {
        one.send("GET / HTTP/1.1\r\n\r\n");
        BOOST_TEST(peer.receive(18) == "GET / HTTP/1.1\r\n\r\n");
        peer.send("HTTP/1.1 200 OK\r\n\r\n");
        BOOST_TEST(one.receive("\r\n\r\n") == "HTTP/1.1 200 OK\r\n\r\n");
    }
}

BOOST_AUTO_TEST_CASE(many_bytes_pass_both_ways_at_once_however_slowly_they_are_taken)
{
    start_with_leader();
    auto [one, peer] = connected();
    const auto bytes = many_bytes(more_than_buffers);
    auto up = std::async(std::launch::async, [&, &client = one] {
        client.send(bytes);
        client.end_sending();
    });
    auto down = std::async(std::launch::async, [&, &far = peer] {
        far.send(bytes);
        far.end_sending();
    });
    BOOST_TEST((peer.receive(bytes.size() + 1) == bytes)); // Nothing of the other way is taken yet.
    up.get();
    BOOST_TEST((one.receive() == bytes));
    down.get();
}

BOOST_AUTO_TEST_CASE(a_client_that_has_ended_its_side_still_gets_the_answer)
{
    start_with_leader();
    auto [one, peer] = connected();
    one.send("all of it");
    one.end_sending();
    BOOST_TEST(peer.receive(100) == "all of it");
    peer.send("an answer");
    peer.close();
    BOOST_TEST(one.receive() == "an answer");
}

BOOST_AUTO_TEST_CASE(a_leader_that_ends_after_its_answer_ends_the_connection)
{
    ProxyOptions options;
    options.linger_timeout = milliseconds{50};
    start_with_leader(options);
    auto [one, peer] = connected();
    peer.send("the last answer");
    peer.end_sending();
    BOOST_TEST(one.receive() == "the last answer");
    BOOST_TEST(peer.receive() == ""); // Also if the client does not close.
}

BOOST_AUTO_TEST_CASE(a_leader_that_dies_midway_never_looks_like_the_end_of_an_answer)
{
    start_with_leader();
    auto [one, peer] = connected();
    peer.send("half an ans");
    BOOST_TEST(one.receive("ans") == "half an ans");
    peer.die();
    BOOST_TEST(one.is_reset());
    auto again = client();
    again.send("GET");
    auto next = leader.accept(); // Others go on.
    BOOST_TEST(next.receive(3) == "GET");
    again.close();
    BOOST_TEST(next.receive() == "");
}

BOOST_AUTO_TEST_CASE(without_a_leader_a_request_is_refused_once_it_is_there)
{
    start();
    auto one = client();
    BOOST_TEST(one.receive_within(milliseconds{20}) == "");
    one.send("POST / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n");
    one.send(std::string(300000, 'x'));
    BOOST_TEST(one.receive() == refused + "no_leader");
    auto head = client();
    head.send("HEAD / HTTP/1.1\r\n\r\n");
    BOOST_TEST(head.receive() == refused);
}

BOOST_AUTO_TEST_CASE(a_leader_that_cannot_be_reached_is_none_until_it_can)
{
    start_with_leader();
    const auto address = leader.address();
    leader.close();
    auto one = client();
    one.send("GET");
    BOOST_TEST(one.receive() == refused + "no_leader");
    proxy->lead_to("");
    FakeLeader second;
    proxy->lead_to(second.address());
    auto two = client();
    two.send("GET");
    BOOST_TEST(second.accept().receive(3) == "GET");
}

BOOST_AUTO_TEST_CASE(connections_to_a_former_leader_are_cut_and_new_ones_go_to_the_next)
{
    start_with_leader();
    auto [one, peer] = connected();
    auto waiting = client();
    FakeLeader second;
    proxy->lead_to(leader.address()); // No change.
    one.send("more");
    BOOST_TEST(peer.receive(4) == "more");
    proxy->lead_to(second.address());
    BOOST_TEST(one.is_reset());
    BOOST_TEST(peer.receive() == "");
    waiting.send("GET");
    BOOST_TEST(second.accept().receive(3) == "GET");
}

BOOST_AUTO_TEST_CASE(a_flood_is_refused_and_whoever_was_there_goes_on)
{
    ProxyOptions options;
    options.max_connections = 2;
    start_with_leader(options);
    auto [one, peer] = connected();
    auto idle = client();
    for (int i = 0; i < 20; ++i) {
        auto other = client();
        other.send("GET");
        BOOST_TEST(other.receive() == refused + "too_many_connections");
    }
    one.send("more");
    BOOST_TEST(peer.receive(4) == "more");
    idle.send("GET");
    auto second = leader.accept();
    BOOST_TEST(second.receive(3) == "GET");
    idle.close();
    BOOST_TEST(second.receive() == "");
    second.close();
    // There is room as soon as the proxy has seen that.
    BOOST_TEST(in_the_end([&] {
        auto next = client();
        next.send("GET");
        return leader.is_asked(milliseconds{20});
    }));
}

BOOST_AUTO_TEST_CASE(a_client_that_says_nothing_is_closed_and_costs_the_leader_nothing)
{
    ProxyOptions options;
    options.first_byte_timeout = milliseconds{50};
    start_with_leader(options);
    auto one = client();
    BOOST_TEST(one.receive() == "");
    BOOST_TEST(!leader.is_asked(milliseconds{0}));
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_nothing_is_cut_and_its_leader_let_go)
{
    ProxyOptions options;
    options.write_timeout = milliseconds{100};
    start_with_leader(options);
    auto [one, peer] = connected();
    const auto bytes = many_bytes(more_than_buffers);
    BOOST_TEST(!peer.send(bytes));
}

BOOST_AUTO_TEST_CASE(what_all_have_unsent_is_bounded)
{
    ProxyOptions options;
    options.max_unsent = common::Bytes{100};
    start_with_leader(options);
    auto [one, peer] = connected();
    const auto bytes = many_bytes(more_than_buffers);
    BOOST_TEST(!peer.send(bytes));
}

BOOST_AUTO_TEST_CASE(a_leader_by_name_is_found_and_one_that_is_here_is_none)
{
    start();
    proxy->lead_to("127.0.0.1:" + std::to_string(proxy->port()));
    auto one = client();
    one.send("GET");
    BOOST_TEST(one.receive() == refused + "no_leader");
    const auto address = leader.address();
    proxy->lead_to("localhost" + address.substr(address.find(':')));
    // Its name is looked up meanwhile.
    BOOST_TEST(in_the_end([&] {
        auto two = client();
        two.send("GET");
        return leader.is_asked(milliseconds{20});
    }));
}

BOOST_AUTO_TEST_CASE(stopped_it_has_cut_everything_and_frees_its_address)
{
    start_with_leader();
    auto [one, peer] = connected();
    const auto port = proxy->port();
    proxy->stop();
    BOOST_TEST(one.is_reset());
    BOOST_TEST(peer.receive() == "");
    ProxyOptions options;
    options.port = port;
    Proxy next{options};
    BOOST_TEST(next.start().has_value());
}

BOOST_AUTO_TEST_CASE(whoever_is_accepted_as_it_stops_is_cut_too)
{
    start();
    std::promise<void> held, go_on, held_again, go_on_again;
    proxy->probe([&] {
        held.set_value();
        go_on.get_future().wait();
    });
    held.get_future().wait();
    const auto one = client();
    const auto two = client();
    proxy->probe([&] {
        held_again.set_value();
        go_on_again.get_future().wait();
    });
    go_on.set_value();
    held_again.get_future().wait();
    // It knows of both. Taking the first one accepts the second, whose turn is after the stop.
    auto stopped = std::async(std::launch::async, [&] { proxy->stop(); });
    BOOST_TEST(one.receive_within(milliseconds{20}) == ""); // Time for that to be asked for.
    go_on_again.set_value();
    stopped.get();
    BOOST_TEST(one.receive() == "");
    BOOST_TEST(two.receive() == "");
}

BOOST_AUTO_TEST_CASE(an_address_that_is_taken_is_said)
{
    start();
    Proxy second{ProxyOptions{.port = proxy->port(), .refusal = {}}};
    const auto started = second.start();
    BOOST_REQUIRE(!started.has_value());
    BOOST_TEST((started.error().code == common::ErrorCode::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
