#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/strict_json.hpp"
#include "wrong_fields.hpp"

namespace coordinator::http {

using namespace rest;

namespace {

std::string task_with(const std::string& more)
{
    return R"({"name":"t","module":"apt",)" + more + "}";
}

} // namespace

BOOST_AUTO_TEST_SUITE(playbook_parsers_tests)

BOOST_AUTO_TEST_CASE(a_playbook_is_for_all_hosts_unless_told_otherwise)
{
    const auto bare = parse_playbook(R"({"name":"web.v1"})");
    BOOST_REQUIRE(bare);
    BOOST_TEST(bare->name == "web.v1");
    BOOST_TEST(bare->hosts == "all");
    BOOST_TEST(!bare->become);
    const auto full = parse_playbook(R"({"name":"w","hosts":"a:&b,!c[0:3]","become":true})");
    BOOST_REQUIRE(full);
    BOOST_TEST(full->hosts == "a:&b,!c[0:3]");
    BOOST_TEST(full->become);
    BOOST_TEST(parse_playbook(R"({"name":"w","hosts":""})")->hosts == "all");
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_a_playbook_is_named)
{
    check_wrong(parse_playbook,
                {
                    {"{}", "name"},
                    {R"({"name":""})", "name"},
                    {R"({"name":"../web"})", "name"},
                    {R"({"name":"a/b"})", "name"},
                    {R"({"name":"..\\b"})", "name"},
                    {R"({"name":"a..b"})", "name"},
                    {R"({"name":".web"})", "name"},
                    {R"({"name":"a b"})", "name"},
                    {R"({"name":"a\u0000"})", "name"},
                    {R"({"name":"\u00fc"})", "name"},
                    {R"({"name":")" + std::string(64, 'a') + "\"}", "name"},
                    {R"({"name":1})", "name"},
                    {R"({"name":null})", "name"},
                    {R"({"name":"w","hosts":1})", "hosts"},
                    {R"({"name":"w","hosts":null})", "hosts"},
                    {R"({"name":"w","hosts":["a"]})", "hosts"},
                    {R"({"name":"w","hosts":"a\nb"})", "hosts"},
                    {R"({"name":"w","hosts":"{{ x }}"})", "hosts"},
                    {R"({"name":"w","hosts":"a{% if %}"})", "hosts"},
                    {R"({"name":"w","hosts":")" + std::string(256, 'a') + "\"}", "hosts"},
                    {R"({"name":"w","become":"yes"})", "become"},
                    {R"({"name":"w","become":1})", "become"},
                    {R"({"name":"w","become":null})", "become"},
                    {R"({"name":"w","id":"x"})", "id"},
                    {R"({"name":"w","file_path":"/etc/x"})", "file_path"},
                    {R"({"name":"w","name":"v"})", "name"},
                    {R"({"name":"w"} {})", "body"},
                    {R"([{"name":"w"}])", "body"},
                });
}

BOOST_AUTO_TEST_CASE(a_task_calls_a_module_with_parameters)
{
    const auto bare = parse_task(R"({"name":"t","module":"ping"})");
    BOOST_REQUIRE(bare);
    BOOST_TEST(bare->params == "{}");
    const auto full = parse_task(
        R"({"name":"- {{ x }}: \u0000\n","params":{"b":[1, 2],"a":"\u00e4"},"module":"a.b_2.C"})");
    BOOST_REQUIRE(full);
    BOOST_TEST(full->name == std::string("- {{ x }}: \0\n", 13));
    BOOST_TEST(full->module == "a.b_2.C");
    BOOST_TEST(full->params == "{\"b\":[1,2],\"a\":\"\u00e4\"}");
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_a_task_is_named)
{
    BOOST_TEST(wrong_fields(parse_task, "") == (Names{"name", "module"}),
               boost::test_tools::per_element());
    check_wrong(
        parse_task,
        {
            {R"({"module":"apt"})", "name"},
            {R"({"name":"","module":"apt"})", "name"},
            {R"({"name":7,"module":"apt"})", "name"},
            {R"({"name":")" + std::string(4097, 'a') + R"(","module":"apt"})", "name"},
            {R"({"name":"t"})", "module"},
            {R"({"name":"t","module":null})", "module"},
            {R"({"name":"t","module":""})", "module"},
            {R"({"name":"t","module":"a b"})", "module"},
            {R"({"name":"t","module":"a-b"})", "module"},
            {R"({"name":"t","module":"../a"})", "module"},
            {R"({"name":"t","module":".a"})", "module"},
            {R"({"name":"t","module":"a."})", "module"},
            {R"({"name":"t","module":"a..b"})", "module"},
            {R"({"name":"t","module":"1a"})", "module"},
            {R"({"name":"t","module":"a.1"})", "module"},
            {R"({"name":"t","module":"apt: x"})", "module"},
            {R"({"name":"t","module":"name"})", "module"},
            {R"({"name":"t","module":"when"})", "module"},
            {R"({"name":"t","module":"with_items"})", "module"},
            {R"({"name":"t","module":")" + std::string(129, 'a') + "\"}", "module"},
            {task_with(R"("params":null)"), "params"},
            {task_with(R"("params":[])"), "params"},
            {task_with(R"("params":"{}")"), "params"},
            {task_with(R"("params":{"a":1,"a":2})"), "params.a"},
            {task_with(R"("params":{"a":")" + std::string(65536, 'x') + "\"}"), "params"},
            {task_with(R"("params":)" + std::string(16, '[') + std::string(16, ']')), "body"},
            {task_with(R"("params":{"a":1e999})"), "body"},
            {task_with(R"("position":1)"), "position"},
            {task_with(R"("id":"tsk-aaaaaaaaaaaaaaaa")"), "id"},
        });
    const auto most = task_with(R"("params":{"a":")" + std::string(65528, 'x') + "\"}");
    BOOST_TEST(wrong_fields(parse_task, most).empty());
}

