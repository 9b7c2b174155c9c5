#include "cli/template_plan.hpp"

#include "cli/template_text.hpp"
#include "tests/support/temp_folder.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>

namespace cli {

namespace {

using nlohmann::json;

TemplateFile template_of(const std::string& text, const std::filesystem::path& folder = "/")
{
    auto file = read_template(text, "web.yaml", folder);
    BOOST_REQUIRE_MESSAGE(file, text << (file ? "" : file.error().message));
    return *std::move(file);
}

/// "template create, pool none"
std::string told(const std::vector<TemplateStep>& steps)
{
    constexpr std::array words{"none", "create", "change", "replace"};
    std::string text;
    for (const auto& step : steps) {
        text += (text.empty() ? "" : ", ") + to_string(step.kind) + " " +
                words.at(static_cast<std::size_t>(step.action));
    }
    return text;
}

/// As the coordinator has what was asked for.
TemplateThere there_of(const std::vector<TemplateStep>& steps)
{
    TemplateThere there;
    for (const auto& step : steps) {
        auto body = step.body;
        switch (step.kind) {
        case StepKind::image: there.image = body; break;
        case StepKind::whole:
            body.update({{"id", "tpl-a"}, {"created_at", "then"}, {"updated_at", "now"}});
            there.whole = body;
            break;
        case StepKind::pool:
            body.update({{"max_age_seconds", 86400}, {"ready", 1}});
            for (const auto& [field, value] : {std::pair{"cpu", 1}, std::pair{"memory_mb", 256}}) {
                body.emplace(field, value); // The image's.
            }
            body.emplace("network_mode", "nat");
            there.pool = body;
        }
    }
    return there;
}

} // namespace

BOOST_AUTO_TEST_SUITE(template_plan_tests)

BOOST_AUTO_TEST_CASE(what_is_as_it_should_be_is_left_alone)
{
    const auto file = template_of("name: web\nimage: tiny\nenv: {A: b}\npool: 1\n");
    const auto first = steps_of(file, "tiny", {});
    BOOST_TEST(told(first) == "template create, pool create");
    BOOST_TEST(told(steps_of(file, "tiny", there_of(first))) == "template none, pool none");
}

BOOST_AUTO_TEST_CASE(what_says_no_more_than_its_absence_is_no_change)
{
    const auto file = template_of("name: web\nimage: tiny\nauto_start: false\nlabels: {}\n");
    TemplateThere there;
    there.whole = json{{"id", "tpl-a"}, {"name", "web"}, {"image", "tiny"}, {"cpu", 0}};
    BOOST_TEST(told(steps_of(file, "tiny", there)) == "template none");
    there.whole->emplace("ttl_seconds", 60);
    BOOST_TEST(told(steps_of(file, "tiny", there)) == "template change");
}

BOOST_AUTO_TEST_CASE(a_pool_changes_its_bounds_and_is_replaced_for_another_shape)
{
    const auto before =
        there_of(steps_of(template_of("name: web\nimage: tiny\npool: 1\n"), "tiny", {}));
    const auto again = [&](const std::string& more, const json& image = {}) {
        auto there = before;
        if (image.is_object()) {
            there.image = image;
        }
        return told(steps_of(template_of("name: web\nimage: tiny\n" + more), "tiny", there));
    };
    BOOST_TEST(again("pool: 2\n") == "template none, pool change");
    BOOST_TEST(again("pool: {min: 1, max_age: 1h}\n") == "template none, pool change");
    BOOST_TEST(again("pool: 1\nvcpus: 2\n") == "template change, pool replace");
    BOOST_TEST(again("pool: 1\nnetwork: none\n") == "template change, pool replace");
    BOOST_TEST(again("pool: 1\n", {{"default_cpu", 1}, {"default_memory_mb", 256}}) ==
               "template none, pool none");
    BOOST_TEST(again("pool: 1\n", {{"default_cpu", 1}, {"default_memory_mb", 512}}) ==
               "template none, pool replace");
    BOOST_TEST(again("env: {A: b}\n") == "template change"); // Pools of others are left alone.
}

BOOST_AUTO_TEST_CASE(an_image_is_named_after_all_that_it_is_made_of)
{
    const tests::TempFolder temp;
    const auto put = [&](const char* name, const char* text) {
        std::ofstream{temp.path() / name} << text;
    };
    put("a.qcow2", "one");
    put("b.qcow2", "one");
    put("c.qcow2", "two");
    put("kernel", "k");
    const auto name = [&](const std::string& more) {
        const auto made = name_of_image(template_of("name: web\n" + more, temp.path()));
        BOOST_REQUIRE(made);
        return *made;
    };
    const auto one = name("disk: a.qcow2\nagent: none\n");
    BOOST_TEST(one.starts_with("web-"));
    BOOST_TEST(one.size() == std::string_view{"web-0123456789ab"}.size());
    BOOST_TEST(name("disk: b.qcow2\nagent: none\nvcpus: 4\n") == one);
    std::set<std::string> others{one,
                                 name("disk: c.qcow2\nagent: none\n"),
                                 name("disk: a.qcow2\nagent: qemu\n"),
                                 name("disk: a.qcow2\nagent: none\nfirmware: uefi\n"),
                                 name("disk: a.qcow2\nagent: none\nprefetch: none\n"),
                                 name("disk: a.qcow2\nagent: none\nkernel: kernel\n"),
                                 name("disk: a.qcow2\nagent: none\nkernel: kernel\ncmdline: x\n")};
    put("kernel", "other");
    others.insert(name("disk: a.qcow2\nagent: none\nkernel: kernel\n"));
    BOOST_TEST(others.size() == 8U);
    std::filesystem::create_directory(temp.path() / "image");
    put("image/disk.qcow2", "one");
    put("image/image.json", "{}");
    others.insert(name("disk: image\n"));
    put("image/image.json", "{\"agent\": \"none\"}");
    others.insert(name("disk: image\n"));
    BOOST_TEST(others.size() == 10U);
    // Of what is put in, too.
    put("agent", "1");
    ::setenv("PADDOCK_AGENT", (temp.path() / "agent").c_str(), 1);
    others.insert(name("disk: a.qcow2\nagent: inject\n"));
    put("agent", "2");
    others.insert(name("disk: a.qcow2\nagent: inject\n"));
    ::unsetenv("PADDOCK_AGENT");
    BOOST_TEST(others.size() == 12U);

    const auto file = template_of("name: web\ndisk: a.qcow2\nagent: none\n", temp.path());
    const auto steps = steps_of(file, one, {});
    BOOST_TEST(told(steps) == "image create, template create");
    BOOST_TEST(steps.back().body["image"] == one);
    BOOST_TEST(told(steps_of(file, one, there_of(steps))) == "image none, template none");
    const std::string longest(63, 'x');
    const auto cut = name_of_image(
        template_of("name: " + longest + "\ndisk: a.qcow2\nagent: none\n", temp.path()));
    BOOST_TEST(cut->size() == 63U);
}

BOOST_AUTO_TEST_CASE(a_digest_that_is_said_is_taken_without_looking_at_the_disk)
{
    const auto named = [](char digit) {
        return *name_of_image(
            template_of("name: web\nagent: none\ndisk: {from: 'https://example.com/d', sha256: " +
                        std::string(64, digit) + "}\n"));
    };
    BOOST_TEST(named('a') == named('a'));
    BOOST_TEST(named('a') != named('b'));
}

BOOST_AUTO_TEST_CASE(what_is_exported_applies_to_the_same)
{
    const auto whole = json::parse(R"({
        "id": "tpl-a", "name": "web", "description": "two\nlines: \"so\" # \u0085\u00e9\u007f", "image": "tiny",
        "cpu": 2, "memory_mb": 1536, "ttl_seconds": 5400, "network_mode": "none", "wait_for_ip": true,
        "ready_command": "a\nb: 'c' # d", "ready_timeout_sec": 120,
        "labels": {"on": "off", "a/b": "", "null": "null", "n": "1"}, "env": {"A": "b c", "Y": "yes", "B": "\u0007"},
        "file_policy": {"roots": ["/srv", "- x"], "never_read": []}, "disk": "durable", "pool": "prefer",
        "placement": {"host": "h1", "labels": {"rack": "a1"}, "tolerations": ["gpu=yes"]},
        "replicas": {"count": 2, "every_sec": 90, "memory": false},
        "created_at": "then", "updated_at": "now"})");
    const auto pool = json::parse(R"({"name": "web", "image": "tiny", "cpu": 2, "memory_mb": 1536,
        "network_mode": "none", "min": 0, "max": 3, "max_age_seconds": 86400, "ready": 0})");
    const auto text = template_text(whole, pool);
    BOOST_REQUIRE(text);
    const auto steps =
        steps_of(template_of(*text), "tiny", {.image = {}, .whole = whole, .pool = pool});
    BOOST_TEST(told(steps) == "template none, pool none", *text << steps.front().body.dump(2));

    const auto least = json::parse(R"({"name": "w", "image": "t", "auto_start": true, "cpu": 0})");
    BOOST_TEST(*template_text(least, {}) == "name: w\nimage: t\n");
    const auto newer = template_text(json{{"name", "w"}, {"image", "t"}, {"gpus", 1}}, {});
    BOOST_REQUIRE(!newer);
    BOOST_TEST(newer.error().message.find("its gpus") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
