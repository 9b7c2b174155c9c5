#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_run_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(a_command_is_recorded_before_it_is_sent_and_before_it_is_answered)
{
    run_with({"h1"});
    auto what = request();
    what.env = {{"A", "sandbox"}, {"B", "sandbox"}};
    const auto id = running(what).id;
    store.hold();
    coordinator::RunRequest wanted;
    wanted.command = "ls -l";
    wanted.env = {{"B", "command"}};
    wanted.cwd = "/tmp";
    wanted.stdin_text = "in";
    wanted.timeout = std::chrono::seconds{7};
    Later<Command> ran{[&] { return core->run(me, id, wanted); }};
    eventually([&] { return store.held() == 1; }, "the intent");
    settle();
    BOOST_TEST(link.commands.empty());
    store.let_go();
    const auto sent = expect<ExecOnHost>();
    const auto& exec = std::get<ExecOnHost>(sent.command.what);
    BOOST_TEST(exec.shell == "ls -l");
    BOOST_TEST(exec.user == "sandbox");
    BOOST_TEST(exec.cwd == "/tmp");
    BOOST_TEST(exec.stdin_bytes == "in");
    BOOST_TEST(exec.env.at("A") == "sandbox");
    BOOST_TEST(exec.env.at("B") == "command");
    BOOST_TEST(exec.timeout.count() == 7000);
    BOOST_TEST(!exec.resumed);
    BOOST_TEST(store.command(sent.command.operation)->status == "running");

    store.hold();
    auto outcome = output("files", 3);
    outcome.stderr_bytes = "oh";
    outcome.truncated = true;
    answer(sent, outcome);
    eventually([&] { return store.held() == 1; }, "the outcome");
    settle();
    BOOST_TEST(!ran.ready());
    BOOST_TEST(link.commands.empty()); // Not acknowledged either: the guest must keep it.
    store.let_go();
    const auto command = *ran.get();
    BOOST_TEST(command.status == "finished");
    BOOST_TEST(command.stdout_text == "files");
    BOOST_TEST(command.stderr_text == "oh");
    BOOST_TEST(command.exit_code == 3);
    BOOST_TEST(command.truncated);
    BOOST_TEST(command.ended_at.has_value());
    BOOST_TEST(command.timings_us.size() == 5U); // Those of http come later.
    const auto ack = expect<coordinator::AckExecOnHost>();
    BOOST_TEST(ack.command.operation.str() == sent.command.operation.str());
    BOOST_TEST(store.command(sent.command.operation)->exit_code == 3);
    BOOST_TEST(store.audit_of(id.str()).at(2) == "command.run intent");
    BOOST_TEST(store.audit_of(id.str()).at(3) == "command.run ok");
    BOOST_TEST(core->commands(me, id, {})->total == 1U);
}

BOOST_AUTO_TEST_CASE(the_audit_holds_no_output_and_little_of_a_long_command)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id, std::string(5000, 'x') + "SECRET");
    answer(expect<ExecOnHost>(), output("SECRET"));
    BOOST_TEST(ran.get().has_value());
    for (const auto& row : store.audit()) {
        BOOST_TEST(row.detail.find("SECRET") == std::string::npos);
        BOOST_TEST(row.detail.size() < 1000U);
    }
}

