#include "coordinator/http/cursor.hpp"
#include "coordinator/http/rest/parsers.hpp"

#include "wrong_fields.hpp"

#include <algorithm>

namespace coordinator::http::rest {

BOOST_AUTO_TEST_SUITE(parsers_tests)

namespace {

std::vector<std::string> create_fields(const std::string& body)
{
    return wrong_fields([](std::string_view text) { return parse_create(text); }, body);
}

std::string create_with(const std::string& more)
{
    return R"({"source_vm_name":"tiny","agent_id":"a",)" + more + "}";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_minimal_create_has_defaults)
{
    const auto request = parse_create(R"({"source_vm_name":"tiny","agent_id":"a"})");
    BOOST_REQUIRE(request);
    BOOST_TEST(request->source == "tiny");
    BOOST_TEST(!request->source_is_image);
    BOOST_TEST(!request->vcpus);
    BOOST_TEST(!request->auto_start);
    BOOST_TEST((request->network == NetworkMode::nat));
    BOOST_TEST((request->pool == WarmUse::prefer));
    BOOST_TEST((request->disk == DiskKind::durable));
    BOOST_TEST(request->ready.command.empty());
}

BOOST_AUTO_TEST_CASE(a_full_create_is_one_value)
{
    const auto request = parse_create(
        R"({"image":"tiny","agent_id":"a b","cpu":2,"memory_mb":512,"ttl_seconds":60,
            "auto_start":true,"wait_for_ip":true,"ready_command":"true","ready_timeout_sec":9,
            "vm_name":"web-1","labels":{"team":"red"},
            "network_mode":"isolated","env":{"A_1":"x"},"pool":"prefer","disk":"ephemeral","placement":{"host":"h1","labels":{"gpu":"a100"}},
            "file_policy":{"roots":["/srv","/tmp/"],"never_written":["/srv/..x"]}})");
    BOOST_REQUIRE_MESSAGE(request.has_value(), (request ? "" : request.error().message));
    BOOST_TEST(request->source_is_image);
    BOOST_TEST(*request->vcpus == 2U);
    BOOST_TEST(request->memory->mib() == 512U);
    BOOST_TEST(request->ttl->count() == 60);
    BOOST_TEST(request->ready.command == "true");
    BOOST_TEST(request->ready.timeout.count() == 9);
    BOOST_TEST(request->name == "web-1");
    BOOST_TEST(request->labels.at("team") == "red");
    BOOST_TEST((request->network == NetworkMode::isolated));
    BOOST_TEST((request->disk == DiskKind::ephemeral));
    BOOST_TEST(request->host->str() == "h1");
    BOOST_TEST(request->wants.labels.at("gpu") == "a100");
    BOOST_TEST(request->wants.apart);
    BOOST_TEST((request->files == FilePolicy{{"/srv", "/tmp/"}, {}, {"/srv/..x"}}));
}

BOOST_AUTO_TEST_CASE(zero_and_empty_mean_the_default_as_they_always_did)
{
    const auto request =
        parse_create(create_with(R"("cpu":0,"memory_mb":0,"ttl_seconds":0,"vm_name":"")"));
    BOOST_REQUIRE(request);
    BOOST_TEST((!request->vcpus && !request->memory && !request->ttl && request->name.empty()));
}

BOOST_AUTO_TEST_CASE(all_wrong_fields_are_named_at_once)
{
    const auto fields = create_fields(
        R"({"source_vm_name":"../x","cpu":-1,"memory_mb":"big","auto_start":1,"colour":"red",
            "ready_command":"","ready_timeout_sec":3601})");
    for (const char* name : {"source_vm_name",
                             "agent_id",
                             "cpu",
                             "memory_mb",
                             "auto_start",
                             "colour",
                             "ready_command",
                             "ready_timeout_sec"}) {
        BOOST_TEST((std::ranges::find(fields, name) != fields.end()), name);
    }
    BOOST_TEST(fields.size() == 8U);
}

BOOST_AUTO_TEST_CASE(labels_of_a_placement_are_labels)
{
    const auto wrong = [](const std::string& labels) {
        return create_fields(create_with(R"("placement":{"labels":)" + labels + "}"));
    };
    BOOST_TEST(wrong("{}") == Names{});
    BOOST_TEST(wrong("[]") == Names{"placement.labels"});
    BOOST_TEST(wrong("null") == Names{"placement.labels"});
    BOOST_TEST(wrong(R"({"gpu":1})") == Names{"placement.labels.gpu"});
    BOOST_TEST(wrong(R"({"a b":"c"})") == Names{"placement.labels.a b"});
}

