#include "hostd/peers/zmq_peers.hpp"

#include "common/curve/keys.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <future>
#include <numeric>
#include <zmq.hpp>

using namespace hostd;
using namespace hostd::peers;
using common::Bytes;
using common::Result;
using common::curve::generate_keys;
using std::chrono::milliseconds;

namespace {

std::string free_endpoint()
{
    zmq::context_t context{1};
    zmq::socket_t probe{context, zmq::socket_type::router};
    probe.set(zmq::sockopt::linger, 0);
    probe.bind("tcp://127.0.0.1:*");
    return probe.get(zmq::sockopt::last_endpoint);
}

/// A host that has an image of one file, and one that fetches it.
struct PeersFixture {
    tests::TempFolder temp;
    std::string file = std::string(100'000, '\0'); ///< Begins with zeros.
    const common::ImageId web{"img-aaaaaaaaaaaaaaaa"};
    const common::ImageId other_image{"img-bbbbbbbbbbbbbbbb"};
    const common::curve::KeyPair giver = *generate_keys();
    const common::curve::KeyPair taker = *generate_keys();
    const std::string endpoint = free_endpoint();
    PeerServer::Settings settings{
        endpoint, giver, Bytes{0}, milliseconds{60'000}, milliseconds{20}};
    ZmqPeers::Settings taking{taker, 4096, 4, milliseconds{100}, milliseconds{1500}};
    std::optional<PeerServer> server;
    std::string come;

    PeersFixture()
    {
        const std::string text = "The quick brown fox";
        for (std::size_t i = 20'000; i < file.size(); ++i) {
            file[i] = text[i % text.size()];
        }
        put(file);
    }
    void put(const std::string& content) const
    {
        std::ofstream{temp.path() / "disk", std::ios::binary} << content;
    }
    void serve()
    {
        server.emplace(settings, [this](const auto& registration, const auto& digest) {
            return registration == web && digest == "d1" ? std::optional{temp.path() / "disk"}
                                                         : std::nullopt;
        });
    }
    [[nodiscard]] BlobRef blob(const std::string& digest = "d1") const
    {
        return {digest, Bytes{file.size()}};
    }
    Result<> fetch(ZmqPeers& peers, const common::ImageId& image, std::uint64_t from = 0)
    {
        come = file.substr(0, from);
        return peers.fetch(
            {endpoint, giver.public_key}, image, blob(), from, [this](std::string_view bytes) {
                come += bytes;
                return Result<>{};
            });
    }
    Result<> fetch(std::uint64_t from = 0)
    {
        ZmqPeers peers{taking, nullptr};
        return fetch(peers, web, from);
    }
    std::string why_not()
    {
        const auto fetched = fetch();
        return fetched ? "" : fetched.error().reason;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(peers_tests, PeersFixture)

BOOST_AUTO_TEST_CASE(who_is_allowed_to_gets_all_of_a_file_from_any_byte_on)
{
    serve();
    server->allow(web, taker.public_key);
    for (const std::uint64_t from : {0ULL, 1ULL, 50'000ULL, 99'999ULL}) {
        const auto fetched = fetch(from);
        BOOST_REQUIRE_MESSAGE(fetched.has_value(), (fetched ? "" : fetched.error().message));
        BOOST_TEST(come == file);
    }
}

BOOST_AUTO_TEST_CASE(who_is_not_allowed_is_not_connected)
{
    serve();
    server->allow(web, generate_keys()->public_key);
    BOOST_TEST(why_not() == "peer_silent");
    BOOST_TEST(come == "");
}

BOOST_AUTO_TEST_CASE(what_is_allowed_is_that_image_and_no_other)
{
    serve();
    server->allow(other_image, taker.public_key);
    BOOST_TEST(why_not() == "peer_refused");
    BOOST_TEST(come == "");
}

BOOST_AUTO_TEST_CASE(a_permission_ends_when_it_is_not_used)
{
    settings.life = milliseconds{1};
    serve();
    server->allow(web, taker.public_key);
    const auto until = std::chrono::steady_clock::now() + milliseconds{20};
    while (std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    BOOST_TEST(why_not() == "peer_silent");
}

BOOST_AUTO_TEST_CASE(one_that_is_allowed_only_after_it_has_asked_is_served_then)
{
    serve();
    taking.patience = milliseconds{20'000};
    auto fetched = std::async(std::launch::async, [this] { return fetch(); });
    BOOST_CHECK(fetched.wait_for(milliseconds{300}) == std::future_status::timeout);
    server->allow(web, taker.public_key);
    BOOST_TEST(fetched.get().has_value());
    BOOST_TEST(come == file);
}

BOOST_AUTO_TEST_CASE(who_pins_another_key_is_given_nothing)
{
    serve();
    server->allow(web, taker.public_key);
    ZmqPeers peers{taking, nullptr};
    const auto fetched =
        peers.fetch({endpoint, generate_keys()->public_key}, web, blob(), 0, [](std::string_view) {
            return Result<>{};
        });
    BOOST_TEST(fetched.error().reason == "peer_silent");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_shorter_than_it_should_be_or_is_none_is_refused)
{
    serve();
    server->allow(web, taker.public_key);
    put(file.substr(0, 60'000));
    BOOST_TEST(why_not() == "peer_refused");
    BOOST_TEST(come.size() >= 4096U); // Up to there; whoever is asked next goes on.
    ZmqPeers peers{taking, nullptr};
    const auto none =
        peers.fetch({endpoint, giver.public_key}, web, blob("d2"), 0, [](std::string_view) {
            return Result<>{};
        });
    BOOST_TEST(none.error().reason == "peer_refused");
}

BOOST_AUTO_TEST_CASE(a_host_that_ends_midway_is_left_and_what_came_counts)
{
    settings.per_second = Bytes{20'000}; // It takes seconds.
    serve();
    server->allow(web, taker.public_key);
    auto fetched = std::async(std::launch::async, [this] { return fetch(20'000); });
    BOOST_CHECK(fetched.wait_for(milliseconds{500}) == std::future_status::timeout);
    server.reset();
    BOOST_TEST(fetched.get().error().reason == "peer_silent");
    BOOST_TEST(come.size() > 20'000U);
    BOOST_TEST(come == file.substr(0, come.size()));
}

BOOST_AUTO_TEST_CASE(who_ends_does_not_wait_for_another_host)
{
    taking.patience = milliseconds{60'000};
    ZmqPeers peers{taking, nullptr}; // Nobody listens there.
    auto fetched = std::async(std::launch::async, [&] { return fetch(peers, web); });
    peers.stop();
    BOOST_REQUIRE(fetched.wait_for(milliseconds{10'000}) == std::future_status::ready);
    BOOST_TEST(fetched.get().error().reason == "host_ending");
}

BOOST_AUTO_TEST_CASE(the_sinks_error_ends_it)
{
    serve();
    server->allow(web, taker.public_key);
    ZmqPeers peers{taking, nullptr};
    const auto fetched =
        peers.fetch({endpoint, giver.public_key}, web, blob(), 0, [](std::string_view) -> Result<> {
            return common::Error{common::ErrorCode::resource_exhausted, "full", "disk_full"};
        });
    BOOST_TEST(fetched.error().reason == "disk_full");
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_tried_until_it_is_free)
{
    zmq::context_t context{1};
    auto taken = std::make_optional<zmq::socket_t>(context, zmq::socket_type::router);
    taken->set(zmq::sockopt::linger, 0);
    taken->bind(endpoint);
    serve();
    BOOST_TEST(!server->listens());
    server->allow(web, taker.public_key);
    taken.reset();
    taking.patience = milliseconds{20'000};
    BOOST_TEST(fetch().has_value());
    BOOST_TEST(server->listens());
}

BOOST_AUTO_TEST_SUITE_END()
