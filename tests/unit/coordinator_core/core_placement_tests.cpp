#include "tests/unit/coordinator_core/pool_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct PlacementFixture : PoolFixture {
    std::string cordon(const std::string& host, bool cordoned = true)
    {
        const auto done = core->change_host(me, HostName{host}, {.cordoned = cordoned});
        return done ? "ok" : std::string{done.error().stable_reason()};
    }
    bool is_cordoned(const std::string& host)
    {
        return core->host(me, HostName{host})->wish.cordoned;
    }
    /// "h1 +", or why not.
    Texts explained(coordinator::CreateRequest what = request())
    {
        const auto placement = *core->explain(me, std::move(what));
        Texts told{placement.host ? placement.host->str() : "nowhere"};
        for (const auto& host : placement.hosts) {
            told.push_back(host.name.str() + " " + (host.why_not.empty() ? "+" : host.why_not));
        }
        return told;
    }
};

const auto each = boost::test_tools::per_element();

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_placement_tests, PlacementFixture)

BOOST_AUTO_TEST_CASE(nothing_is_placed_on_a_cordoned_host_until_it_is_uncordoned)
{
    run_with({"h1", "h2"});
    BOOST_TEST(cordon("h1") == "ok");
    BOOST_TEST(cordon("h1") == "ok"); // Again.
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(running().host.str() == "h2");
    }
    auto there = request();
    there.host = HostName{"h1"};
    const auto refused = create(there).get().error();
    BOOST_TEST(refused.stable_reason() == "no_capacity");
    BOOST_TEST(refused.details == "h1: it is cordoned\nh2: another host was asked for");
    BOOST_TEST(cordon("h1", false) == "ok");
    BOOST_TEST(running(there).host.str() == "h1");
    const Texts told{
        "host.cordon intent", "host.cordon ok", "host.uncordon intent", "host.uncordon ok"};
    auto audited = store.audit_of("h1");
    std::erase(audited, "host.connect ok");
    audited.erase(audited.begin(), audited.begin() + 2); // It was asked twice.
    BOOST_TEST(audited == told, each);
    BOOST_TEST(cordon("h3") == "not_found");
}