BOOST_AUTO_TEST_CASE(a_change_of_a_task_says_what_it_likes)
{
    const auto none = parse_task_change("{}");
    BOOST_REQUIRE(none);
    BOOST_TEST((!none->name && !none->module && !none->params));
    const auto some = parse_task_change(R"({"params":{},"name":"n"})");
    BOOST_REQUIRE(some);
    BOOST_TEST(*some->name == "n");
    BOOST_TEST(!some->module);
    BOOST_TEST(*some->params == "{}");
    check_wrong(parse_task_change,
                {
                    {R"({"name":""})", "name"},
                    {R"({"name":null})", "name"},
                    {R"({"module":"vars"})", "module"},
                    {R"({"params":7})", "params"},
                    {R"({"position":0})", "position"},
                });
}

BOOST_AUTO_TEST_CASE(an_order_is_a_list_of_task_ids)
{
    const auto order =
        parse_reorder(R"({"task_ids":["tsk-aaaaaaaaaaaaaaaa","tsk-bbbbbbbbbbbbbbbb"]})");
    BOOST_REQUIRE(order);
    BOOST_REQUIRE(order->size() == 2U);
    BOOST_TEST(order->at(1).str() == "tsk-bbbbbbbbbbbbbbbb");
    BOOST_TEST(parse_reorder(R"({"task_ids":[]})")->empty());
    check_wrong(parse_reorder,
                {
                    {"{}", "task_ids"},
                    {R"({"task_ids":null})", "task_ids"},
                    {R"({"task_ids":"tsk-aaaaaaaaaaaaaaaa"})", "task_ids"},
                    {R"({"task_ids":{}})", "task_ids"},
                    {R"({"task_ids":[1]})", "task_ids.0"},
                    {R"({"task_ids":["tsk-aaaaaaaaaaaaaaaa","tsk-short"]})", "task_ids.1"},
                    {R"({"task_ids":["sbx-aaaaaaaaaaaaaaaa"]})", "task_ids.0"},
                    {R"({"task_ids":[],"order":1})", "order"},
                });
}

BOOST_AUTO_TEST_CASE(a_members_text_is_compact_and_exact)
{
    const std::string body = R"( { "a" : {"params": 1}, "params" : { "i": 18446744073709551616,
        "d": 0.12345678901234567890 , "e" : 1E+2, "z":-0.0, "s": "\"\u0041\n\ud83d\udc0e",
        "l": [ [ ], { }, [ { "k" : null } , true ] ], "" : "" } , "b" : [ { "params" : 2 } ] } )";
    BOOST_TEST(text_of_member(body, "params") ==
               "{\"i\":18446744073709551616,\"d\":0.12345678901234567890,\"e\":1E+2,\"z\":-0.0,"
               "\"s\":\"\\\"A\\n\U0001f40e\",\"l\":[[],{},[{\"k\":null},true]],\"\":\"\"}");
    BOOST_TEST(text_of_member(body, "b") == R"([{"params":2}])");
    BOOST_TEST(text_of_member(body, "a") == R"({"params":1})");
    BOOST_TEST(text_of_member(body, "c") == "");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