BOOST_AUTO_TEST_CASE(a_source_is_named_exactly_once)
{
    BOOST_TEST(create_fields(R"({"agent_id":"a"})") == Names{"source_vm_name"});
    BOOST_TEST(create_fields(R"({"agent_id":"a","image":"x","source_vm_name":"y"})") ==
               Names{"source_vm_name"});
}

BOOST_AUTO_TEST_CASE(impossible_sizes_are_refused)
{
    for (const char* value :
         {"65", "-1", "1.5", "1e3", "99999999999999999999", "\"1\"", "null", "true"}) {
        BOOST_TEST_CONTEXT(value)
        {
            BOOST_TEST(!create_fields(create_with(std::string{"\"cpu\":"} + value)).empty());
        }
    }
    BOOST_TEST(create_fields(create_with(R"("memory_mb":63)")) == Names{"memory_mb"});
    BOOST_TEST(create_fields(create_with(R"("memory_mb":1048577)")) == Names{"memory_mb"});
    BOOST_TEST(create_fields(create_with(R"("ttl_seconds":-1)")) == Names{"ttl_seconds"});
}

BOOST_AUTO_TEST_CASE(hostile_names_are_refused)
{
    for (const char* name : {"../x",
                             "a/b",
                             "a\\\"b",
                             "<x/>",
                             "a\\nb",
                             "a\\u0000b",
                             "-a",
                             "a..b",
                             " a",
                             "\\u00e9",
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
        BOOST_TEST_CONTEXT(name)
        {
            const auto body = create_with("\"vm_name\":\"" + std::string{name} + "\"");
            BOOST_TEST(create_fields(body) == Names{"vm_name"});
        }
    }
}

BOOST_AUTO_TEST_CASE(rules_for_paths_are_absolute_plain_and_fit_into_a_call)
{
    const auto fields = [](const std::string& policy) {
        return create_fields(create_with("\"file_policy\":" + policy));
    };
    const auto paths = [](int count, std::size_t size) {
        std::string list;
        for (int i = 0; i < count; ++i) {
            list += (i == 0 ? "\"/" : ",\"/") + std::string(size - 1, 'x') + "\"";
        }
        return "[" + list + "]";
    };
    BOOST_TEST(fields("{}") == Names{});
    BOOST_TEST(fields("[]") == Names{"file_policy"});
    BOOST_TEST(fields(R"({"root":["/"]})") == Names{"file_policy.root"});
    BOOST_TEST(fields(R"({"roots":"/"})") == Names{"file_policy.roots"});
    for (const auto* wrong : {"", "srv", "/srv/..", "/srv/../x", "/../x", "/a\\u0000b"}) {
        BOOST_TEST(fields(R"({"never_read":["/ok",")" + std::string{wrong} + "\"]}") ==
                   Names{"file_policy.never_read.1"});
    }
    BOOST_TEST(fields("{\"roots\":" + paths(1, 513) + "}") == Names{"file_policy.roots.0"});
    BOOST_TEST(fields("{\"roots\":" + paths(33, 2) + "}") == Names{"file_policy.roots"});
    BOOST_TEST(fields("{\"roots\":" + paths(32, 512) + "}") == Names{});
    BOOST_TEST(fields("{\"roots\":" + paths(32, 512) + ",\"never_read\":[\"/\"]}") ==
               Names{"file_policy"});
}

BOOST_AUTO_TEST_CASE(labels_and_env_are_bounded_maps_of_strings)
{
    BOOST_TEST(create_fields(create_with(R"("labels":{"a b":"x"})")) == Names{"labels.a b"});
    BOOST_TEST(create_fields(create_with(R"("labels":{"a":1})")) == Names{"labels.a"});
    BOOST_TEST(create_fields(create_with(R"("labels":[])")) == Names{"labels"});
    BOOST_TEST(create_fields(create_with(R"("env":{"1A":"x"})")) == Names{"env.1A"});
    BOOST_TEST(create_fields(create_with(R"("env":{"A":"\u0000"})")) == Names{"env.A"});
    std::string many;
    for (int i = 0; i < 65; ++i) {
        many += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":\"v\"";
    }
    BOOST_TEST(create_fields(create_with("\"labels\":{" + many + "}")) == Names{"labels"});
}

