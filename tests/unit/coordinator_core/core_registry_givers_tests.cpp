#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;
using coordinator::ShareImageOnHost;

namespace {

/// Hosts that give images to each other; of one the key is not known.
struct GiverFixture : RegistryFixture {
    void beat(const std::string& host, const std::vector<Image>& has = {})
    {
        auto now = facts_of(host, has);
        now.peer_endpoint = "tcp://" + host + ":7421";
        now.key = host == nameless ? "" : "key of " + host;
        link.say(HostBeat{HostName{host}, std::move(now)});
        settle();
    }
    void all_give(const std::vector<std::string>& hosts)
    {
        run_with(hosts);
        for (const auto& host : hosts) {
            beat(host);
        }
    }
    /// What the giver is told, and then the one that fetches.
    std::pair<FakeLink::Sent, FakeLink::Sent> given()
    {
        auto share = in_time<ShareImageOnHost>();
        auto add = in_time<AddImageOnHost>();
        return {std::move(share), std::move(add)};
    }
    static std::string giver_in(const FakeLink::Sent& sent)
    {
        return std::get<AddImageOnHost>(sent.command.what).giver_endpoint;
    }
    std::string nameless;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_registry_givers_tests, GiverFixture)

BOOST_AUTO_TEST_CASE(the_first_host_fetches_it_here_and_the_others_of_the_first)
{
    all_give({"h1", "h2", "h3"});
    auto asked = add(files());
    const auto first = expect<AddImageOnHost>();
    BOOST_TEST(giver_in(first) == "");
    answer(first, added(first));
    const auto web = *asked.get();
    for (const auto* host : {"h2", "h3"}) {
        const auto [share, add] = given();
        BOOST_TEST(share.host == first.host);
        const auto& told = std::get<ShareImageOnHost>(share.command.what);
        BOOST_TEST(told.registration == web.registration);
        BOOST_TEST(told.key == std::string{"key of "} + host);
        BOOST_TEST(add.host.str() == host);
        BOOST_TEST(giver_in(add) == "tcp://h1:7421");
        BOOST_TEST(std::get<AddImageOnHost>(add.command.what).giver_key == "key of h1");
        answer(add, added(add));
    }
    eventually([&] { return missing().empty(); }, "the image, everywhere");
    const auto audit = store.audit();
    BOOST_TEST(std::ranges::count_if(audit, [](const auto& row) {
                   return row.detail.find(R"("from_host":"h1")") != std::string::npos;
               }) == 2);
}

BOOST_AUTO_TEST_CASE(one_gives_to_two_at_once_and_those_give_it_then)
{
    all_give({"h1", "h2", "h3", "h4", "h5", "h6"});
    registered();
    const auto one = given().second;
    const auto another = given().second;
    BOOST_TEST(is_quiet()); // Not of the coordinator either.
    answer(one, added(one));
    std::multiset<std::string> givers;
    for (int i = 0; i < 3; ++i) {
        givers.insert(giver_in(given().second));
    }
    BOOST_TEST(givers.count("tcp://h1:7421") == 1U);
    BOOST_TEST(givers.count("tcp://" + one.host.str() + ":7421") == 2U);
    answer(another, added(another));
}

BOOST_AUTO_TEST_CASE(who_gives_nothing_or_has_no_proven_key_is_not_asked)
{
    nameless = "h1";
    all_give({"h1", "h2"});
    registered();
    const auto sent = expect<AddImageOnHost>();
    BOOST_TEST(sent.host.str() == "h2");
    BOOST_TEST(giver_in(sent) == "");
}

BOOST_AUTO_TEST_CASE(of_one_that_is_lost_nothing_is_fetched)
{
    settings.lost_after = std::chrono::seconds{2};
    all_give({"h1", "h2"});
    registered();
    const auto sent = given().second;
    BOOST_TEST(sent.host.str() == "h2");
    eventually(
        [&] {
            beat("h2");
            return core->host(me, HostName{"h1"})->health == coordinator::HostHealth::lost;
        },
        "the host to be lost");
    refuse(sent, ErrorCode::unavailable, "host_slow");
    eventually(
        [&] {
            beat("h2");
            return !link.commands.empty();
        },
        "another try");
    const auto again = expect<AddImageOnHost>();
    BOOST_TEST(giver_in(again) == "");
}

BOOST_AUTO_TEST_SUITE_END()
