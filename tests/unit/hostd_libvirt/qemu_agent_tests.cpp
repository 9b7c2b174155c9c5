#include "hostd/libvirt/qemu_agent.hpp"

#include "common/digest/base64.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>
#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::libvirt;
using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;

namespace {

/// Answers what it was told to, one after the other, and keeps what it was asked. The first
/// command that is run is the look-up of the user.
struct Guest {
    std::deque<Result<std::string>> answers{user_pid, user_known};
    std::vector<json> asked;

    static inline const std::string user_pid = R"({"return":{"pid":1}})";
    static inline const std::string user_known = R"({"return":{"exited":true,"exitcode":0}})";
    static inline const std::string pid = R"({"return":{"pid":2}})";

    QemuAgentCall call()
    {
        return [this](const std::string& command) -> Result<std::string> {
            asked.push_back(json::parse(command));
            if (answers.empty()) {
                return Error{ErrorCode::unavailable, "no more answers"};
            }
            auto answer = std::move(answers.front());
            answers.pop_front();
            return answer;
        };
    }
};

ExecSpec command()
{
    ExecSpec exec;
    exec.argv = {"true"};
    exec.user = "root";
    exec.timeout = std::chrono::seconds{5};
    exec.output_limit = common::Bytes{100};
    return exec;
}

std::string ended(const json& fields)
{
    json status{{"exited", true}, {"exitcode", 0}};
    status.update(fields);
    return json{{"return", status}}.dump();
}

Result<ExecOutcome> outcome_of(const json& fields, const ExecSpec& exec = command())
{
    Guest guest;
    guest.answers.push_back(Guest::pid);
    guest.answers.push_back(ended(fields));
    return qemu_agent_run(guest.call(), exec);
}

} // namespace

BOOST_AUTO_TEST_SUITE(qemu_agent_tests)

BOOST_AUTO_TEST_CASE(nothing_of_the_callers_is_read_by_a_shell_but_its_own_line)
{
    auto exec = command();
    exec.argv = {"printf", "%s", "$(id); 'x'"};
    exec.user = "sandbox";
    exec.cwd = "/tmp; reboot";
    exec.env = {{"A", "$(id)"}};
    exec.timeout = std::chrono::milliseconds{1234};
    const auto argv = qemu_agent_argv(exec);
    // timeout, runuser, one fixed script, and then each value as an argument of its own.
    BOOST_TEST((std::vector<std::string>(argv.begin(), argv.begin() + 9) ==
                std::vector<std::string>{"timeout",
                                         "--signal=KILL",
                                         "1.234",
                                         "runuser",
                                         "-u",
                                         "sandbox",
                                         "--",
                                         "/bin/sh",
                                         "-c"}));
    BOOST_TEST(argv[9].find("reboot") == std::string::npos);
    BOOST_TEST((std::vector<std::string>(argv.begin() + 10, argv.end()) ==
                std::vector<std::string>{
                    "sh", "/tmp; reboot", "env", "A=$(id)", "printf", "%s", "$(id); 'x'"}));
}

BOOST_AUTO_TEST_CASE(root_without_a_timeout_needs_neither_wrapper)
{
    auto exec = command();
    exec.timeout = {};
    exec.argv.clear();
    exec.shell = "echo hi";
    const auto argv = qemu_agent_argv(exec);
    BOOST_TEST(argv.front() == "/bin/sh");
    BOOST_TEST((std::vector<std::string>(argv.end() - 3, argv.end()) ==
                std::vector<std::string>{"/bin/sh", "-c", "echo hi"}));
}

BOOST_AUTO_TEST_CASE(a_command_runs_to_its_end_with_its_input_and_both_outputs)
{
    Guest guest;
    guest.answers.push_back(Guest::pid);
    guest.answers.push_back(R"({"return":{"exited":false}})");
    guest.answers.push_back(ended({{"exitcode", 3}, {"out-data", "b3V0"}, {"err-data", "ZXJy"}}));
    auto exec = command();
    exec.stdin_bytes = std::string{"in\0", 3};
    const auto outcome = qemu_agent_run(guest.call(), exec);
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->exit_code == 3);
    BOOST_TEST(outcome->stdout_bytes == "out");
    BOOST_TEST(outcome->stderr_bytes == "err");
    BOOST_TEST(!outcome->timed_out);
    BOOST_REQUIRE(guest.asked.size() == 5U);
    BOOST_TEST(guest.asked[2]["execute"] == "guest-exec");
    BOOST_TEST(guest.asked[2]["arguments"]["input-data"] == "aW4A");
    BOOST_TEST(guest.asked[2]["arguments"]["path"] == "timeout");
    BOOST_TEST(guest.asked[4]["arguments"]["pid"] == 2);
}