BOOST_AUTO_TEST_CASE(a_disk_is_durable_or_ephemeral_and_pools_have_no_ephemeral_ones)
{
    BOOST_TEST(create_fields(create_with(R"("disk":"floppy")")) == Names{"disk"});
    BOOST_TEST(create_fields(create_with(R"("disk":1)")) == Names{"disk"});
    BOOST_TEST(create_fields(create_with(
                   R"("disk":"ephemeral","pool":"require","auto_start":true)")) == Names{"pool"});
}

BOOST_AUTO_TEST_CASE(features_to_come_are_named_not_ignored)
{
    for (const auto& [field, json] : std::map<std::string, std::string>{
             {"egress", R"("egress":{"allow":[]})"},
             {"network_mode", R"("network_mode":"bridge")"},
         }) {
        BOOST_TEST_CONTEXT(json)
        {
            const auto request = parse_create(create_with(json));
            BOOST_REQUIRE(!request);
            BOOST_TEST((request.error().code == common::ErrorCode::unimplemented));
            BOOST_TEST(request.error().reason == "not_yet");
            BOOST_TEST(request.error().fields.front().field == field);
        }
    }
    // What is wrong comes before what is not there yet.
    const auto both = parse_create(create_with(R"("egress":1,"cpu":"x")"));
    BOOST_TEST((both.error().code == common::ErrorCode::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_create_says_whether_it_takes_a_warm_sandbox)
{
    const auto pool_of = [](const std::string& json) {
        return parse_create(create_with(json))->pool;
    };
    BOOST_CHECK(pool_of(R"("pool":"prefer")") == WarmUse::prefer);
    BOOST_CHECK(pool_of(R"("pool":"skip")") == WarmUse::skip);
    BOOST_CHECK(pool_of(R"("pool":"skip","auto_start":true)") == WarmUse::skip);
    BOOST_CHECK(pool_of(R"("pool":"require","auto_start":true)") == WarmUse::require);
    for (const char* wrong : {R"("pool":"require")",
                              R"("pool":"require","auto_start":false)",
                              R"("pool":"warm")",
                              R"("pool":"")",
                              R"("pool":true)",
                              R"("pool":{"name":"p"})",
                              R"("pool":null)"}) {
        BOOST_TEST_CONTEXT(wrong)
        {
            BOOST_TEST(create_fields(create_with(wrong)) == Names{"pool"});
        }
    }
}

BOOST_AUTO_TEST_CASE(broken_json_is_refused_with_its_place)
{
    std::string deep(100'000, '[');
    for (const std::string& body : {std::string{"{"},
                                    std::string{"{} {}"},
                                    std::string{"[]"},
                                    std::string{"null"},
                                    std::string{"{'a':1}"},
                                    std::string{"{\"a\":\"\xff\"}"},
                                    std::string{"{\"a\":\"\\ud800\"}"},
                                    std::string{"{\"a\":NaN}"},
                                    std::string{"{\"a\":1e999}"},
                                    std::string{"{\"a\":1,\"a\":2}"},
                                    std::string{"\xef\xbb\xbf garbage"},
                                    deep,
                                    "{\"a\":" + deep}) {
        BOOST_TEST_CONTEXT(body.substr(0, 40))
        {
            BOOST_TEST(!create_fields(body).empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_run_has_defaults_and_bounds)
{
    const auto request = parse_run(R"({"command":"true","private_key_path":"/x"})");
    BOOST_REQUIRE(request);
    BOOST_TEST(request->user == "sandbox");
    BOOST_TEST(!request->timeout);
    const auto fields = [](const std::string& body) { return wrong_fields(parse_run, body); };
    BOOST_TEST(fields("") == Names{"command"});
    BOOST_TEST(fields(R"({"command":""})") == Names{"command"});
    BOOST_TEST(fields(R"({"command":"a\u0000b"})") == Names{"command"});
    BOOST_TEST(fields("{\"command\":\"" + std::string((256 << 10) + 1, 'x') + "\"}") ==
               Names{"command"});
    BOOST_TEST(fields(R"({"command":"x","timeout_sec":3601})") == Names{"timeout_sec"});
    BOOST_TEST(fields(R"({"command":"x","user":"root; id"})") == Names{"user"});
    BOOST_TEST(fields(R"({"command":"x","cwd":"relative"})") == Names{"cwd"});
    BOOST_TEST(fields(R"({"command":"x","metadata":{}})") == Names{"metadata"});
}

BOOST_AUTO_TEST_CASE(empty_bodies_are_allowed_where_nothing_is_required)
{
    BOOST_TEST(parse_start("").has_value());
    BOOST_TEST(parse_start("  \n").has_value());
    BOOST_TEST(parse_stop("{}").has_value());
    BOOST_TEST(parse_nothing("", "x").has_value());
    BOOST_TEST(!parse_nothing(R"({"force":true})", "x"));
    BOOST_TEST(parse_start(R"({"wait_for_ip":true})")->wait_for_ip);
    BOOST_TEST(parse_stop(R"({"force":true,"timeout_sec":5})")->timeout->count() == 5000);
}

BOOST_AUTO_TEST_CASE(a_longer_life_needs_a_positive_number_of_seconds)
{
    BOOST_TEST(parse_extend(R"({"ttl_seconds":3600})")->count() == 3600);
    for (const auto* wrong : {"",
                              "{}",
                              R"({"ttl_seconds":0})",
                              R"({"ttl_seconds":-1})",
                              R"({"ttl_seconds":"60"})",
                              R"({"ttl_seconds":99999999999})",
                              R"({"ttl_seconds":1.5})"}) {
        const auto parsed = parse_extend(wrong);
        BOOST_REQUIRE(!parsed);
        BOOST_TEST(parsed.error().fields.at(0).field == "ttl_seconds");
    }
    BOOST_TEST(!parse_extend(R"({"ttl_seconds":60,"ttl":1})"));
}

BOOST_AUTO_TEST_CASE(a_list_filters_exactly)
{
    const auto filter = parse_list({{"agent_id", "a"},
                                    {"state", "RUNNING"},
                                    {"host", "h1"},
                                    {"label", "team=red"},
                                    {"label", "note=a=b"},
                                    {"limit", "500"},
                                    {"offset", "7"}});
    BOOST_REQUIRE(filter);
    BOOST_TEST(*filter->agent_id == "a");
    BOOST_TEST((*filter->state == State::running));
    BOOST_TEST(filter->labels.at("note") == "a=b");
    BOOST_TEST(filter->page.limit == 500U);
    BOOST_TEST(filter->page.offset == 7U);
}

BOOST_AUTO_TEST_CASE(a_cursor_is_read_as_it_was_given)
{
    const Position place{1'769'860'800'000'001, "sbx-abcdefghij234567"};
    const auto filter = parse_list({{"limit", "2"}, {"cursor", to_cursor(place)}});
    BOOST_REQUIRE(filter);
    BOOST_TEST((filter->page.after == place));
    BOOST_TEST(filter->page.limit == 2U);
    BOOST_TEST(!parse_list({})->page.after);
}

BOOST_AUTO_TEST_CASE(a_wrong_query_names_its_parameter)
{
    for (const auto& query : std::vector<Query>{{{"limit", "0"}},
                                                {{"limit", "501"}},
                                                {{"limit", "ten"}},
                                                {{"limit", ""}},
                                                {{"limit", "1"}, {"limit", "2"}},
                                                {{"offset", "-1"}},
                                                {{"offset", "99999999999999999999"}},
                                                {{"state", "running"}},
                                                {{"label", "novalue"}},
                                                {{"label", "k=1"}, {"label", "k=2"}},
                                                {{"host", "../x"}},
                                                {{"offset", "1"}, {"cursor", "0~h1"}},
                                                {{"cursor", "0~h1"}, {"cursor", "0~h1"}},
                                                {{"cursor", ""}},
                                                {{"cursor", "abc"}},
                                                {{"cursor", "7"}},
                                                {{"cursor", "7~"}},
                                                {{"cursor", "~h1"}},
                                                {{"cursor", "-1~h1"}},
                                                {{"cursor", "7~h1'"}},
                                                {{"cursor", "99999999999999999999~h1"}},
                                                {{"cursor", "999999999999999999~h1"}},
                                                {{"colour", "red"}}}) {
        BOOST_TEST_CONTEXT(query.back().first + "=" + query.back().second)
        {
            const auto filter = parse_list(query);
            BOOST_REQUIRE(!filter);
            BOOST_TEST(filter.error().fields.front().field == query.back().first);
        }
    }
    BOOST_TEST(!parse_get({{"include_commands", "maybe"}}));
    BOOST_TEST(parse_get({{"include_commands", "1"}})->include_commands);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http::rest
