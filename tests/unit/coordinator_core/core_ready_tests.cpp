#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;

namespace {

struct ReadyFixture : RegistryFixture {
    static coordinator::CreateRequest wants_ready(const std::string& command = "curl localhost")
    {
        auto what = request();
        what.ready = {command, std::chrono::seconds{7}};
        return what;
    }
    /// It has booted, and its command is with the host.
    FakeLink::Sent booted()
    {
        const auto sent = expect<CreateOnHost>();
        id = id_in(sent);
        done(sent, id, Phase::running);
        return expect<ExecOnHost>();
    }

    SandboxId id;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_ready_tests, ReadyFixture)

BOOST_AUTO_TEST_CASE(a_create_is_answered_once_its_ready_command_succeeded)
{
    run_with({"h1"});
    auto made = create(wants_ready());
    const auto sent = booted();
    const auto& exec = std::get<ExecOnHost>(sent.command.what);
    BOOST_TEST(exec.shell.find("until (\ncurl localhost\n) </dev/null") != std::string::npos);
    BOOST_TEST(exec.shell.find("+ 7 + 1))") != std::string::npos);
    BOOST_TEST(exec.user == "sandbox");
    BOOST_TEST(exec.timeout > std::chrono::seconds{7});
    await_stored(id, Phase::running);
    settle();
    BOOST_TEST(!made.ready());
    BOOST_TEST(store.command(sent.command.operation)->command == "curl localhost");
    answer(sent, output("up"));
    BOOST_CHECK(made.get()->phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(one_that_is_never_ready_stays_and_its_caller_is_told_where_to_look)
{
    run_with({"h1"});
    for (const bool in_time : {true, false}) {
        auto made = create(wants_ready());
        auto sent = booted();
        auto outcome = output("no", 1);
        outcome.timed_out = !in_time;
        answer(sent, std::move(outcome));
        const auto told = made.get();
        BOOST_REQUIRE(!told);
        BOOST_CHECK(told.error().code == ErrorCode::timeout);
        BOOST_TEST(told.error().reason == "not_ready");
        const auto command = store.command(sent.command.operation)->id.str();
        for (const auto& said : {id.str(), command, std::string{"within 7 s"}}) {
            BOOST_TEST(told.error().message.find(said) != std::string::npos);
        }
        BOOST_CHECK(now(id).phase == Phase::running);
        expect<coordinator::AckExecOnHost>();
    }
}

BOOST_AUTO_TEST_CASE(one_that_ends_meanwhile_is_told_of_as_such)
{
    run_with({"h1"});
    auto made = create(wants_ready());
    booted();
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    const auto told = made.get();
    BOOST_TEST(reason_of(told) == "not_running");
    BOOST_TEST(told.error().message.find("is destroyed before") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_whose_command_was_not_tried_is_not_said_to_have_failed)
{
    run_with({"h1"});
    auto made = create(wants_ready());
    refuse(booted(), ErrorCode::failed_precondition, "unknown_user");
    const auto told = made.get();
    BOOST_TEST(reason_of(told) == "not_ready");
    BOOST_TEST(told.error().message.find("was not seen to succeed: no") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_host_that_does_not_answer_is_told_of_before_the_command_s_time)
{
    settings.boot_timeout = std::chrono::milliseconds{20};
    settings.grace = std::chrono::milliseconds{20};
    run_with({"h1"});
    auto what = wants_ready();
    what.ready.timeout = std::chrono::hours{1};
    auto made = create(what);
    expect<CreateOnHost>();
    BOOST_TEST(reason_of(made.get()) == "boot_timeout");
}

BOOST_AUTO_TEST_CASE(the_address_is_waited_for_as_well)
{
    run_with({"h1"});
    auto what = wants_ready();
    what.wait_for_ip = true;
    auto made = create(what);
    answer(booted(), output("up"));
    settle();
    BOOST_TEST(!made.ready());
    auto report = CoreFixture::report(id, Phase::running);
    report.ip = "10.0.0.9";
    status("h1", report);
    BOOST_TEST(made.get()->ip == "10.0.0.9");
}

BOOST_AUTO_TEST_CASE(what_is_not_booted_is_not_waited_for)
{
    run_with({"h1"});
    auto what = wants_ready();
    what.auto_start = false;
    auto made = create(what);
    const auto sent = expect<CreateOnHost>();
    done(sent, id_in(sent), Phase::created);
    BOOST_TEST(made.get().has_value());
    settle();
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(an_image_without_an_agent_has_nobody_to_run_it)
{
    run_with({"h1"});
    registered(); // Its agent is none.
    auto what = wants("web");
    what.ready.command = "true";
    BOOST_TEST(reason_of(core->create(me, what)) == "no_agent");
    BOOST_TEST(core->list(me, {})->total == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
