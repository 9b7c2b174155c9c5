#include "hostd/core/image_sources.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Hosts that each test writes, by endpoint.
class ScriptedPeers final : public Peers {
public:
    using Give = std::function<Result<>(std::uint64_t from, const Sink& sink)>;

    void allow(const common::ImageId&, const std::string&) override {}
    Result<> fetch(const PeerRef& peer,
                   const common::ImageId&,
                   const BlobRef&,
                   std::uint64_t from,
                   const Sink& sink) override
    {
        asked.push_back(peer.endpoint);
        return hosts.at(peer.endpoint)(from, sink);
    }
    void stop() override {}

    std::map<std::string, Give> hosts;
    std::vector<std::string> asked;
};

struct SourcesFixture {
    const std::string file = "The quick brown fox jumps over the lazy dog";
    ScriptedPeers peers;
    std::string come;
    std::optional<std::uint64_t> from_coordinator; ///< Its first byte that was asked for.
    std::optional<Downloads> downloads;
    AddImageCommand wish;

    SourcesFixture()
    {
        wish.recipe.name = common::ImageName{"web"};
        wish.recipe.registration = common::ImageId{"img-aaaaaaaaaaaaaaaa"};
        wish.peers = {{"tcp://h1:1", "k1"}, {"tcp://h2:1", "k2"}};
        Downloads::Settings settings;
        settings.piece = 4;
        settings.window = 2;
        downloads.emplace(
            [this](PieceWish asked) {
                from_coordinator = from_coordinator.value_or(asked.offset);
                downloads->deliver({asked.operation,
                                    asked.digest,
                                    asked.offset,
                                    file.substr(asked.offset, asked.size)});
            },
            settings);
        peers.hosts["tcp://h1:1"] = peers.hosts["tcp://h2:1"] = giving(file.size());
    }
    /// Up to that byte, and then it is gone.
    ScriptedPeers::Give giving(std::size_t end)
    {
        return [this, end](std::uint64_t from, const Peers::Sink& sink) -> Result<> {
            COMMON_CHECK(sink(std::string_view{file}.substr(from, end - from)));
            if (end == file.size()) {
                return {};
            }
            return Error{ErrorCode::unavailable, "gone", "peer_silent"};
        };
    }
    Result<> fetch(FileWish file_wish, Peers* from)
    {
        ImageSources sources{*downloads, from, wish, common::OperationId{"op-1"}};
        file_wish.blob = {"d1", common::Bytes{file.size()}};
        come = file.substr(0, file_wish.from);
        return sources.fetch(file_wish, [this](std::string_view bytes) -> Result<> {
            come += bytes;
            return {};
        });
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(image_sources_tests, SourcesFixture)

BOOST_AUTO_TEST_CASE(what_another_host_gives_the_coordinator_is_not_asked_for)
{
    BOOST_REQUIRE(fetch({}, &peers));
    BOOST_TEST(come == file);
    BOOST_TEST((peers.asked == std::vector<std::string>{"tcp://h1:1"}));
    BOOST_TEST(!from_coordinator.has_value());
}

BOOST_AUTO_TEST_CASE(each_source_goes_on_where_the_one_before_it_ended)
{
    peers.hosts["tcp://h1:1"] = giving(10);
    peers.hosts["tcp://h2:1"] = giving(21);
    BOOST_REQUIRE(fetch({}, &peers));
    BOOST_TEST(come == file);
    BOOST_TEST(peers.asked.size() == 2U);
    BOOST_TEST(from_coordinator.value() == 21U);
}

BOOST_AUTO_TEST_CASE(what_is_here_already_is_asked_of_nobody)
{
    BOOST_REQUIRE(fetch({{}, 30}, &peers));
    BOOST_TEST(come == file);
    BOOST_REQUIRE(fetch({{}, 30}, nullptr)); // A host that speaks to no other one.
    BOOST_TEST(come == file);
    BOOST_TEST(from_coordinator.value() == 30U);
}

BOOST_AUTO_TEST_CASE(after_another_file_has_come_only_the_coordinator_is_asked)
{
    BOOST_REQUIRE(fetch({{}, 0, FileWish::Whence::coordinator}, &peers));
    BOOST_TEST(come == file);
    BOOST_TEST(peers.asked.empty());
    BOOST_TEST(from_coordinator.value() == 0U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_fetched_nowhere_else)
{
    ImageSources sources{*downloads, &peers, wish, common::OperationId{"op-1"}};
    const FileWish all{{"d1", common::Bytes{file.size()}}};
    const auto fetched = sources.fetch(all, [](std::string_view) -> Result<> {
        return Error{ErrorCode::resource_exhausted, "full", "disk_full"};
    });
    BOOST_TEST(fetched.error().reason == "disk_full");
    BOOST_TEST(peers.asked.size() == 1U);
    BOOST_TEST(!from_coordinator.has_value());
}

BOOST_AUTO_TEST_CASE(a_pace_gives_each_second_its_bytes_and_saves_up_no_more)
{
    using std::chrono::milliseconds;
    Pace pace{common::Bytes{1000}};
    const common::SteadyTime now{std::chrono::hours{1}};
    BOOST_TEST((pace.take(1000, now) == milliseconds{0})); // Saved up.
    BOOST_TEST((pace.take(500, now) == milliseconds{0}));
    BOOST_TEST((pace.take(500, now) == milliseconds{500}));
    BOOST_TEST((pace.take(500, now + milliseconds{500}) == milliseconds{500}));
    const auto later = now + std::chrono::minutes{1};
    BOOST_TEST((pace.take(1000, later) == milliseconds{0}));
    BOOST_TEST((pace.take(1, later) == milliseconds{0}));
    BOOST_TEST((pace.take(1, later) == milliseconds{1}));
    Pace free{common::Bytes{0}};
    BOOST_TEST((free.take(std::size_t{1} << 40U, now) == milliseconds{0}));
}

BOOST_AUTO_TEST_CASE(who_ends_waits_for_no_pace)
{
    downloads.emplace([](const PieceWish&) {}, Downloads::Settings{.per_second = common::Bytes{1}});
    downloads->stop();
    BOOST_TEST(downloads->pace(1 << 20).error().reason == "host_ending");
}

BOOST_AUTO_TEST_SUITE_END()
