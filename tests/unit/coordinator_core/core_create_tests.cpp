#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_create_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(the_intent_is_durable_before_the_host_and_the_outcome_before_the_caller)
{
    run_with({"h1"});
    store.hold();
    auto made = create(request("box"));
    eventually([&] { return store.held() == 1; }, "the intent");
    settle();
    BOOST_TEST(link.commands.empty());
    store.let_go();
    const auto sent = expect<CreateOnHost>();
    const auto id = id_in(sent);
    BOOST_TEST(sent.host.str() == "h1");
    BOOST_TEST(sent.command.generation == 1U);
    BOOST_TEST(sent.command.request.str() == "req-1");
    BOOST_TEST(std::get<CreateOnHost>(sent.command.what).start);
    BOOST_TEST(store.audit_of(id.str()) == Texts{"sandbox.create intent"},
               boost::test_tools::per_element());
    BOOST_CHECK(store.sandbox(id)->phase == Phase::placing);
    BOOST_CHECK(now(id).phase == Phase::starting);

    store.hold();
    auto report = CoreFixture::report(id, Phase::running);
    report.ip = "10.0.0.7";
    report.timings_us["boot"] = 5;
    answer(sent, report);
    eventually([&] { return store.held() == 1; }, "the outcome");
    settle();
    BOOST_TEST(!made.ready());
    store.let_go();
    const auto sandbox = *made.get();
    BOOST_CHECK(sandbox.phase == Phase::running);
    BOOST_TEST(sandbox.ip == "10.0.0.7");
    BOOST_TEST(sandbox.timings_us.at("boot") == 5U);
    BOOST_TEST(sandbox.timings_us.contains("total"));
    BOOST_CHECK(store.sandbox(id)->phase == Phase::running);
    const Texts both{"sandbox.create intent", "sandbox.create ok"};
    BOOST_TEST(store.audit_of(id.str()) == both, boost::test_tools::per_element());
    const auto row = store.audit().back();
    BOOST_TEST(row.caller.actor == "token:me");
    BOOST_TEST(row.host == "h1");
    BOOST_TEST(row.operation.str() == sent.command.operation.str());
    BOOST_TEST(store.operations().at(0).status == "done");
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_is_not_to_start_is_only_made)
{
    run_with({"h1"});
    auto what = request();
    what.auto_start = false;
    const auto sandbox = running(what);
    BOOST_CHECK(sandbox.phase == Phase::created);
    BOOST_CHECK(sandbox.desired == Desired::stopped);
    BOOST_TEST(sandbox.name == sandbox.id.str());
}

BOOST_AUTO_TEST_CASE(the_request_comes_before_the_image_and_the_image_before_the_settings)
{
    run_with({"h1"});
    BOOST_TEST(running().memory.mib() == 200U);
    auto what = request();
    what.vcpus = 3;
    what.memory = Bytes::mib(100);
    what.labels = {{"team", "red"}};
    what.ttl = std::chrono::seconds{60};
    const auto sandbox = running(what);
    BOOST_TEST(sandbox.vcpus == 3U);
    BOOST_TEST(sandbox.memory.mib() == 100U);
    BOOST_TEST(sandbox.labels.at("team") == "red");
    BOOST_CHECK(sandbox.expires_at == sandbox.created_at + std::chrono::seconds{60});
}

