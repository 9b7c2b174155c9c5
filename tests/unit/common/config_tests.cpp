#include "common/config/config.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <unistd.h>

using namespace common;
using namespace common::config;
using namespace std::chrono_literals;

namespace {

const std::array keys{
    Key{.name = "name", .fallback = "nobody", .help = "Who."},
    Key{.name = "port",
        .kind = Kind::integer,
        .fallback = "8080",
        .help = "TCP port.",
        .aliases = {"OLD_PORT", "OLDER_PORT"},
        .minimum = 1,
        .maximum = 65535},
    Key{.name = "offset", .kind = Kind::integer, .fallback = "0", .help = "", .minimum = -5},
    Key{.name = "verbose", .kind = Kind::boolean, .fallback = "false", .help = "Say more."},
    Key{.name = "patience_ms", .kind = Kind::duration_ms, .fallback = "1500", .help = "In ms."},
    Key{.name = "peers", .kind = Kind::list, .fallback = "", .help = "Addresses."},
    Key{.name = "token", .kind = Kind::integer, .fallback = "0", .help = "", .secret = true}};

struct Setting {
    std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("config-" + std::to_string(::getpid()) + ".yaml");
    std::map<std::string, std::string> variables;

    ~Setting() { std::filesystem::remove(file); }

    [[nodiscard]] Result<Config> load(std::string_view yaml) const
    {
        std::ofstream{file} << yaml;
        return Config::load(keys, file, environment());
    }
    [[nodiscard]] Config::Environment environment() const
    {
        return [this](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional{found->second};
        };
    }
    /// The message of the refusal, which must be one.
    [[nodiscard]] std::string refusal(std::string_view yaml) const
    {
        const auto config = load(yaml);
        BOOST_REQUIRE_MESSAGE(!config, "taken: " << yaml);
        BOOST_CHECK(config.error().code == ErrorCode::invalid_argument);
        return config.error().message;
    }
};

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(config_tests, Setting)

BOOST_AUTO_TEST_CASE(without_a_file_the_defaults_hold)
{
    const auto config = Config::load(keys, {}, environment());
    BOOST_REQUIRE(config);
    BOOST_TEST(config->text("name") == "nobody");
    BOOST_TEST(config->integer("port") == 8080);
    BOOST_TEST(!config->boolean("verbose"));
    BOOST_CHECK(config->duration("patience_ms") == 1500ms);
    BOOST_TEST(config->list("peers").empty());
    BOOST_TEST(config->origin("name") == "default");
}

BOOST_AUTO_TEST_CASE(the_file_overrides_the_defaults)
{
    const auto config = load("name: web\nport: 1\nverbose: true\npeers: [a, 'b,c']\noffset: -5\n"
                             "patience_ms: 20\n");
    BOOST_REQUIRE(config);
    BOOST_TEST(config->text("name") == "web");
    BOOST_TEST(config->integer("port") == 1);
    BOOST_TEST(config->integer("offset") == -5);
    BOOST_TEST(config->boolean("verbose"));
    BOOST_CHECK(config->duration("patience_ms") == 20ms);
    BOOST_TEST((config->list("peers") == std::vector<std::string>{"a", "b,c"}));
    BOOST_TEST(config->origin("name") == file.string());
    BOOST_TEST(config->origin("token") == "default");
}

BOOST_AUTO_TEST_CASE(an_empty_file_and_an_empty_value_are_no_errors)
{
    BOOST_TEST(load("").has_value());
    BOOST_TEST(load("# nothing\n").has_value());
    const auto config = load("name:\npeers:\n");
    BOOST_REQUIRE(config);
    BOOST_TEST(config->text("name").empty());
    BOOST_TEST(config->list("peers").empty());
}

BOOST_AUTO_TEST_CASE(the_environment_overrides_the_file_and_the_oldest_name_yields)
{
    variables = {{"OLDER_PORT", "3"}};
    BOOST_TEST(load("port: 1\n")->integer("port") == 3);
    variables = {{"OLD_PORT", "2"}, {"OLDER_PORT", "3"}, {"PADDOCK_PEERS", "a,,b,"}};
    BOOST_TEST((load("")->list("peers") == std::vector<std::string>{"a", "b"}));
    variables["PADDOCK_PORT"] = "4";
    const auto config = load("port: 1\n");
    BOOST_TEST(config->integer("port") == 4);
    BOOST_TEST(config->origin("port") == "PADDOCK_PORT");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_refused_by_name)
{
    const auto message = refusal("prot: 80\n");
    BOOST_TEST(has(message, "'prot'"));
    BOOST_TEST(has(message, file.string()));
    // Only the file is checked: an environment has names of others in it.
    variables = {{"PADDOCK_PROT", "80"}};
    BOOST_TEST(load("").has_value());
}

BOOST_AUTO_TEST_CASE(a_value_of_another_type_is_refused_with_what_is_expected)
{
    BOOST_TEST(has(refusal("port: http\n"), "expected an integer, got 'http'"));
    BOOST_TEST(has(refusal("port: 80x\n"), "expected an integer"));
    BOOST_TEST(has(refusal("port: ' 80'\n"), "expected an integer"));
    BOOST_TEST(has(refusal("port: 8.0\n"), "expected an integer"));
    BOOST_TEST(has(refusal("port: 99999999999999999999\n"), "expected an integer"));
    BOOST_TEST(has(refusal("port:\n"), "expected an integer"));
    BOOST_TEST(has(refusal("port: [80]\n"), "got a list"));
    BOOST_TEST(has(refusal("verbose: yes\n"), "expected true or false"));
    BOOST_TEST(has(refusal("patience_ms: 5s\n"), "milliseconds"));
    variables = {{"OLD_PORT", "many"}};
    BOOST_TEST(has(refusal(""), "OLD_PORT"));
}

BOOST_AUTO_TEST_CASE(bounds_hold_exactly)
{
    BOOST_TEST(load("port: 1\n").has_value());
    BOOST_TEST(load("port: 65535\n").has_value());
    BOOST_TEST(has(refusal("port: 0\n"), "outside 1 to 65535"));
    BOOST_TEST(has(refusal("port: 65536\n"), "outside 1 to 65535"));
    BOOST_TEST(has(refusal("offset: -6\n"), "outside"));
    BOOST_TEST(has(refusal("patience_ms: -1\n"), "outside"));
}

BOOST_AUTO_TEST_CASE(maps_and_lists_where_none_belong_are_refused)
{
    BOOST_TEST(has(refusal("name: {a: b}\n"), "name"));
    BOOST_TEST(has(refusal("peers: {a: b}\n"), "peers"));
    BOOST_TEST(has(refusal("peers: [[a], b]\n"), "peers"));
    BOOST_TEST(has(refusal("peers: [{a: b}]\n"), "peers"));
    BOOST_TEST(has(refusal("{a: b}: c\n"), "unknown"));
    BOOST_TEST(has(refusal("- name\n"), "key: value"));
    BOOST_TEST(has(refusal("just text\n"), "key: value"));
}

BOOST_AUTO_TEST_CASE(what_is_not_yaml_is_refused_with_the_place)
{
    const auto message = refusal("name: [a\nport: }\n");
    BOOST_TEST(has(message, file.string()));
    BOOST_TEST(has(message, "line"));
}

BOOST_AUTO_TEST_CASE(a_key_that_is_given_twice_is_refused)
{
    BOOST_TEST(has(refusal("port: 1\nname: a\nport: 2\n"), "'port'"));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_named_must_exist)
{
    const auto config = Config::load(keys, "/nonexistent/hostd.yaml", environment());
    BOOST_REQUIRE(!config);
    BOOST_CHECK(config.error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_secret_is_never_printed)
{
    const auto message = refusal("token: hunter2\n");
    BOOST_TEST(!has(message, "hunter2"));
    BOOST_TEST(has(message, "(secret)"));
}

BOOST_AUTO_TEST_CASE(reading_what_the_table_lacks_is_a_bug)
{
    const auto config = load("");
    BOOST_CHECK_THROW(static_cast<void>(config->text("nothing")), std::logic_error);
    BOOST_CHECK_THROW(static_cast<void>(config->text("port")), std::logic_error);
}

BOOST_AUTO_TEST_CASE(the_help_names_every_key_and_variable)
{
    const auto help = describe(keys);
    for (const std::string_view part :
         {"patience_ms", "[1500]", "PADDOCK_PATIENCE_MS", "OLD_PORT", "OLDER_PORT", "[empty]"}) {
        BOOST_TEST(has(help, part));
    }
}

BOOST_AUTO_TEST_SUITE_END()