BOOST_AUTO_TEST_CASE(a_command_in_a_sandbox_that_is_starting_waits_until_it_runs)
{
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    auto ran = exec(id_in(creating));
    await_waiting();
    BOOST_TEST(link.commands.empty());
    done(creating, id_in(creating), Phase::running);
    answer(expect<ExecOnHost>(), output("hello"));
    BOOST_TEST(ran.get()->stdout_text == "hello");
    BOOST_TEST(made.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_command_that_waited_in_vain_is_told_so)
{
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    auto ran = exec(id_in(creating));
    await_waiting();
    refuse(creating, ErrorCode::refused);
    BOOST_TEST(!made.get().has_value());
    BOOST_TEST(reason_of(ran.get()) == "not_running");
}

BOOST_AUTO_TEST_CASE(one_that_has_begun_after_a_wait_is_not_called_one_that_was_not_run)
{
    settings.grace = std::chrono::seconds{30};
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    auto ran = exec(id_in(creating), "ls", std::chrono::seconds{3});
    await_waiting();
    done(creating, id_in(creating), Phase::running);
    const auto sent = expect<ExecOnHost>();
    const auto used_up = std::chrono::steady_clock::now() + std::chrono::milliseconds{3300};
    eventually([&] { return std::chrono::steady_clock::now() > used_up; }, "the end of its time");
    BOOST_TEST(!ran.ready());
    auto outcome = output("killed", 137);
    outcome.timed_out = true;
    answer(sent, outcome);
    BOOST_TEST(ran.get()->timed_out);
}

BOOST_AUTO_TEST_CASE(a_command_that_was_given_up_while_it_waited_is_never_sent)
{
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    BOOST_TEST(reason_of(exec(id_in(creating), "ls", std::chrono::milliseconds{10}).get()) ==
               "still_starting");
    done(creating, id_in(creating), Phase::running);
    BOOST_TEST(made.get().has_value());
    settle();
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(store.commands().empty());
}

BOOST_AUTO_TEST_CASE(a_command_needs_a_sandbox_that_runs)
{
    run_with({"h1"});
    auto what = request();
    what.auto_start = false;
    const auto made = running(what).id;
    BOOST_TEST(reason_of(exec(made).get()) == "not_running");
    const auto id = running().id;
    auto stopped = stop(id);
    const auto stopping = expect<StopOnHost>();
    BOOST_TEST(reason_of(exec(id).get()) == "not_running");
    done(stopping, id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
    const auto refused = exec(id).get();
    BOOST_CHECK(refused.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(reason_of(refused) == "not_running");
    BOOST_CHECK(exec(SandboxId{"sbx-none"}).get().error().code == ErrorCode::not_found);
    BOOST_TEST(store.commands().empty());
}

BOOST_AUTO_TEST_CASE(what_the_guest_refuses_passes_through_and_is_recorded)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    refuse(sent, ErrorCode::refused, "unknown_user");
    const auto result = ran.get();
    BOOST_CHECK(result.error().code == ErrorCode::refused);
    BOOST_TEST(reason_of(result) == "unknown_user");
    const auto record = *store.command(sent.command.operation);
    BOOST_TEST(record.status == "failed");
    BOOST_TEST(record.stderr_text == "no");
    BOOST_TEST(store.audit_of(id.str()).back() == "command.run unknown_user");
    static_cast<void>(expect<coordinator::AckExecOnHost>());
}

BOOST_AUTO_TEST_CASE(an_agent_that_is_not_ready_is_asked_again_until_it_is)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto first = expect<ExecOnHost>();
    refuse(first, ErrorCode::unavailable, "agent_not_ready");
    const auto second = expect<ExecOnHost>();
    BOOST_TEST(second.command.operation.str() == first.command.operation.str());
    BOOST_TEST(!std::get<ExecOnHost>(second.command.what).resumed);
    refuse(second, ErrorCode::unavailable, "agent_not_ready");
    answer(expect<ExecOnHost>(), output("at last"));
    BOOST_TEST(ran.get()->stdout_text == "at last");
}

BOOST_AUTO_TEST_CASE(a_command_that_was_not_given_to_the_guest_yet_is_not_looked_for_there)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    refuse(expect<ExecOnHost>(), ErrorCode::unavailable, "agent_not_ready");
    link.say(coordinator::HostInventory{HostName{"h1"}, {report(id, Phase::running)}, {}});
    const auto again = expect<ExecOnHost>();
    BOOST_TEST(!std::get<ExecOnHost>(again.command.what).resumed);
    answer(again, output("once"));
    BOOST_TEST(ran.get().has_value());
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(patience_with_an_agent_that_is_not_ready_ends)
{
    settings.agent_patience = std::chrono::milliseconds{0};
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    refuse(sent, ErrorCode::unavailable, "agent_not_ready");
    BOOST_TEST(reason_of(ran.get()) == "agent_not_ready");
    BOOST_TEST(store.command(sent.command.operation)->status == "failed");
}

BOOST_AUTO_TEST_CASE(a_host_that_tried_and_failed_is_not_made_to_try_twice)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    refuse(expect<ExecOnHost>(), ErrorCode::internal, "guest_error");
    BOOST_TEST(reason_of(ran.get()) == "host_failed");
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_command_that_was_sent_is_looked_for_when_its_host_connects_again)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto first = expect<ExecOnHost>();
    connect("h1", {report(id, Phase::running)});
    const auto again = expect<ExecOnHost>();
    BOOST_TEST(std::get<ExecOnHost>(again.command.what).resumed);
    refuse(again, ErrorCode::failed_precondition, "not_running"); // It is; was it before?
    const auto result = ran.get();
    BOOST_CHECK(result.error().code == ErrorCode::timeout);
    BOOST_TEST(reason_of(result) == "outcome_unknown");
    BOOST_TEST(store.command(first.command.operation)->status == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(a_command_without_an_answer_is_unknown_and_its_late_outcome_is_recorded)
{
    settings.grace = std::chrono::milliseconds{500};
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id, "ls", std::chrono::milliseconds{10});
    const auto sent = expect<ExecOnHost>();
    const auto result = ran.get();
    BOOST_CHECK(result.error().code == ErrorCode::timeout);
    BOOST_TEST(reason_of(result) == "outcome_unknown");
    BOOST_TEST(store.command(sent.command.operation)->status == "running");
    answer(sent, output("late"));
    eventually([&] { return store.command(sent.command.operation)->status == "finished"; },
               "the outcome");
    BOOST_TEST(store.command(sent.command.operation)->stdout_text == "late");
    static_cast<void>(expect<coordinator::AckExecOnHost>());
}

