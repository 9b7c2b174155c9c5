#include "coordinator/http/rest/parsers.hpp"
#include "wrong_fields.hpp"

namespace coordinator::http {

using namespace rest;

namespace {

std::string step_update_with(const std::string& more)
{
    return R"({"plan_id":"pln-aaaaaaaaaaaaaaaa",)" + more + "}";
}

std::string quoted(std::size_t bytes)
{
    return '"' + std::string(bytes, 'x') + '"';
}

/// So many steps, as JSON.
std::string steps_of(std::size_t count)
{
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "" : ",") + quoted(1);
    }
    return "[" + text + "]";
}

} // namespace

BOOST_AUTO_TEST_SUITE(plan_parsers_tests)

BOOST_AUTO_TEST_CASE(a_plan_has_a_name_and_steps)
{
    const auto bare = parse_plan(R"({"name":"Deploy \u00fc","steps":["a"]})");
    BOOST_REQUIRE(bare);
    BOOST_TEST(bare->name == "Deploy \u00fc");
    BOOST_TEST(bare->description == "");
    BOOST_TEST(bare->steps == std::vector<std::string>{"a"}, boost::test_tools::per_element());
    const auto full = parse_plan(R"({"steps":["b\n\u0000","a"],"description":"d\nd","name":"n"})");
    BOOST_REQUIRE(full);
    BOOST_TEST(full->description == "d\nd");
    BOOST_TEST(full->steps == (std::vector<std::string>{std::string("b\n\0", 3), "a"}),
               boost::test_tools::per_element());
    BOOST_TEST(wrong_fields(parse_plan, R"({"name":"n","steps":)" + steps_of(200) + "}").empty());
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_a_plan_is_named)
{
    BOOST_TEST(wrong_fields(parse_plan, "") == (Names{"name", "steps"}),
               boost::test_tools::per_element());
    const std::string good = R"({"name":"n","steps":["a"],)";
    check_wrong(parse_plan,
                {
                    {R"({"steps":["a"]})", "name"},
                    {R"({"name":"","steps":["a"]})", "name"},
                    {R"({"name":"a\nb","steps":["a"]})", "name"},
                    {R"({"name":null,"steps":["a"]})", "name"},
                    {R"({"name":)" + quoted(256) + R"(,"steps":["a"]})", "name"},
                    {R"({"name":"n"})", "steps"},
                    {R"({"name":"n","steps":[]})", "steps"},
                    {R"({"name":"n","steps":null})", "steps"},
                    {R"({"name":"n","steps":"a"})", "steps"},
                    {R"({"name":"n","steps":["a",1]})", "steps.1"},
                    {R"({"name":"n","steps":["a",{"description":"b"}]})", "steps.1"},
                    {R"({"name":"n","steps":[""]})", "steps.0"},
                    {R"({"name":"n","steps":[)" + quoted(4097) + "]}", "steps.0"},
                    {R"({"name":"n","steps":)" + steps_of(201) + "}", "steps"},
                    {good + R"("description":1})", "description"},
                    {good + R"("description":)" + quoted(16385) + "}", "description"},
                    {good + R"("id":"pln-aaaaaaaaaaaaaaaa"})", "id"},
                    {good + R"("status":"pending"})", "status"},
                });
}

BOOST_AUTO_TEST_CASE(an_update_says_how_one_step_stands)
{
    const auto full = parse_step_update(
        step_update_with(R"("step_index":7,"status":"failed","result":"r","error":"")"));
    BOOST_REQUIRE(full);
    BOOST_TEST(full->plan.str() == "pln-aaaaaaaaaaaaaaaa");
    BOOST_TEST(full->change.index == 7U);
    BOOST_TEST((full->change.status == PlanStep::Status::failed));
    BOOST_TEST(*full->change.result == "r");
    BOOST_TEST(*full->change.error == "");
    const auto note = parse_step_update(step_update_with(R"("step_index":0,"result":"half")"));
    BOOST_REQUIRE(note);
    BOOST_TEST(!note->change.status.has_value());
    BOOST_TEST(!note->change.error.has_value());
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_an_update_is_named)
{
    BOOST_TEST(wrong_fields(parse_step_update, "{}") == (Names{"plan_id", "step_index", "status"}),
               boost::test_tools::per_element());
    check_wrong(
        parse_step_update,
        {
            {R"({"step_index":0,"status":"active"})", "plan_id"},
            {R"({"plan_id":"1","step_index":0,"status":"active"})", "plan_id"},
            {R"({"plan_id":"pbk-aaaaaaaaaaaaaaaa","step_index":0,"status":"active"})", "plan_id"},
            {step_update_with(R"("status":"active")"), "step_index"},
            {step_update_with(R"("step_index":-1,"status":"active")"), "step_index"},
            {step_update_with(R"("step_index":200,"status":"active")"), "step_index"},
            {step_update_with(R"("step_index":"0","status":"active")"), "step_index"},
            {step_update_with(R"("step_index":1.0,"status":"active")"), "step_index"},
            {step_update_with(R"("step_index":0)"), "status"},
            {step_update_with(R"("step_index":0,"status":"in_progress")"), "status"},
            {step_update_with(R"("step_index":0,"status":"")"), "status"},
            {step_update_with(R"("step_index":0,"status":null)"), "status"},
            {step_update_with(R"("step_index":0,"result":1)"), "result"},
            {step_update_with(R"("step_index":0,"result":)" + quoted(65537)), "result"},
            {step_update_with(R"("step_index":0,"error":)" + quoted(65537)), "error"},
            {step_update_with(R"("step_index":0,"status":"active","name":"n")"), "name"},
        });
}

BOOST_AUTO_TEST_CASE(an_advance_and_an_abort_may_say_nothing)
{
    for (const char* body : {"", "{}"}) {
        BOOST_REQUIRE(parse_advance(body));
        BOOST_TEST(!parse_advance(body)->has_value());
        BOOST_REQUIRE(parse_abort(body));
        BOOST_TEST(*parse_abort(body) == "");
    }
    BOOST_TEST(parse_advance(R"({"result":"r"})")->value() == "r");
    BOOST_TEST(*parse_abort(R"({"reason":"not today"})") == "not today");
    check_wrong(parse_advance,
                {
                    {R"({"result":null})", "result"},
                    {R"({"result":)" + quoted(65537) + "}", "result"},
                    {R"({"step_index":0})", "step_index"},
                    {"[]", "body"},
                });
    check_wrong(parse_abort,
                {
                    {R"({"reason":1})", "reason"},
                    {R"({"reason":)" + quoted(1025) + "}", "reason"},
                    {R"({"force":true})", "force"},
                });
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