BOOST_AUTO_TEST_CASE(a_signal_and_truncation_are_told)
{
    const auto killed = outcome_of({{"signal", 9}, {"out-truncated", true}});
    BOOST_TEST(killed->signal == 9);
    BOOST_TEST(killed->exit_code == 137);
    BOOST_TEST(killed->stdout_truncated);
    BOOST_TEST(!killed->stderr_truncated);

    const auto longer =
        outcome_of({{"err-data", common::digest::to_base64(std::string(101, 'x'))}});
    BOOST_TEST(longer->stderr_bytes.size() == 100U);
    BOOST_TEST(longer->stderr_truncated);
    const auto exact = outcome_of({{"err-data", common::digest::to_base64(std::string(100, 'x'))}});
    BOOST_TEST(!exact->stderr_truncated);
}

BOOST_AUTO_TEST_CASE(a_kill_is_a_timeout_only_once_the_time_is_up)
{
    BOOST_TEST(!outcome_of({{"exitcode", 137}})->timed_out);
    auto exec = command();
    exec.timeout = std::chrono::milliseconds{1};
    Guest guest;
    guest.answers.push_back(Guest::pid);
    guest.answers.push_back(R"({"return":{"exited":false}})"); // Asked again after 5 ms.
    guest.answers.push_back(ended({{"exitcode", 137}}));
    BOOST_TEST(qemu_agent_run(guest.call(), exec)->timed_out);
}

BOOST_AUTO_TEST_CASE(file_systems_are_frozen_and_thawed_however_many_there_are)
{
    Guest guest;
    guest.answers = {R"({"return":2})", R"({"return":2})", R"({"return":0})"};
    BOOST_TEST(qemu_agent_freeze(guest.call()).has_value());
    BOOST_TEST(qemu_agent_thaw(guest.call()).has_value());
    BOOST_TEST(qemu_agent_thaw(guest.call()).has_value());
    BOOST_REQUIRE(guest.asked.size() == 3U);
    BOOST_TEST(guest.asked[0]["execute"] == "guest-fsfreeze-freeze");
    BOOST_TEST(guest.asked[1]["execute"] == "guest-fsfreeze-thaw");
}

BOOST_AUTO_TEST_CASE(an_answer_that_counts_nothing_freezes_nothing)
{
    for (const char* answer : {R"({"return":-1})",
                               R"({"return":"two"})",
                               R"({"return":{}})",
                               R"({"error":{"class":"GenericError"}})",
                               R"({})",
                               "rubbish",
                               ""}) {
        Guest guest;
        guest.answers = {answer, answer};
        BOOST_TEST(!qemu_agent_freeze(guest.call()).has_value(), answer);
        BOOST_TEST(!qemu_agent_thaw(guest.call()).has_value(), answer);
    }
    Guest silent;
    silent.answers.clear();
    BOOST_TEST(!qemu_agent_freeze(silent.call()).has_value());
}

BOOST_AUTO_TEST_CASE(an_unknown_user_is_refused_and_nothing_is_run)
{
    Guest guest;
    guest.answers = {Guest::user_pid, ended({{"exitcode", 1}})};
    const auto outcome = qemu_agent_run(guest.call(), command());
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::refused);
    BOOST_TEST(outcome.error().reason == "unknown_user");
    BOOST_TEST(guest.asked.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_not_there_is_told_from_a_command_that_ends_with_125)
{
    const json missing{{"exitcode", 125},
                       {"err-data", common::digest::to_base64("paddock:no_such_cwd\n")}};
    const auto refused = outcome_of(missing);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().reason == "no_such_cwd");
    BOOST_TEST(outcome_of({{"exitcode", 125}})->exit_code == 125);
}

