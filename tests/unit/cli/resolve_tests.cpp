#include "cli/resolve.hpp"

#include "cli/listing.hpp"
#include "tests/support/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

const std::vector<KnownSandbox> known{
    {"sbx-aaaabbbbccccdddd", "web"},
    {"sbx-aaaazzzzccccdddd", "sbx-aaaazzzzccccdddd"}, // Nobody named it.
    {"sbx-eeeebbbbccccdddd", "aaaab"},
};

std::string picked(const std::string& text, Meant meant = Meant::likely)
{
    const auto result = pick_sandbox(text, known, meant);
    return result ? *result : std::string{result.error().stable_reason()};
}

/// A reply with one sandbox, or none.
std::string found(const std::string& id, const std::string& name)
{
    auto body = Json{{"sandboxes", Json::array()}, {"total", id.empty() ? 0 : 1}};
    if (!id.empty()) {
        body["sandboxes"].push_back({{"id", id}, {"sandbox_name", name}});
    }
    const auto text = body.dump();
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + text;
}

struct Asked {
    explicit Asked(std::vector<std::string> replies) : server{std::move(replies)} {}

    std::string id_of(const std::string& text, Meant meant = Meant::likely)
    {
        const auto id = sandbox_id(session, text, meant);
        return id ? *id : std::string{id.error().stable_reason()};
    }

    test_support::ScriptedServer server;
    client::Session session{{server.url(), "", "req-1", {}}};
};

} // namespace

BOOST_AUTO_TEST_SUITE(resolve_tests)

BOOST_AUTO_TEST_CASE(an_id_a_name_or_the_beginning_of_an_id)
{
    BOOST_TEST(picked("sbx-aaaazzzzccccdddd") == "sbx-aaaazzzzccccdddd");
    BOOST_TEST(picked("web") == "sbx-aaaabbbbccccdddd");
    BOOST_TEST(picked("sbx-eee") == "sbx-eeeebbbbccccdddd");
    BOOST_TEST(picked("eee") == "sbx-eeeebbbbccccdddd");
}

BOOST_AUTO_TEST_CASE(a_name_goes_before_the_beginning_of_an_id)
{
    BOOST_TEST(picked("aaaab") == "sbx-eeeebbbbccccdddd");
    BOOST_TEST(picked("sbx-aaaab") == "sbx-aaaabbbbccccdddd");
}

BOOST_AUTO_TEST_CASE(what_may_mean_two_names_both)
{
    const auto result = pick_sandbox("aaa", known, Meant::likely);
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().reason == "ambiguous");
    BOOST_TEST(result.error().details == "sbx-aaaabbbbccccdddd  web\n"
                                         "sbx-aaaazzzzccccdddd  sbx-aaaazzzzccccdddd\n");
}

BOOST_AUTO_TEST_CASE(what_no_id_can_begin_with_begins_none)
{
    BOOST_TEST(picked("sbx-EEE") == "no_such_sandbox");
    BOOST_TEST(picked("ee1") == "no_such_sandbox");
    BOOST_TEST(picked("sbx-eeeebbbbccccdddde") == "no_such_sandbox");
}

BOOST_AUTO_TEST_CASE(where_something_would_be_lost_more_of_an_id_is_needed)
{
    const auto certain = [](const std::string& text) { return picked(text, Meant::certain); };
    BOOST_TEST(certain("web") == "sbx-aaaabbbbccccdddd");
    BOOST_TEST(certain("sbx-eeeebbbbccccdddd") == "sbx-eeeebbbbccccdddd");
    BOOST_TEST(certain("sbx-eeeebbbb") == "sbx-eeeebbbbccccdddd");
    BOOST_TEST(certain("eeeebbbb") == "sbx-eeeebbbbccccdddd");
    // A name that is not there, and the beginning of an id by chance.
    BOOST_TEST(certain("eee") == "no_such_sandbox");
    BOOST_TEST(certain("eeeebbb") == "no_such_sandbox");
    // Nobody takes this for a name: to say that it is not there would be wrong.
    BOOST_TEST(certain("sbx-eeeebbb") == "too_short");
    BOOST_TEST(certain("sbx-ee") == "no_such_sandbox");
}

BOOST_AUTO_TEST_CASE(a_name_is_asked_for_by_itself)
{
    Asked asked{{found("sbx-aaaabbbbccccdddd", "web")}};
    BOOST_TEST(asked.id_of("web") == "sbx-aaaabbbbccccdddd");
    const auto requests = asked.server.requests();
    BOOST_REQUIRE(requests.size() == 1U);
    BOOST_TEST(requests[0].starts_with("GET /v1/sandboxes?vm_name=web&"));
}

BOOST_AUTO_TEST_CASE(all_are_looked_through_only_for_what_may_be_the_beginning_of_an_id)
{
    Asked asked{{found("", ""), found("sbx-aaaabbbbccccdddd", "web")}};
    BOOST_TEST(asked.id_of("aaaab") == "sbx-aaaabbbbccccdddd");
    BOOST_TEST(asked.server.requests().at(1).starts_with("GET /v1/sandboxes?limit="));
    Asked name{{found("", "")}};
    BOOST_TEST(name.id_of("no-such") == "no_such_sandbox");
    Asked gone{{found("", "")}};
    BOOST_TEST(gone.id_of("aaaab", Meant::certain) == "no_such_sandbox");
    Asked whole{{}};
    BOOST_TEST(whole.id_of("sbx-aaaabbbbccccdddd") == "sbx-aaaabbbbccccdddd");
    BOOST_TEST(whole.id_of("../x") == "no_such_sandbox");
}

BOOST_AUTO_TEST_CASE(two_characters_are_too_few_to_destroy_something_by)
{
    BOOST_TEST(picked("ee") == "no_such_sandbox");
    BOOST_TEST(picked("sbx-ee") == "no_such_sandbox");
    BOOST_TEST(picked("sbx-") == "no_such_sandbox");
    BOOST_TEST(picked("") == "no_such_sandbox");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
