// Callers that are blocked until a host has done something: no host has them all.
#include "tests/unit/coordinator_core/core_fixture.hpp"

using namespace tests;
using coordinator::Callers;

namespace {

struct TwoHosts {
    TwoHosts()
    {
        add("sbx-1", "h1");
        add("sbx-2", "h2");
    }
    void add(const std::string& id, const std::string& host)
    {
        fleet.hosts()[HostName{host}].host.name = HostName{host};
        health(host, HostHealth::ready);
        fleet.put(CoreFixture::recorded(id, Phase::running, host));
    }
    void health(const std::string& host, HostHealth health)
    {
        fleet.host(HostName{host})->host.health = health;
    }
    /// One who waits for that host, by what he is told as.
    void wait(const SandboxId& about, const std::string& name)
    {
        tickets[name] = callers.add(about, [this, name] {
            told.push_back(name);
            callers.remove(tickets.at(name));
        });
    }
    void tick()
    {
        callers.tick([this](const SandboxId& id) { return moving.contains(id); });
    }
    std::string refusal(const SandboxId& about)
    {
        return CoreFixture::reason_of(callers.may_wait(about));
    }

    coordinator::Fleet fleet;
    Callers callers{fleet, 8};
    std::map<std::string, Callers::Ticket> tickets;
    std::set<SandboxId> moving;
    Texts told;
    const SandboxId on_h1{"sbx-1"};
    const SandboxId on_h2{"sbx-2"};
};

} // namespace

BOOST_AUTO_TEST_SUITE(core_callers_tests)

BOOST_FIXTURE_TEST_CASE(three_quarters_may_wait_for_one_of_several_hosts, TwoHosts)
{
    for (const auto* name : {"a", "b", "c", "d", "e", "f"}) {
        BOOST_TEST(refusal(on_h1) == "ok");
        wait(on_h1, name);
    }
    BOOST_TEST(refusal(on_h1) == "host_busy");
    BOOST_TEST(refusal(on_h2) == "ok");
    tick();
    BOOST_TEST(told.empty());
    callers.remove(tickets.at("a"));
    BOOST_TEST(refusal(on_h1) == "ok");
}

BOOST_FIXTURE_TEST_CASE(a_host_that_is_the_only_one_has_them_all, TwoHosts)
{
    fleet.put(CoreFixture::recorded("sbx-2", Phase::destroyed, "h2"));
    fleet.hosts().erase(HostName{"h2"});
    for (int i = 0; i < 8; ++i) {
        BOOST_TEST(refusal(on_h1) == "ok");
        wait(on_h1, std::to_string(i));
    }
    BOOST_TEST(refusal(on_h1) == "host_busy");
}

BOOST_FIXTURE_TEST_CASE(of_a_host_that_is_late_the_oldest_quarter_goes_on_waiting, TwoHosts)
{
    for (const auto* name : {"a", "b", "c", "d"}) {
        wait(on_h1, name);
    }
    wait(on_h2, "other");
    health("h1", HostHealth::suspect);
    BOOST_TEST(refusal(on_h1) == "host_unreachable");
    tick();
    BOOST_TEST(told == (Texts{"c", "d"}), boost::test_tools::per_element());
    callers.remove(tickets.at("a"));
    BOOST_TEST(refusal(on_h1) == "ok");
}

BOOST_FIXTURE_TEST_CASE(likewise_of_one_that_is_lost_but_for_what_leaves_it, TwoHosts)
{
    add("sbx-3", "h1");
    const SandboxId leaving{"sbx-3"};
    moving.insert(leaving);
    for (const auto* name : {"a", "b", "c"}) {
        wait(on_h1, name);
    }
    wait(leaving, "leaving");
    wait(on_h2, "other");
    wait(SandboxId{"sbx-9"}, "unknown");
    health("h1", HostHealth::lost);
    tick();
    BOOST_TEST(told == Texts{"c"}, boost::test_tools::per_element());
    BOOST_TEST(refusal(on_h1) == "ok"); // Whoever asks is told at once.
}

BOOST_FIXTURE_TEST_CASE(requests_of_a_hung_host_leave_room_for_those_of_another, CoreFixture)
{
    settings.most_callers = 4;
    run_with({"h1", "h2"});
    auto what = request();
    what.host = HostName{"h1"};
    const auto hung = running(what).id;
    what.host = HostName{"h2"};
    const auto well = running(what).id;
    std::vector<Later<Command>> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.push_back(exec(hung));
        expect<ExecOnHost>();
    }
    const auto refused = exec(hung).get();
    BOOST_TEST(reason_of(refused) == "host_busy");
    BOOST_TEST(reason_of(core->pause(me, hung)) == "host_busy");
    // Of another tenant's nothing is told, and a destroy holds in any case.
    coordinator::RunRequest of_another;
    of_another.command = "ls";
    BOOST_TEST(reason_of(core->run(other, hung, of_another)) == "not_found");
    auto ran = exec(well);
    answer(expect<ExecOnHost>(), output("there"));
    BOOST_TEST(ran.get()->stdout_text == "there");
    expect<coordinator::AckExecOnHost>();
    BOOST_TEST(reason_of(core->destroy(me, hung)) == "outcome_unknown");
    BOOST_CHECK(now(hung).desired == Desired::destroyed);
    expect<DestroyOnHost>();
    for (auto& one : waiting) {
        BOOST_TEST(!one.ready());
    }
}

