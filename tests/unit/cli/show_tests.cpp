#include "cli/show.hpp"

#include "cli/text.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

const auto noon = *parse_time("2026-01-31T12:00:00Z");

} // namespace

BOOST_AUTO_TEST_SUITE(show_tests)

BOOST_AUTO_TEST_CASE(sandboxes_are_told_with_phase_age_and_end)
{
    const auto items =
        Json::parse(R"([{"id":"sbx-a","sandbox_name":"web","phase":"running","image":"tiny",
        "host_name":"h1","created_at":"2026-01-31T11:50:00.5Z","expires_at":"2026-01-31T13:00:00Z",
        "labels":{"team":"search","stage":"test"}}])");
    BOOST_TEST(
        sandboxes_table(items, noon).render({}) ==
        "ID     NAME  PHASE    IMAGE  HOST  ADDRESS  AGE  EXPIRES  LABELS\n"
        "sbx-a  web   running  tiny   h1    -        10m  in 60m   team=search,stage=test\n");
}

BOOST_AUTO_TEST_CASE(a_command_that_has_no_exit_status_says_why)
{
    const auto items = Json::parse(R"([
        {"id":"cmd-a","command":"true","user":"sandbox","exit_code":0,"status":"finished",
         "started_at":"2026-01-31T11:59:50Z","ended_at":"2026-01-31T11:59:55Z"},
        {"id":"cmd-b","command":"sleep 9","user":"root","exit_code":-1,"status":"outcome_unknown",
         "started_at":"2026-01-31T11:59:50Z","ended_at":"2026-01-31T11:59:50Z"}])");
    BOOST_TEST(commands_table(items, noon).render({}) ==
               "ID     AGE  TOOK  USER     EXIT             COMMAND\n"
               "cmd-a  10s  5s    sandbox  0                true\n"
               "cmd-b  10s  0s    root     outcome_unknown  sleep 9\n");
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_version_is_shown_as_far_as_it_goes)
{
    const auto items = Json::parse(R"([{"name":7,"hosts":"h1"},{}])");
    for (const auto& text : {sandboxes_table(items, noon).render({}),
                             commands_table(items, noon).render({}),
                             snapshots_table(items, noon).render({}),
                             images_table(items, noon).render({}),
                             pools_table(items).render({}),
                             hosts_table(items, noon).render({}),
                             vms_table(items).render({})}) {
        BOOST_TEST(std::ranges::count(text, '\n') == 3, text);
    }
}

BOOST_AUTO_TEST_CASE(a_placement_is_told_the_best_host_first)
{
    const auto told = Json::parse(R"({"placeable":true,"host":"h2","hosts":[
        {"name":"h1","fits":true,"score":0.5,"scores":{"room":0.25,"warm":1}},
        {"name":"h2","fits":true,"score":0.9,"scores":{"room":0.9,"warm":0.333}},
        {"name":"h3","fits":false,"why_not":"it is cordoned"}]})");
    BOOST_TEST(placement_table(told).render({}) ==
               "HOST  VERDICT        SCORE  BECAUSE\n"
               "h2    takes it       0.90   room 0.90, warm 0.33\n"
               "h1    could take it  0.50   room 0.25, warm 1.00\n"
               "h3    cannot         -      it is cordoned\n");
    const auto other = Json::parse(R"({"hosts":[{"name":7,"score":"high","scores":[1]},{}]})");
    BOOST_TEST(std::ranges::count(placement_table(other).render({}), '\n') == 3);
}

BOOST_AUTO_TEST_CASE(details_leave_out_what_is_empty_and_explain_times_and_sizes)
{
    const auto object = Json::parse(R"({"id":"snp-a","created_at":"2026-01-31T11:00:00Z","error":"",
        "size_bytes":1536,"labels":{"a":"1"},"hosts":["h1","h2"],"none":[],
        "expires_at":"2026-01-31T12:05:00Z"})");
    BOOST_TEST(details_of(object, noon, {}) == "id          snp-a\n"
                                               "created_at  2026-01-31T11:00:00Z (60m ago)\n"
                                               "size_bytes  1536 (1.5 KiB)\n"
                                               "labels      a=1\n"
                                               "hosts       h1,h2\n"
                                               "expires_at  2026-01-31T12:05:00Z (in 5m)\n");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