BOOST_AUTO_TEST_CASE(before_the_command_may_have_begun_an_error_is_that_error)
{
    Guest guest;
    guest.answers = {Error{ErrorCode::unavailable, "agent away"}};
    BOOST_CHECK(qemu_agent_run(guest.call(), command()).error().code == ErrorCode::unavailable);
}

BOOST_AUTO_TEST_CASE(afterwards_a_lost_answer_is_an_unknown_outcome_and_it_is_not_run_again)
{
    for (const std::size_t answered : {0U, 1U}) {
        Guest guest;
        if (answered == 1) {
            guest.answers.push_back(Guest::pid);
        }
        const auto outcome = qemu_agent_run(guest.call(), command());
        BOOST_REQUIRE(!outcome);
        BOOST_CHECK(outcome.error().code == ErrorCode::timeout);
        BOOST_TEST(outcome.error().reason == "outcome_unknown");
        BOOST_TEST(guest.asked.size() == 3 + answered);
    }
}

BOOST_AUTO_TEST_CASE(answers_that_are_no_replies_are_unknown_outcomes)
{
    for (const std::string answer : {"",
                                     "null",
                                     "[]",
                                     "7",
                                     "{}",
                                     "not json",
                                     R"({"error":{}})",
                                     R"({"return":7})",
                                     R"({"return":[]})",
                                     R"({"return":{}})",
                                     R"({"return":{"pid":"2"}})",
                                     R"({"return":{"pid":2.5}})",
                                     R"({"return":{"pid":null}})",
                                     "{\"return\":{\"pid\":2}",
                                     "\xFF\xFE"}) {
        BOOST_TEST_CONTEXT(answer)
        {
            Guest guest;
            guest.answers.push_back(answer);
            const auto outcome = qemu_agent_run(guest.call(), command());
            BOOST_REQUIRE(!outcome);
            BOOST_TEST(outcome.error().reason == "outcome_unknown");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_status_of_wrong_types_is_read_as_far_as_it_makes_sense)
{
    const auto outcome = outcome_of({{"exitcode", "7"},
                                     {"signal", -9},
                                     {"out-data", 5},
                                     {"err-data", "no base64!"},
                                     {"out-truncated", "yes"}});
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->exit_code == 0);
    BOOST_TEST(outcome->signal == 0);
    BOOST_TEST(outcome->stdout_bytes == "");
    BOOST_TEST(outcome->stderr_bytes == "");
    BOOST_TEST(!outcome->stdout_truncated);
    BOOST_TEST(outcome_of({{"exitcode", 1'000'000'000'000}})->exit_code == 255);
    BOOST_TEST(outcome_of({{"exitcode", 1.5}})->exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_guest_that_never_tells_the_end_is_given_up_at_the_deadline)
{
    auto exec = command();
    exec.timeout = std::chrono::milliseconds{1};
    const auto began = std::chrono::steady_clock::now();
    Guest guest;
    guest.answers.push_back(Guest::pid);
    for (int i = 0; i < 1000; ++i) {
        // `exited` must be true itself, not something like it.
        guest.answers.push_back(i % 2 == 0 ? R"({"return":{"exited":"true"}})"
                                           : R"({"return":{"exited":1}})");
    }
    const auto outcome = qemu_agent_run(guest.call(), exec);
    BOOST_REQUIRE(!outcome);
    BOOST_TEST(outcome.error().reason == "outcome_unknown");
    BOOST_CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{60});
}

BOOST_AUTO_TEST_CASE(what_json_cannot_say_is_refused_before_anything_runs)
{
    auto exec = command();
    exec.argv = {"printf", "\xFF"};
    Guest guest;
    const auto outcome = qemu_agent_run(guest.call(), exec);
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::invalid_argument);
    BOOST_TEST(guest.asked.size() == 2U);
    // Input travels as base64 and may hold anything.
    exec.argv = {"cat"};
    exec.stdin_bytes = "\xFF";
    guest.answers = {Guest::user_pid, Guest::user_known, Guest::pid, ended(json::object())};
    BOOST_TEST(qemu_agent_run(guest.call(), exec).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