BOOST_FIXTURE_TEST_CASE(
    where_no_more_may_wait_is_told_and_whoever_has_moved_counts_there_after_a_tick, TwoHosts)
{
    for (const auto* name : {"a", "b", "c", "d", "e"}) {
        wait(on_h1, name);
    }
    BOOST_TEST(callers.full().empty());
    wait(on_h1, "f");
    const auto full = callers.full();
    BOOST_REQUIRE(full.size() == 1U);
    BOOST_TEST(full.at(HostName{"h1"}) == "6 requests wait for it already");
    fleet.put(CoreFixture::recorded("sbx-1", Phase::running, "h2"));
    tick();
    BOOST_REQUIRE(callers.full().contains(HostName{"h2"}));
    callers.remove(tickets.at("a"));
    callers.remove(tickets.at("a"));
    BOOST_TEST(callers.full().empty());
}

BOOST_FIXTURE_TEST_CASE(a_quarter_may_wait_for_all_hosts_and_counts_for_none, TwoHosts)
{
    BOOST_TEST(CoreFixture::reason_of(callers.may_wait_for_all()) == "ok");
    wait(SandboxId{}, "a");
    wait(SandboxId{"sbx-9"}, "of one that is gone");
    BOOST_TEST(CoreFixture::reason_of(callers.may_wait_for_all()) == "ok");
    wait(SandboxId{}, "b");
    BOOST_TEST(CoreFixture::reason_of(callers.may_wait_for_all()) == "host_busy");
    health("h1", HostHealth::lost);
    tick();
    BOOST_TEST(told.empty());
    BOOST_TEST(callers.full().empty());
    callers.remove(tickets.at("a"));
    BOOST_TEST(CoreFixture::reason_of(callers.may_wait_for_all()) == "ok");
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_all_hosts_waits_for_each, TwoHosts)
{
    wait(SandboxId{}, "all");
    for (const auto* name : {"a", "b", "c", "d", "e"}) {
        BOOST_TEST(refusal(on_h1) == "ok");
        wait(on_h1, name);
    }
    BOOST_TEST(refusal(on_h1) == "host_busy");
    BOOST_TEST(callers.full().contains(HostName{"h1"}));
    BOOST_TEST(CoreFixture::reason_of(callers.may_wait_for_all()) == "host_busy");
    BOOST_TEST(refusal(on_h2) == "ok");
    callers.remove(tickets.at("a"));
    BOOST_TEST(refusal(on_h1) == "ok");
    BOOST_TEST(CoreFixture::reason_of(callers.may_wait_for_all()) == "ok");
}

BOOST_FIXTURE_TEST_CASE(creates_of_a_hung_host_count_and_others_are_made_elsewhere, CoreFixture)
{
    settings.most_callers = 4;
    run_with({"h1", "h2"});
    auto there = request();
    there.host = HostName{"h1"};
    std::vector<Later<Sandbox>> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.push_back(create(there));
        BOOST_TEST(expect<CreateOnHost>().host.str() == "h1");
    }
    const auto refused = create(there).get();
    BOOST_TEST(reason_of(refused) == "host_busy");
    BOOST_TEST(refused.error().details.find("3 requests wait for it already") != std::string::npos);
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(running().host.str() == "h2");
    }
    for (auto& one : waiting) {
        BOOST_TEST(!one.ready());
    }
}

BOOST_FIXTURE_TEST_CASE(who_is_one_too_many_for_a_lost_host_is_told_and_what_he_asked_goes_on,
                        CoreFixture)
{
    settings.most_callers = 4;
    settings.suspect_after = std::chrono::milliseconds{300};
    run_with({"h1"});
    const auto id = running().id;
    auto first = exec(id, "ls", std::chrono::seconds{600});
    const auto asked_first = expect<ExecOnHost>();
    auto second = exec(id, "ls", std::chrono::seconds{600});
    const auto asked = expect<ExecOnHost>();
    BOOST_TEST(reason_of(second.get()) == "outcome_unknown");
    BOOST_TEST(store.command(asked.command.operation)->status == "running");
    BOOST_TEST(!first.ready());
    answer(asked, output("late"));
    eventually([&] { return store.command(asked.command.operation)->status == "finished"; },
               "the outcome");
    answer(asked_first, output("first"));
    BOOST_TEST(first.get()->stdout_text == "first");
}

BOOST_AUTO_TEST_SUITE_END()