BOOST_AUTO_TEST_CASE(a_name_is_taken_until_its_sandbox_is_destroyed)
{
    run_with({"h1"});
    const auto first = running(request("box"));
    BOOST_TEST(reason_of(create(request("box")).get()) == "name_taken");
    BOOST_TEST(store.sandboxes() == 1U);
    auto gone = destroy(first.id);
    done(expect<DestroyOnHost>(), first.id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_CHECK(running(request("box")).id != first.id);
}

BOOST_AUTO_TEST_CASE(two_tenants_may_use_the_same_name)
{
    run_with({"h1"});
    static_cast<void>(running(request("box")));
    Later<Sandbox> theirs{[this] { return core->create(other, request("box")); }};
    const auto sent = expect<CreateOnHost>();
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(theirs.get().has_value());
}

BOOST_AUTO_TEST_CASE(an_unknown_image_is_not_found_and_nothing_is_written)
{
    run_with({"h1"});
    const auto before = store.attempts();
    auto what = request();
    what.source = "no-such";
    what.source_is_image = true;
    const auto made = create(what).get();
    BOOST_CHECK(made.error().code == ErrorCode::not_found);
    BOOST_TEST(reason_of(made) == "unknown_image");
    BOOST_TEST(made.error().fields.at(0).field == "image");
    BOOST_TEST(store.attempts() == before);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(somebody_elses_vm_is_no_source_unless_its_host_says_so)
{
    run_with({"h1"});
    auto what = request();
    what.source = "theirs";
    auto made = create(what);
    answer(expect<coordinator::ListVmsOnHost>(),
           std::vector<coordinator::ForeignVm>{{"theirs", "uuid", "running", true, "/d", {}, ""}});
    refuse(
        expect<coordinator::ImportVmOnHost>(), ErrorCode::permission_denied, "vm_not_importable");
    const auto result = made.get();
    BOOST_CHECK(result.error().code == ErrorCode::permission_denied);
    BOOST_TEST(reason_of(result) == "vm_not_importable");
    what.source = "nobodys";
    auto again = create(what);
    answer(expect<coordinator::ListVmsOnHost>(), std::vector<coordinator::ForeignVm>{});
    BOOST_TEST(reason_of(again.get()) == "unknown_image");
}

BOOST_AUTO_TEST_CASE(no_capacity_names_the_reason_of_each_host_and_writes_nothing)
{
    run_with({"h1", "h2"});
    link.say(coordinator::HostConnected{HostName{"h3"}, "run-h3", facts("h3")}); // No inventory.
    settle();
    const auto before = store.attempts();
    auto what = request();
    what.memory = Bytes::mib(20000);
    const auto made = create(what).get();
    BOOST_CHECK(made.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(reason_of(made) == "no_capacity");
    BOOST_TEST(made.error().details == "h1: 1000 MiB of memory free of 1000, 20050 needed\n"
                                       "h2: 1000 MiB of memory free of 1000, 20050 needed\n"
                                       "h3: it has not said yet what it has; 1000 MiB of memory "
                                       "free of 1000, 20050 needed");
    BOOST_TEST(store.attempts() == before);
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(core->list(me, {})->total == 0U);
}

BOOST_AUTO_TEST_CASE(a_host_that_is_asked_for_is_the_only_one_that_will_do)
{
    run_with({"h1", "h2"});
    auto what = request();
    what.host = HostName{"h2"};
    BOOST_TEST(running(what).host.str() == "h2");
    what.memory = Bytes::mib(900);
    BOOST_TEST(reason_of(create(what).get()) == "no_capacity");
    what.host = HostName{"h9"};
    BOOST_CHECK(create(what).get().error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(of_many_that_race_for_the_last_places_no_more_than_fit_win)
{
    run_with({"h1"}); // Four places.
    store.hold();     // Nobody has been told anything yet.
    std::vector<Later<Sandbox>> racing;
    for (int i = 0; i < 12; ++i) {
        racing.push_back(create());
    }
    eventually([&] { return store.held() == 4; }, "the intents");
    eventually([&] { return std::ranges::count_if(racing, &Later<Sandbox>::ready) == 8; },
               "the refusals");
    settle();
    BOOST_TEST(store.held() == 4U);
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 1000U);
    store.let_go();
    for (int i = 0; i < 4; ++i) {
        const auto sent = expect<CreateOnHost>();
        done(sent, id_in(sent), Phase::running);
    }
    int won = 0;
    for (auto& one : racing) {
        const auto result = one.get();
        BOOST_TEST((result || reason_of(result) == "no_capacity"));
        won += result ? 1 : 0;
    }
    BOOST_TEST(won == 4);
}

BOOST_AUTO_TEST_CASE(sandboxes_spread_over_the_hosts)
{
    run_with({"h1", "h2"});
    std::map<std::string, int> on;
    for (int i = 0; i < 8; ++i) {
        ++on[running().host.str()];
    }
    BOOST_TEST(on["h1"] == 4);
    BOOST_TEST(on["h2"] == 4);
}

BOOST_AUTO_TEST_SUITE_END()
