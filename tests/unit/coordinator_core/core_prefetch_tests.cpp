#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;
using coordinator::Prefetch;
using coordinator::prefetch_from;

namespace {

struct PrefetchFixture : RegistryFixture {
    RegisteredImage fetched_by(const std::string& whom, const std::string& name = "web")
    {
        auto image = files(name);
        image.prefetch = *prefetch_from(whom);
        image.memory = Bytes::mib(100);
        return image;
    }
    void label(const std::string& host, const std::optional<std::string>& value)
    {
        BOOST_REQUIRE(
            core->change_host(me, HostName{host}, {.labels = {{"disk", value}}, .taints = {}}));
    }
    static coordinator::CreateRequest wants_on(const std::string& host)
    {
        auto what = wants("web");
        what.host = HostName{host};
        return what;
    }
    std::string why_not_made(const coordinator::CreateRequest& what)
    {
        return reason_of(core->create(me, what));
    }
    std::map<std::string, double> image_scores()
    {
        std::map<std::string, double> scores;
        const auto explained = *core->explain(me, wants("web"));
        for (const auto& one : explained.hosts) {
            BOOST_TEST(one.why_not == "");
            scores[one.name.str()] = one.scores.image;
        }
        return scores;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_prefetch_tests, PrefetchFixture)

BOOST_AUTO_TEST_CASE(all_none_and_labels_are_read_as_they_are_written)
{
    for (const auto* text : {"all", "none", "disk=nvme", "a=", "a=1=2,disk=nvme,rack=b c"}) {
        BOOST_TEST(to_string(prefetch_from(text).value()) == text);
    }
    for (const auto* bad : {"", "some", "all,a=1", "=1", "a=1,", ",a=1", "a=1,,b=2", "a=1,a=2"}) {
        BOOST_TEST(!prefetch_from(bad).has_value());
    }
    const auto both = *prefetch_from("disk=nvme,rack=a");
    BOOST_TEST(both.covers({{"disk", "nvme"}, {"rack", "a"}, {"x", "y"}}));
    BOOST_TEST(!both.covers({{"disk", "nvme"}}));
    BOOST_TEST(!both.covers({{"disk", "nvme"}, {"rack", "b"}}));
    BOOST_TEST(!Prefetch({false, {}}).covers({{"disk", "nvme"}}));
    BOOST_TEST(Prefetch{}.covers({}));
}

BOOST_AUTO_TEST_CASE(what_no_host_is_to_fetch_is_fetched_where_something_of_it_is_to_go)
{
    run_with({"h1", "h2"});
    const auto web = registered(fetched_by("none"));
    BOOST_TEST(web.prefetch == "none");
    BOOST_TEST(web.missing_on.empty());
    BOOST_TEST(hosts_with() == Texts{"h1"}, boost::test_tools::per_element());
    BOOST_TEST(is_quiet());
    const std::map<std::string, double> scores{{"h1", 1}, {"h2", 0}};
    BOOST_TEST((image_scores() == scores));
    BOOST_TEST(is_quiet()); // Who is only told of it moves nothing.

    const auto made = core->create(me, wants_on("h2"));
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().reason == "image_fetching");
    BOOST_TEST(made.error().message.find("host h2 is to fetch it") != std::string::npos);
    BOOST_TEST(core->list(me, {})->total == 0U);
    const auto fetch = expect<AddImageOnHost>();
    BOOST_TEST(fetch.host.str() == "h2");
    BOOST_TEST(missing() == Texts{"h2: "}, boost::test_tools::per_element());
    BOOST_TEST(image_scores()["h2"] == 0.5);
    BOOST_TEST(why_not_made(wants_on("h2")) == "image_fetching"); // And is asked for once.
    BOOST_TEST(is_quiet());
    answer(fetch, added(fetch));
    eventually([&] { return hosts_with().size() == 2U; }, "the image");
    BOOST_TEST(running(wants_on("h2")).host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(where_it_is_comes_before_where_it_would_have_to_be_fetched)
{
    run_with({"h1", "h2"});
    registered(fetched_by("none"));
    for (int i = 0; i < 6; ++i) {
        BOOST_TEST(running(wants("web")).host.str() == "h1");
    }
    BOOST_TEST(why_not_made(wants("web")) == "image_fetching"); // h1 is full.
    BOOST_TEST(expect<AddImageOnHost>().host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(hosts_with_the_labels_fetch_it_also_those_that_get_them_later)
{
    run_with({"h1", "h2", "h3"});
    registered(fetched_by("disk=nvme")); // h1 looks at it: none has the label.
    BOOST_TEST(is_quiet());
    label("h2", "nvme");
    BOOST_TEST(missing() == Texts{"h2: "}, boost::test_tools::per_element());
    const auto first = in_time<AddImageOnHost>();
    BOOST_TEST(first.host.str() == "h2");
    const std::map<std::string, double> scores{{"h1", 1}, {"h2", 0.5}, {"h3", 0}};
    BOOST_TEST((image_scores() == scores));
    answer(first, added(first));
    eventually([&] { return missing().empty(); }, "the image there");
    BOOST_TEST(is_quiet());
    label("h3", "nvme");
    BOOST_TEST(missing() == Texts{"h3: "}, boost::test_tools::per_element());
    BOOST_TEST(in_time<AddImageOnHost>().host.str() == "h3");
    label("h3", std::nullopt);
    BOOST_TEST(missing().empty());
}

BOOST_AUTO_TEST_CASE(a_host_that_comes_does_not_wait_for_what_it_is_not_to_have)
{
    run_with({"h1"});
    registered(fetched_by("none"));
    come("h2");
    BOOST_TEST(!core->host(me, HostName{"h2"})->warming);
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_CASE(where_it_cannot_be_fetched_it_does_not_go_and_is_told_why)
{
    run_with({"h1", "h2"});
    registered(fetched_by("none"));
    BOOST_TEST(why_not_made(wants_on("h2")) == "image_fetching");
    refuse(expect<AddImageOnHost>(), ErrorCode::resource_exhausted, "disk_full");
    eventually([&] { return missing() == Texts{"h2: no"}; }, "the reason");
    const auto made = core->create(me, wants_on("h2"));
    BOOST_TEST(reason_of(made) == "no_capacity");
    BOOST_TEST(made.error().details.find(
                   "h2: it does not have the image, and cannot fetch it: no") != std::string::npos);
    clock.stand_still(std::chrono::seconds{6});
    BOOST_TEST(in_time<AddImageOnHost>().host.str() == "h2"); // It is still to have it.
}

BOOST_AUTO_TEST_CASE(one_that_no_host_has_any_more_is_fetched_again)
{
    run_with({"h1"});
    const auto web = registered(fetched_by("none"));
    beat_of("h1", {web});
    beat_of("h1", {});
    BOOST_TEST(is_quiet());
    BOOST_TEST(core->explain(me, wants("web"))->hosts.at(0).why_not == "");
    BOOST_TEST(why_not_made(wants("web")) == "image_fetching");
    const auto fetch = expect<AddImageOnHost>();
    answer(fetch, added(fetch));
    eventually([&] { return hosts_with().size() == 1U; }, "the image");
}

BOOST_AUTO_TEST_CASE(a_pool_of_one_that_no_host_has_any_more_is_in_nobodys_way)
{
    settings.default_memory = Bytes::mib(100);
    run_with({"h1"});
    auto with_agent = fetched_by("none");
    with_agent.agent = "paddock";
    const auto web = registered(with_agent);
    beat_of("h1", {web});
    coordinator::PoolRequest pool;
    pool.name = "web";
    pool.image = ImageName{"web"};
    pool.min = 0;
    pool.max = 1;
    BOOST_REQUIRE(core->create_pool(me, pool));
    beat_of("h1", {});
    auto what = wants("web");
    what.auto_start = true;
    BOOST_TEST(why_not_made(what) == "image_fetching");
    what.pool = coordinator::WarmUse::require;
    BOOST_TEST(why_not_made(what) == "pool_empty");
}

BOOST_AUTO_TEST_CASE(a_host_that_has_the_same_of_somebody_else_is_told_to_fetch_nothing)
{
    run_with({"h1"});
    auto web = registered(fetched_by("none"));
    auto own = web;
    own.registration = {};
    own.tenant = "";
    own.prefetch = "";
    come("h2", {own});
    BOOST_TEST(running(wants_on("h2")).host.str() == "h2");
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_CASE(who_only_waits_for_too_many_does_not_have_it_fetched_elsewhere)
{
    settings.most_callers = 4;
    run_with({"h1", "h2"});
    registered(fetched_by("none"));
    std::vector<Later<Sandbox>> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.push_back(create(wants("web")));
        BOOST_TEST(expect<CreateOnHost>().host.str() == "h1");
    }
    BOOST_TEST(why_not_made(wants("web")) == "host_busy");
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_CASE(what_one_create_asked_for_keeps_nobody_away_and_is_forgotten)
{
    settings.lost_after = std::chrono::seconds{2};
    run_with({"h1", "h2"});
    const auto web = registered(fetched_by("none"));
    BOOST_TEST(why_not_made(wants_on("h2")) == "image_fetching");
    expect<AddImageOnHost>();
    const auto is_lost = [&] {
        beat_of("h1", {web});
        return core->host(me, HostName{"h2"})->health == HostHealth::lost;
    };
    eventually(is_lost, "the loss");
    come("h2");
    BOOST_TEST(!core->host(me, HostName{"h2"})->warming);
    BOOST_TEST(missing() == Texts{"h2: "}, boost::test_tools::per_element());
    clock.stand_still(std::chrono::minutes{61});
    beat_of("h2");
    BOOST_TEST(missing().empty());
}

BOOST_AUTO_TEST_CASE(one_of_the_hosts_that_are_to_have_it_looks_at_it_first)
{
    run_with({"h1", "h2", "h3"});
    label("h3", "nvme");
    auto asked = add(fetched_by("disk=nvme"));
    const auto sent = expect<AddImageOnHost>();
    BOOST_TEST(sent.host.str() == "h3");
    answer(sent, added(sent));
    BOOST_TEST(asked.get()->missing_on.empty());
}

BOOST_AUTO_TEST_CASE(who_it_was_of_outlives_the_coordinator)
{
    run_with({"h1", "h2"});
    const auto web = registered(fetched_by("disk=nvme"));
    BOOST_TEST(to_string(row().prefetch) == "disk=nvme");
    crash_and_restart();
    come("h1", {web});
    come("h2");
    BOOST_TEST(look()->prefetch == "disk=nvme");
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_SUITE_END()
