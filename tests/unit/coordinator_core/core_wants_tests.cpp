// What sandboxes ask of their hosts, kept for as long as they live.
#include "tests/unit/coordinator_core/pool_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct WantsFixture : PoolFixture {
    std::string taint(const std::string& host,
                      std::map<std::string, std::optional<std::string>> taints)
    {
        const auto done =
            core->change_host(me, HostName{host}, {.labels = {}, .taints = std::move(taints)});
        return done ? "ok" : std::string{done.error().stable_reason()};
    }
    void label(const std::string& host, const std::string& value)
    {
        BOOST_REQUIRE(
            core->change_host(me, HostName{host}, {.labels = {{"rack", value}}, .taints = {}}));
    }
    static coordinator::CreateRequest of_group(const std::string& spread_by = "")
    {
        auto what = request();
        what.wants.group = "web";
        what.wants.spread_by = spread_by;
        return what;
    }
    std::string why_nowhere(const coordinator::CreateRequest& what)
    {
        const auto made = create(what).get();
        return made ? made->host.str() : made.error().details;
    }
    void destroyed(const SandboxId& id)
    {
        auto asked = destroy(id);
        done(expect<DestroyOnHost>(), id, Phase::destroyed);
        BOOST_REQUIRE(asked.get());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_wants_tests, WantsFixture)

BOOST_AUTO_TEST_CASE(a_tainted_host_takes_only_what_tolerates_it_and_keeps_what_it_has)
{
    run_with({"h1"});
    const auto before = running();
    BOOST_TEST(taint("h1", {{"gpu", "a100"}}) == "ok");
    BOOST_TEST(why_nowhere(request()) ==
               "h1: it is tainted gpu=a100, which was not said to be tolerated");
    BOOST_CHECK(now(before.id).phase == Phase::running);
    auto tolerant = request();
    tolerant.wants.tolerates = {"gpu"};
    const auto made = running(tolerant);
    BOOST_TEST(made.host.str() == "h1");
    BOOST_CHECK(store.sandbox(made.id)->wants == tolerant.wants);
    BOOST_TEST(taint("h1", {{"gpu", std::nullopt}}) == "ok");
    BOOST_TEST(running().host.str() == "h1");
    auto audited = store.audit_of("h1");
    BOOST_TEST(std::ranges::count(audited, "host.taint ok") == 2);
}

BOOST_AUTO_TEST_CASE(taints_outlive_the_coordinator_and_are_bounded)
{
    run_with({"h1"});
    BOOST_TEST(taint("h1", {{"gpu", ""}}) == "ok");
    std::map<std::string, std::optional<std::string>> many;
    for (std::size_t i = 0; i < coordinator::most_labels; ++i) {
        many["taint-" + std::to_string(i)] = "";
    }
    BOOST_TEST(taint("h1", many) == "too_many_taints");
    crash_and_restart();
    connect("h1");
    settle();
    BOOST_CHECK((core->host(me, HostName{"h1"})->wish.taints == coordinator::Labels{{"gpu", ""}}));
}

BOOST_AUTO_TEST_CASE(no_two_of_a_group_share_a_host_also_after_a_restart)
{
    run_with({"h1", "h2"});
    const auto first = running(of_group());
    const auto second = running(of_group());
    BOOST_TEST(first.host.str() != second.host.str());
    const auto full = "h1: one of group web is there\nh2: one of group web is there";
    BOOST_TEST(why_nowhere(of_group()) == full);
    BOOST_TEST(running().host.str() != ""); // Of no group.
    crash_and_restart();
    const auto all = core->list(me, {})->sandboxes;
    for (const auto* host : {"h1", "h2"}) {
        std::vector<coordinator::SandboxReport> has;
        for (const auto& one : all) {
            if (one.host.str() == host) {
                has.push_back(report(one.id, Phase::running, one.generation));
            }
        }
        connect(host, has);
    }
    settle();
    BOOST_TEST(why_nowhere(of_group()) == full);
    destroyed(first.id);
    BOOST_TEST(running(of_group()).host.str() == first.host.str());
}

BOOST_AUTO_TEST_CASE(a_group_is_spread_over_racks_strictly_or_as_far_as_they_go)
{
    run_with({"h1", "h2", "h3"});
    label("h1", "a");
    label("h2", "a");
    label("h3", "b");
    const auto first = running(of_group("rack"));
    const auto second = running(of_group("rack"));
    BOOST_TEST((first.host.str() == "h3") != (second.host.str() == "h3"));
    BOOST_TEST(why_nowhere(of_group("rack")) == "h1: one of group web is where rack is \"a\"\n"
                                                "h2: one of group web is where rack is \"a\"\n"
                                                "h3: one of group web is where rack is \"b\"");
    auto soft = of_group("rack");
    soft.wants.apart = false;
    running(soft);
    running(soft); // Each rack has two of them now.
    std::map<std::string, int> racks;
    const auto all = core->list(me, {})->sandboxes;
    for (const auto& one : all) {
        ++racks[one.host.str() == "h3" ? "b" : "a"];
    }
    BOOST_TEST(racks["a"] == 2);
    BOOST_TEST(racks["b"] == 2);
}

BOOST_AUTO_TEST_CASE(pools_have_nothing_on_a_tainted_host)
{
    run_on(facts_with("fast"));
    const auto ready = filled(2);
    BOOST_TEST(taint("h1", {{"gpu", ""}}) == "ok");
    BOOST_TEST(reason_of(create(wants(WarmUse::require)).get()) == "pool_empty");
    for (std::size_t i = 0; i < ready.size() + 1; ++i) { // And the source.
        const auto sent = expect<DestroyOnHost>();
        done(sent, std::get<DestroyOnHost>(sent.command.what).id, Phase::destroyed);
    }
    eventually([&] { return core->host(me, HostName{"h1"})->sandboxes == 0; }, "none there");
}

BOOST_AUTO_TEST_CASE(a_claim_keeps_what_it_wants_and_is_kept_apart_where_that_can_be_had)
{
    run_on(facts_with("fast"));
    filled(1);
    auto labelled = wants(WarmUse::require);
    labelled.wants.labels = {{"rack", "a"}};
    BOOST_TEST(reason_of(create(labelled).get()) == "pool_empty");
    label("h1", "a");
    auto claimed = create(labelled);
    const auto sent = expect<coordinator::ClaimOnHost>();
    const auto& sandbox = std::get<coordinator::ClaimOnHost>(sent.command.what).sandbox;
    BOOST_CHECK(sandbox.wants == labelled.wants);
    done(sent, sandbox.id, Phase::running);
    BOOST_REQUIRE(claimed.get());
    BOOST_CHECK(store.sandbox(sandbox.id)->wants == labelled.wants);
}

BOOST_AUTO_TEST_SUITE_END()