BOOST_AUTO_TEST_CASE(what_is_on_a_cordoned_host_goes_on_but_is_not_forked)
{
    run_with({"h1"});
    const auto id = running().id;
    BOOST_TEST(cordon("h1") == "ok");
    auto paused = pause(id);
    done(expect<PauseOnHost>(), id, Phase::paused);
    BOOST_CHECK(paused.get()->phase == Phase::paused);
    BOOST_TEST(reason_of(fork(id, {}).get()) == "host_cordoned");
    auto slept = suspend(id);
    done(expect<SuspendOnHost>(), id, Phase::suspended);
    BOOST_REQUIRE(slept.get());
    auto woken = resume(id);
    done(expect<coordinator::StartOnHost>(), id, Phase::running);
    BOOST_CHECK(woken.get()->phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(it_outlives_the_coordinator_and_what_the_host_says)
{
    run_with({"h1"});
    BOOST_TEST(cordon("h1") == "ok");
    crash_and_restart();
    BOOST_TEST(is_cordoned("h1"));
    connect("h1");
    settle();
    BOOST_TEST(is_cordoned("h1"));
    BOOST_TEST(reason_of(create().get()) == "no_capacity");
}

BOOST_AUTO_TEST_CASE(what_is_not_recorded_is_not_so)
{
    run_with({"h1"});
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(cordon("h1") == "database_unavailable");
    BOOST_TEST(!is_cordoned("h1"));
    store.fail(ErrorCode::timeout);
    BOOST_TEST(cordon("h1") == "outcome_unknown");
    BOOST_TEST(is_cordoned("h1")); // It may be recorded: nothing is placed where it must not be.
    store.recover();
    BOOST_TEST(cordon("h1", false) == "ok");
    BOOST_TEST(!is_cordoned("h1"));
    crash_and_restart();
    BOOST_TEST(!is_cordoned("h1"));
}

BOOST_AUTO_TEST_CASE(of_several_that_are_under_way_the_last_one_counts)
{
    run_with({"h1"});
    const auto ask = [this](bool cordoned) {
        return Later<void>{[this, cordoned] {
            return core->change_host(me, HostName{"h1"}, {.cordoned = cordoned});
        }};
    };
    store.hold();
    auto first = ask(true);
    eventually([&] { return is_cordoned("h1"); }, "the first");
    auto second = ask(true);
    settle();
    store.fail(ErrorCode::unavailable);
    store.let_go();
    BOOST_TEST(reason_of(first.get()) == "database_unavailable");
    BOOST_TEST(reason_of(second.get()) == "database_unavailable");
    BOOST_TEST(!is_cordoned("h1"));
    store.recover();
    BOOST_TEST(cordon("h1") == "ok");
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(cordon("h1", false) == "database_unavailable");
    BOOST_TEST(is_cordoned("h1"));
    store.recover();
    crash_and_restart();
    BOOST_TEST(is_cordoned("h1"));
}

BOOST_AUTO_TEST_CASE(labels_are_set_and_taken_off_one_by_one_and_outlive_the_coordinator)
{
    run_with({"h1"});
    const auto label = [this](std::map<std::string, std::optional<std::string>> labels) {
        const auto done = core->change_host(me, HostName{"h1"}, {.labels = std::move(labels)});
        return std::string{done ? "ok" : done.error().stable_reason()};
    };
    const auto labels = [this] { return core->host(me, HostName{"h1"})->wish.labels; };
    BOOST_TEST(label({{"rack", "a1"}, {"gpu", ""}}) == "ok");
    BOOST_TEST(cordon("h1") == "ok");
    BOOST_TEST(label({{"rack", "b2"}, {"gpu", std::nullopt}, {"none", std::nullopt}}) == "ok");
    BOOST_CHECK((labels() == coordinator::Labels{{"rack", "b2"}}));
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(label({{"rack", "c3"}}) == "database_unavailable");
    store.recover();
    BOOST_CHECK((labels() == coordinator::Labels{{"rack", "b2"}}));
    std::map<std::string, std::optional<std::string>> many;
    for (std::size_t i = 0; i < coordinator::most_labels; ++i) {
        many["label-" + std::to_string(i)] = "x";
    }
    BOOST_TEST(label(many) == "too_many_labels");
    many["rack"] = std::nullopt;
    BOOST_TEST(label(many) == "ok");
    crash_and_restart();
    connect("h1");
    settle();
    BOOST_TEST(labels().size() == coordinator::most_labels);
    BOOST_TEST(is_cordoned("h1"));
}

BOOST_AUTO_TEST_CASE(an_old_host_gets_nothing_new_until_it_is_upgraded)
{
    settings.oldest_hostd = "0.2";
    auto has = facts_with("fast");
    has.hostd_version = "0.1.9";
    run_on(has);
    const std::string old = "its hostd is 0.1.9, 0.2 at least is asked of hosts (oldest_hostd)";
    BOOST_TEST(explained() == (Texts{"nowhere", "h1 " + old}), each);
    const auto refused = create(request()).get().error();
    BOOST_TEST(refused.stable_reason() == "no_capacity");
    BOOST_TEST(refused.details == "h1: " + old);
    BOOST_REQUIRE(core->create_pool(me, pool(1)).has_value());
    BOOST_TEST(core->create(me, wants(WarmUse::require)).error().details == "h1: " + old);
    BOOST_TEST(state().hosts.empty());
    has.hostd_version = "0.2.0";
    connect_with(has);
    BOOST_TEST(explained() == (Texts{"h1", "h1 +"}), each);
    static_cast<void>(expect<coordinator::CreateOnHost>()); // Its pool's.
}

BOOST_AUTO_TEST_CASE(pools_have_nothing_on_a_cordoned_host)
{
    run_on(facts_with("fast"));
    const auto ready = filled(2);
    BOOST_TEST(cordon("h1") == "ok");
    BOOST_TEST(reason_of(create(wants(WarmUse::require)).get()) == "pool_empty");
    for (std::size_t i = 0; i < ready.size(); ++i) {
        const auto sent = expect<coordinator::DestroyOnHost>();
        const auto& id = std::get<coordinator::DestroyOnHost>(sent.command.what).id;
        BOOST_TEST(ready.contains(id));
        done(sent, id, Phase::destroyed);
    }
    BOOST_TEST(cordon("h1", false) == "ok");
    BOOST_TEST(!ready.contains(warm())); // From the source, which has stayed.
}

BOOST_AUTO_TEST_CASE(a_placement_is_explained_host_by_host_and_nothing_is_made)
{
    run_with({"h1", "h2", "h3"});
    BOOST_TEST(cordon("h2") == "ok");
    auto bare = facts("h3");
    bare.images.clear();
    link.say(coordinator::HostBeat{HostName{"h3"}, bare});
    settle();
    const Texts small{"h1", "h1 +", "h2 it is cordoned", "h3 it does not have the image"};
    BOOST_TEST(explained() == small, each);
    auto large = request();
    large.memory = Bytes::mib(2000);
    const Texts none{"nowhere",
                     "h1 1000 MiB of memory free of 1000, 2050 needed",
                     "h2 it is cordoned; 1000 MiB of memory free of 1000, 2050 needed",
                     "h3 it does not have the image; 1000 MiB of memory free of 1000, 2050 needed"};
    BOOST_TEST(explained(large) == none, each);
    auto wrong = request();
    wrong.source = "nothing";
    BOOST_TEST(reason_of(core->explain(me, wrong)) == "unknown_image");
    wrong = request();
    wrong.host = HostName{"h9"};
    BOOST_TEST(reason_of(core->explain(me, wrong)) == "unknown_host");
    BOOST_TEST(core->list(me, {})->total == 0U);
    BOOST_TEST(core->host(me, HostName{"h1"})->used_vcpus == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
