#include "common/config/document.hpp"

#include <boost/test/unit_test.hpp>

using namespace common;
using namespace common::config;

namespace {

/// The message of the refusal, which must be one.
std::string refusal_of(const std::string& text)
{
    const auto read = read_document(text, "a.yaml");
    BOOST_REQUIRE_MESSAGE(!read, "taken: " << text.substr(0, 200));
    return read.error().message;
}

bool contains(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(document_tests)

BOOST_AUTO_TEST_CASE(values_are_as_they_were_written)
{
    const auto read = read_document("a: no\n"
                                    "b: '1'\n"
                                    "c:\n"
                                    "  - 010\n"
                                    "  - ~\n"
                                    "  - {x: \"\\u00e9\\x07\"}\n"
                                    "d: |\n"
                                    "  two\n"
                                    "  lines\n"
                                    "e:\n",
                                    "a.yaml");
    BOOST_REQUIRE(read);
    BOOST_REQUIRE(read->kind == Node::Kind::map);
    const auto& fields = read->fields;
    BOOST_REQUIRE(fields.size() == 5U);
    BOOST_TEST(fields[0].value.text == "no");
    BOOST_TEST(!fields[0].value.quoted);
    BOOST_TEST(fields[1].value.text == "1");
    BOOST_TEST(fields[1].value.quoted);
    BOOST_REQUIRE(fields[2].value.items.size() == 3U);
    BOOST_TEST(fields[2].value.items[0].text == "010");
    BOOST_TEST((fields[2].value.items[1].kind == Node::Kind::null));
    BOOST_TEST(fields[2].value.items[2].fields[0].value.text == "\u00e9\x07");
    BOOST_TEST(fields[2].value.items[2].line == 6U);
    BOOST_TEST(fields[3].value.text == "two\nlines\n");
    BOOST_TEST(fields[3].line == 7U);
    BOOST_TEST(fields[4].name == "e");
    BOOST_TEST((fields[4].value.kind == Node::Kind::null));
}

BOOST_AUTO_TEST_CASE(nothing_is_null)
{
    for (const char* nothing : {"", "\n\n", "# nothing\n", "---\n", "~"}) {
        const auto read = read_document(nothing, "a.yaml");
        BOOST_REQUIRE_MESSAGE(read, nothing);
        BOOST_TEST((read->kind == Node::Kind::null));
    }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_has_its_file_and_line)
{
    for (const char* wrong :
         {"a: 1\nb: [1, 2\n", "a: 1\n\tb: 2\n", "a: 1\nb: \"x\n", "a: 1\n- b\n"}) {
        const auto message = refusal_of(wrong);
        BOOST_TEST(message.starts_with("a.yaml:"), message);
        BOOST_TEST(message.find(": ") < 10U, message);
    }
    for (const char* open : {"a: 1\nb: \"x\nc: 3\n", "a: 1\n\nb: 'x"}) {
        BOOST_TEST(refusal_of(open) == "a.yaml:3: illegal EOF in scalar");
    }
    BOOST_TEST(refusal_of("a: 1\nb: 2\na: 3\n") == "a.yaml:3: a is given twice, first in line 1");
    BOOST_TEST(refusal_of("x:\n  a: 1\n  \"a\": 3\n") ==
               "a.yaml:3: a is given twice, first in line 2");
    BOOST_TEST(refusal_of("? [a]\n: 1\n") == "a.yaml:1: a key is a text");
    BOOST_TEST(refusal_of("~: 1\n") == "a.yaml:1: a key is a text");
    BOOST_TEST(contains(refusal_of("a: 1\n---\nb: 1\n"), "more than one document"));
}

BOOST_AUTO_TEST_CASE(what_makes_much_of_little_is_refused)
{
    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c < 'k'; ++c) {
        const std::string before{static_cast<char>(c - 1)};
        bomb +=
            std::string{c} + ": &" + c + " [*" + before + ", *" + before + ", *" + before + "]\n";
    }
    BOOST_TEST(contains(refusal_of(bomb), "a.yaml:1: anchors and aliases"));
    BOOST_TEST(contains(refusal_of("a: &x {b: *x}\n"), "anchors and aliases"));
    BOOST_TEST(!read_document("a: *nowhere\n", "a.yaml"));
    BOOST_TEST(contains(refusal_of("a: &x\n"), "anchors and aliases"));
    BOOST_TEST(contains(refusal_of("&x a: 1\n"), "anchors and aliases"));
    BOOST_TEST(contains(refusal_of("a: !!python/object:os.system ls\n"), "tags"));
    BOOST_TEST(contains(refusal_of("a: !!str 1\n"), "tags"));
    BOOST_TEST(contains(refusal_of("!!map\na: 1\n"), "tags"));
}

BOOST_AUTO_TEST_CASE(depth_number_and_size_are_bounded)
{
    const auto nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    BOOST_TEST(read_document(nested(16), "a.yaml").has_value());
    BOOST_TEST(contains(refusal_of(nested(17)), "16 levels"));
    BOOST_TEST(contains(refusal_of(nested(100'000)), "levels"));
    BOOST_TEST(!read_document(std::string(500'000, '{'), "a.yaml").has_value());
    BOOST_TEST(!read_document(std::string(500'000, '['), "a.yaml").has_value());

    std::string many;
    for (int i = 0; i < 1024; ++i) {
        many += "k" + std::to_string(i) + ": 1\n";
    }
    BOOST_TEST(read_document(many, "a.yaml").has_value());
    BOOST_TEST(contains(refusal_of(many + "more: 1\n"), "1024 entries"));

    const auto large = read_document("a: " + std::string(most_of_document.count(), 'x'), "a.yaml");
    BOOST_REQUIRE(!large);
    BOOST_TEST((large.error().code == ErrorCode::too_large));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_refused)
{
    using namespace std::string_literals;
    for (const auto& bytes : {"a: \xff\n"s,
                              "a: 1\n\x04\nb: 2\n"s, // The library would end there.
                              "a\0:\0 \0001\0"s,     // UTF-16
                              "\xff\xfe"s + "a\0"s,
                              "a: 1\0"s,
                              "a: \x1b[2J\n"s}) {
        BOOST_TEST(contains(refusal_of(bytes), "UTF-8 without control characters"));
    }
    BOOST_TEST(read_document("\xef\xbb\xbf"
                             "a: \u00e9\r\n",
                             "a.yaml")
                   .has_value());
}

BOOST_AUTO_TEST_SUITE_END()
