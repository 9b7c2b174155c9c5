#include "coordinator/http/router.hpp"
#include "coordinator/http/target.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>
#include <sstream>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(router_tests)

namespace {

Router::Match find(const Router& router, const std::string& method, const std::string& path)
{
    return router.find(method, parse_target(path)->segments);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_route_of_the_contract_is_in_the_table)
{
    std::ifstream list{PADDOCK_API_ROUTES};
    BOOST_REQUIRE(list);
    const Router router{route_table()};
    std::string line;
    int routes = 0;
    while (std::getline(list, line)) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        std::istringstream words{line};
        std::string method;
        std::string path;
        std::string state;
        words >> method >> path >> state;
        BOOST_TEST_CONTEXT(line)
        {
            const auto match = find(router, method, path);
            BOOST_REQUIRE(match.route != nullptr);
            BOOST_TEST((match.route->handler != nullptr) == (state == "built"));
            BOOST_TEST((match.route->handler != nullptr || !match.route->feature.empty()));
        }
        ++routes;
    }
    BOOST_TEST(routes > 100);
}

BOOST_AUTO_TEST_CASE(no_route_is_declared_twice)
{
    std::set<std::string> seen;
    for (const auto& route : route_table()) {
        const auto key = std::string{to_string(route.method)} + " " + std::string{route.pattern};
        BOOST_TEST(seen.insert(key).second, key);
    }
}

BOOST_AUTO_TEST_CASE(only_four_routes_are_open)
{
    std::set<std::string_view> open;
    for (const auto& route : route_table()) {
        if (route.access == Access::open) {
            open.insert(route.pattern);
        }
    }
    const std::set<std::string_view> expected{"/v1/health", "/healthz", "/readyz", "/version"};
    BOOST_TEST((open == expected));
}

BOOST_AUTO_TEST_CASE(parameters_are_captured_in_order)
{
    const Router router{route_table()};
    const auto match = find(router, "PUT", "/v1/ansible/playbooks/site/tasks/t1");
    BOOST_REQUIRE(match.route != nullptr);
    BOOST_TEST((match.parameters == std::vector<std::string>{"site", "t1"}));
}

BOOST_AUTO_TEST_CASE(a_wrong_method_is_told_the_right_ones)
{
    const Router router{route_table()};
    const auto match = find(router, "PATCH", "/v1/sandboxes");
    BOOST_TEST(match.route == nullptr);
    BOOST_TEST(match.allow == "GET, HEAD, POST, OPTIONS");
    BOOST_TEST(find(router, "GET", "/v1/nothing").allow.empty());
    BOOST_TEST(find(router, "GET", "/v1/sandboxes/a/b/c/d").allow.empty());
}

BOOST_AUTO_TEST_CASE(head_is_served_where_get_is)
{
    const Router router{route_table()};
    BOOST_TEST(find(router, "HEAD", "/v1/health").route != nullptr);
    BOOST_TEST(find(router, "HEAD", "/v1/sandboxes/x/run").route == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