BOOST_AUTO_TEST_CASE(a_command_that_was_not_written_is_not_sent)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(exec(id).get()) == "database_unavailable");
    store.fail(ErrorCode::timeout);
    BOOST_TEST(reason_of(exec(id).get()) == "outcome_unknown");
    BOOST_TEST(link.commands.empty());
    store.recover();
    // What may have been written is closed, so that it is not taken for running.
    eventually([&] { return store.commands().size() == 1; }, "the record");
    BOOST_TEST(store.commands().at(0).status == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(a_command_that_could_not_be_sent_is_sent_later_as_a_new_one)
{
    run_with({"h1"});
    const auto id = running().id;
    link.away(true);
    auto ran = exec(id);
    eventually([&] { return store.commands().size() == 1; }, "the intent");
    settle();
    connect("h1", {report(id, Phase::running)}); // Not looked for: nobody has it.
    settle();
    link.away(false);
    const auto sent = expect<ExecOnHost>();
    BOOST_TEST(!std::get<ExecOnHost>(sent.command.what).resumed);
    answer(sent, output("files"));
    BOOST_TEST(ran.get()->stdout_text == "files");
    BOOST_TEST(link.commands
                   .take_until([](const auto& one) {
                       return std::holds_alternative<coordinator::AckExecOnHost>(one.command.what);
                   })
                   .host == sent.host);
}

BOOST_AUTO_TEST_CASE(a_command_that_can_never_be_sent_was_not_run_and_that_is_said)
{
    settings.agent_patience = std::chrono::milliseconds{50};
    run_with({"h1"});
    const auto id = running().id;
    link.away(true);
    const auto ran = exec(id).get();
    BOOST_CHECK(ran.error().code == ErrorCode::unavailable); // Not a timeout: it is known.
    BOOST_TEST(reason_of(ran) == "host_unreachable");
    BOOST_TEST(store.commands().at(0).status == "failed");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(an_outcome_that_could_not_be_written_is_written_later_and_not_acknowledged)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    store.fail(ErrorCode::unavailable);
    answer(sent, output("files"));
    BOOST_TEST(reason_of(ran.get()) == "outcome_unknown");
    BOOST_TEST(link.commands.empty());
    store.recover();
    eventually([&] { return store.command(sent.command.operation)->status == "finished"; },
               "the outcome");
    BOOST_TEST(store.command(sent.command.operation)->stdout_text == "files");
    BOOST_TEST(store.audit_of(id.str()).back() == "command.run ok");
    BOOST_TEST(core->metrics().find("paddock_failed_writes_total 0") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_command_whose_sandbox_is_destroyed_under_it_is_unknown)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(reason_of(ran.get()) == "outcome_unknown");
    BOOST_TEST(store.command(sent.command.operation)->status == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(a_host_that_answers_something_else_is_an_error_and_not_a_crash)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    done(expect<ExecOnHost>(), id, Phase::running);
    BOOST_CHECK(ran.get().error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(many_commands_at_once_each_get_their_own_outcome)
{
    run_with({"h1"});
    const auto id = running().id;
    link.script([](const FakeLink::Sent& sent) -> std::optional<coordinator::HostAnswer> {
        const auto* exec = std::get_if<ExecOnHost>(&sent.command.what);
        if (exec == nullptr) {
            return std::nullopt;
        }
        return coordinator::HostAnswer{sent.host, sent.command.operation, {}, output(exec->shell)};
    });
    std::vector<Later<Command>> running;
    for (int i = 0; i < 50; ++i) {
        running.push_back(exec(id, std::to_string(i)));
    }
    for (int i = 0; i < 50; ++i) {
        BOOST_TEST(running[static_cast<std::size_t>(i)].get()->stdout_text == std::to_string(i));
    }
    BOOST_TEST(store.commands().size() == 50U);
}

BOOST_AUTO_TEST_SUITE_END()
