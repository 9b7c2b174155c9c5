#include "coordinator/http/rest/parsers.hpp"

#include "wrong_fields.hpp"

namespace coordinator::http::rest {

BOOST_AUTO_TEST_SUITE(placement_parsers_tests)

namespace {

std::vector<std::string> wrong_of_create(const std::string& body)
{
    return wrong_fields([](std::string_view text) { return parse_create(text); }, body);
}

std::string create_asking(const std::string& more)
{
    return R"({"source_vm_name":"tiny","agent_id":"a",)" + more + "}";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_placement_says_all_that_is_asked_of_hosts)
{
    const auto request = parse_create(create_asking(
        R"("placement":{"tolerations":["gpu","old=yes","gpu"],"accelerator":"tcg","group":"web","spread_by":"rack",
            "apart":"preferred"})"));
    BOOST_REQUIRE_MESSAGE(request.has_value(), (request ? "" : request.error().message));
    BOOST_TEST(!request->host);
    const coordinator::scheduler::Wants wants{{}, {"gpu", "old=yes"}, "tcg", "web", "rack", false};
    BOOST_TEST((request->wants == wants));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_placement_is_named)
{
    const auto wrong = [](const std::string& placement) {
        return wrong_of_create(create_asking(R"("placement":)" + placement));
    };
    BOOST_TEST(wrong("[]") == Names{"placement"});
    BOOST_TEST(wrong(R"({"spread":"rack"})") == Names{"placement.spread"});
    BOOST_TEST(wrong(R"({"tolerations":"gpu"})") == Names{"placement.tolerations"});
    BOOST_TEST(wrong(R"({"tolerations":["="]})") == Names{"placement.tolerations.0"});
    BOOST_TEST(wrong(R"({"tolerations":["a b"]})") == Names{"placement.tolerations.0"});
    BOOST_TEST(wrong(R"({"accelerator":"gpu"})") == Names{"placement.accelerator"});
    BOOST_TEST(wrong(R"({"group":""})") == Names{"placement.group"});
    BOOST_TEST(wrong(R"({"group":1})") == Names{"placement.group"});
    BOOST_TEST(wrong(R"({"spread_by":"rack"})") == Names{"placement.spread_by"});
    BOOST_TEST(wrong(R"({"apart":"required"})") == Names{"placement.apart"});
    BOOST_TEST(wrong(R"({"group":"g","apart":"maybe"})") == Names{"placement.apart"});
}

BOOST_AUTO_TEST_CASE(replicas_are_one_every_five_minutes_with_memory_unless_it_is_said)
{
    const auto replicas = [](const std::string& text) {
        const auto request = parse_create(create_asking(R"("replicas":)" + text));
        BOOST_REQUIRE_MESSAGE(request.has_value(), (request ? "" : request.error().message));
        return request->replicas;
    };
    using Policy = coordinator::ReplicaPolicy;
    BOOST_CHECK((replicas("{}") == Policy{1, std::chrono::seconds{300}, true}));
    BOOST_CHECK((replicas(R"({"count":3,"every_sec":10,"memory":false})") ==
                 Policy{3, std::chrono::seconds{10}, false}));
    BOOST_TEST(parse_create(create_asking(R"("disk":"durable")"))->replicas.count == 0U);
    const auto wrong = [](const std::string& text) {
        return wrong_of_create(create_asking(R"("replicas":)" + text));
    };
    BOOST_TEST(wrong("2") == Names{"replicas"});
    BOOST_TEST(wrong(R"({"count":0})") == Names{"replicas.count"});
    BOOST_TEST(wrong(R"({"count":4})") == Names{"replicas.count"});
    BOOST_TEST(wrong(R"({"count":"1"})") == Names{"replicas.count"});
    BOOST_TEST(wrong(R"({"every_sec":9})") == Names{"replicas.every_sec"});
    BOOST_TEST(wrong(R"({"memory":0})") == Names{"replicas.memory"});
    BOOST_TEST(wrong(R"({"hosts":1})") == Names{"replicas.hosts"});
    BOOST_TEST(wrong(R"({"count":1},"disk":"ephemeral")") == Names{"replicas"});
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http::rest
