#include "coordinator/daemon/settings.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>

using namespace coordinator;
using common::ErrorCode;
using daemon::Settings;

namespace {

struct SettingsFixture {
    SettingsFixture()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "settings-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
    }
    ~SettingsFixture() { std::filesystem::remove_all(folder); }

    common::Result<Settings> load(const std::string& yaml) const
    {
        const auto file = folder / "coordinator.yaml";
        std::ofstream{file} << yaml;
        return daemon::load_settings(
            file, [this](const std::string& name) -> std::optional<std::string> {
                const auto found = environment.find(name);
                return found == environment.end() ? std::nullopt : std::optional{found->second};
            });
    }
    void refused(const std::string& yaml, const std::string& key) const
    {
        BOOST_TEST_CONTEXT(yaml)
        {
            const auto loaded = load(yaml);
            BOOST_REQUIRE(!loaded);
            BOOST_CHECK(loaded.error().code == ErrorCode::invalid_argument);
            BOOST_TEST(loaded.error().message.find(key) != std::string::npos);
        }
    }

    std::filesystem::path folder;
    std::map<std::string, std::string> environment;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(settings_tests, SettingsFixture)

BOOST_AUTO_TEST_CASE(without_a_word_it_listens_on_loopback_and_wants_tokens)
{
    const auto settings = *load("");
    BOOST_TEST(settings.http.address == "127.0.0.1");
    BOOST_TEST(settings.http.port == 8080U);
    BOOST_CHECK(settings.http.auth == http::Auth::tokens);
    BOOST_TEST(settings.link_address == "tcp://*:7420");
    BOOST_TEST(settings.core.default_vcpus == 2U);
    BOOST_TEST(settings.core.default_memory.mib() == 2048U);
    BOOST_CHECK(settings.core.boot_timeout == std::chrono::seconds{60});
    BOOST_TEST(settings.token_file == "/etc/paddock/tokens");
}

BOOST_AUTO_TEST_CASE(addresses_of_loopback_are_taken_in_every_form)
{
    const std::vector<std::tuple<std::string, std::string, std::uint16_t>> forms{
        {"127.0.0.1:80", "127.0.0.1", std::uint16_t{80}},
        {"127.9.8.7:65535", "127.9.8.7", std::uint16_t{65535}},
        {"[::1]:8080", "::1", std::uint16_t{8080}},
        {"127.0.0.1:0", "127.0.0.1", std::uint16_t{0}}};
    for (const auto& [text, address, port] : forms) {
        const auto settings = load("http_address: \"" + text + "\"\n");
        BOOST_REQUIRE(settings);
        BOOST_TEST(settings->http.address == address);
        BOOST_TEST(settings->http.port == port);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused_by_name)
{
    for (const auto* text : {"127.0.0.1",
                             "127.0.0.1:",
                             "127.0.0.1:port",
                             "127.0.0.1:65536",
                             "127.0.0.1:-1",
                             "127.0.0.1:80x"}) {
        refused("http_address: \"" + std::string{text} + "\"\n", "http_address");
    }
}

BOOST_AUTO_TEST_CASE(beyond_loopback_it_listens_only_when_told_that_a_proxy_has_the_tls)
{
    for (const auto* text : {":8080", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080", "1.2.3:80"}) {
        refused("http_address: \"" + std::string{text} + "\"\n", "http_address");
    }
    const auto settings = load("http_address: \":8080\"\nallow_plaintext: true\n");
    BOOST_REQUIRE(settings);
    BOOST_TEST(settings->http.address == "0.0.0.0");
}

BOOST_AUTO_TEST_CASE(others_reach_it_where_it_listens_or_where_it_says)
{
    BOOST_TEST(load("")->store.http_address == "127.0.0.1:8080");
    BOOST_TEST(load("http_address: \"[::1]:81\"\n")->store.http_address == "[::1]:81");
    const std::string everywhere = "http_address: \":8080\"\nallow_plaintext: true\n";
    BOOST_TEST(load(everywhere)->store.http_address.empty());
    BOOST_TEST(load(everywhere + "http_advertise: c1.internal:8080\n")->store.http_address ==
               "c1.internal:8080");
    for (const auto* text : {"c1", ":8080", "c1:", "c1:0", "c1:80x", "c1:65536"}) {
        refused("http_advertise: \"" + std::string{text} + "\"\n", "http_advertise");
    }
}

BOOST_AUTO_TEST_CASE(a_leader_is_waited_for_as_long_as_the_settings_say)
{
    BOOST_CHECK(load("")->store.leader_silence == std::chrono::seconds{3});
    BOOST_CHECK(load("leader_silence_sec: 10\n")->store.leader_silence == std::chrono::seconds{10});
    refused("leader_silence_sec: 1\n", "leader_silence_sec");
}

BOOST_AUTO_TEST_CASE(auth_is_one_of_two_words)
{
    BOOST_CHECK(load("auth: none\n")->http.auth == http::Auth::none);
    BOOST_CHECK(load("auth: tokens\n")->http.auth == http::Auth::tokens);
    for (const auto* text : {"auth: off\n", "auth: None\n", "auth: \"\"\n"}) {
        refused(text, "auth");
    }
}

BOOST_AUTO_TEST_CASE(times_and_sizes_arrive_in_their_units)
{
    const auto settings = *load("boot_timeout_sec: 7\nstop_timeout_sec: 8\n"
                                "command_timeout_sec: 9\nip_timeout_sec: 10\n"
                                "default_memory_mb: 512\ndefault_vcpus: 3\nhttp_threads: 16\n"
                                "idempotency_max_keys: 17\nidempotency_max_mb: 18\n"
                                "http_head_timeout_sec: 19\nhttp_idle_timeout_sec: 20\n"
                                "allowed_hosts: [a.example, b.example]\n");
    BOOST_CHECK(settings.core.boot_timeout == std::chrono::seconds{7});
    BOOST_CHECK(settings.core.stop_timeout == std::chrono::seconds{8});
    BOOST_CHECK(settings.core.command_timeout == std::chrono::seconds{9});
    BOOST_CHECK(settings.core.ip_timeout == std::chrono::seconds{10});
    BOOST_CHECK(settings.http.head_timeout == std::chrono::seconds{19});
    BOOST_CHECK(settings.http.idle_timeout == std::chrono::seconds{20});
    BOOST_TEST(settings.core.default_memory.mib() == 512U);
    BOOST_TEST(settings.core.default_vcpus == 3U);
    BOOST_TEST(settings.http.threads == 16U);
    BOOST_TEST(settings.keys.max_keys == 17U);
    BOOST_TEST(settings.keys.max_bytes.mib() == 18U);
    BOOST_TEST(settings.http.allowed_hosts.size() == 2U);
}

BOOST_AUTO_TEST_CASE(files_for_images_have_a_folder_and_bounds)
{
    const auto without = *load("");
    BOOST_TEST(without.blobs.folder == "/var/lib/paddock-coordinator/blobs");
    BOOST_CHECK(without.blobs.largest == common::Bytes::gib(64));
    BOOST_CHECK(without.blobs.reserve == common::Bytes::gib(1));
    const auto settings = *load("blob_dir: /srv/blobs\nblob_max_mb: 7\nblob_reserve_mb: 0\n");
    BOOST_TEST(settings.blobs.folder == "/srv/blobs");
    BOOST_CHECK(settings.blobs.largest == common::Bytes::mib(7));
    BOOST_CHECK(settings.blobs.reserve == common::Bytes{});
    refused("blob_max_mb: 0\n", "blob_max_mb");
    refused("blob_max_mb: 1073741825\n", "blob_max_mb");
    refused("blob_reserve_mb: -1\n", "blob_reserve_mb");
    environment["PADDOCK_BLOB_DIR"] = "/mnt/blobs";
    BOOST_TEST(load("blob_dir: /srv/blobs\n")->blobs.folder == "/mnt/blobs");
}

BOOST_AUTO_TEST_CASE(bounds_unknown_keys_and_wrong_types_are_refused_by_name)
{
    refused("boot_timeout_sec: 0\n", "boot_timeout_sec");
    refused("default_vcpus: many\n", "default_vcpus");
    for (const auto* text : {"v1", "0.2.", "new", "\"0.2 \""}) {
        refused("oldest_hostd: " + std::string{text} + "\n", "oldest_hostd");
    }
    BOOST_TEST(load("oldest_hostd: 0.2.0\n")->core.oldest_hostd == "0.2.0");
    refused("default_memory_mb: 1\n", "default_memory_mb");
    refused("http_adress: \"127.0.0.1:1\"\n", "http_adress");
    refused("allow_plaintext: perhaps\n", "allow_plaintext");
}

BOOST_AUTO_TEST_CASE(the_environment_comes_before_the_file_by_its_own_and_by_older_names)
{
    environment["PADDOCK_DEFAULT_VCPUS"] = "5";
    environment["DATABASE_URL"] = "host=/run/pg";
    const auto settings = *load("default_vcpus: 3\n");
    BOOST_TEST(settings.core.default_vcpus == 5U);
    BOOST_TEST(settings.store.database_url == "host=/run/pg");
    environment["API_HTTP_ADDR"] = "0.0.0.0:80";
    refused("", "http_address");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_named_and_missing_is_an_error)
{
    const auto loaded = daemon::load_settings(
        folder / "none.yaml", [](const std::string&) { return std::optional<std::string>{}; });
    BOOST_TEST(!loaded.has_value());
}

BOOST_AUTO_TEST_CASE(help_shows_no_secret)
{
    for (const auto& key : daemon::keys()) {
        BOOST_TEST(key.secret == (key.name.find("_url") != std::string_view::npos));
        BOOST_TEST(!key.help.empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
