#include "common/id.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace common;

BOOST_AUTO_TEST_SUITE(id_tests)

BOOST_AUTO_TEST_CASE(minted_ids_parse_and_differ)
{
    std::set<SandboxId> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto id = mint<SandboxId>();
        BOOST_TEST(id.str().size() == 20U);
        const auto parsed = parse_id<SandboxId>(id.str());
        BOOST_REQUIRE(parsed);
        BOOST_TEST(*parsed == id);
        BOOST_TEST(!parse_id<CommandId>(id.str()));
        seen.insert(id);
    }
    BOOST_TEST(seen.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(an_id_is_its_prefix_and_16_of_base32_exactly)
{
    BOOST_TEST(parse_id<SandboxId>("sbx-abcdefghijklmn27").has_value());
    for (const std::string_view text : {"",
                                        "sbx",
                                        "sbx-",
                                        "sbx-abcdefghijklmn2",
                                        "sbx-abcdefghijklmn277",
                                        "sbx_abcdefghijklmn27",
                                        "SBX-abcdefghijklmn27",
                                        "sbx-Abcdefghijklmn27",
                                        "sbx-abcdefghijklmn18",
                                        "sbx-abcdefghijkl/../",
                                        "sbx-abcdefghijklmn2\n",
                                        "sb-abcdefghijklmn27x",
                                        "xsbx-abcdefghijklmn27"}) {
        BOOST_TEST_CONTEXT(text)
        {
            BOOST_TEST(!parse_id<SandboxId>(text));
        }
    }
    BOOST_TEST(!is_id(std::string_view{"sbx-abcdefghijklmn2\0", 20}, "sbx"));
}

BOOST_AUTO_TEST_CASE(a_name_is_safe_as_one_component_of_a_path)
{
    for (const std::string_view good : {"a", "Z", "0", "debian-12", "a.b_c-d", "A1"}) {
        BOOST_TEST(is_name(good));
    }
    BOOST_TEST(is_name(std::string(63, 'a')));
    BOOST_TEST(!is_name(std::string(64, 'a')));
    for (const std::string_view bad :
         {"", ".", "..", "a..b", "-a", "a-", ".a", "a.", "_a", "a/b", "a b", "a\n", "ä", "a:b"}) {
        BOOST_TEST_CONTEXT(bad)
        {
            BOOST_TEST(!is_name(bad));
        }
    }
    BOOST_TEST(!is_name(std::string_view{"a\0b", 3}));
}

BOOST_AUTO_TEST_CASE(a_callers_request_id_is_bounded_and_plain)
{
    BOOST_TEST(parse_request_id("a").has_value());
    BOOST_TEST(parse_request_id(std::string(128, 'a')).has_value());
    BOOST_TEST(!parse_request_id(std::string(129, 'a')));
    for (const std::string_view bad : {"", "a b", "a\r\nX: y", "a\"b", "ü"}) {
        BOOST_TEST(!parse_request_id(bad));
    }
}

BOOST_AUTO_TEST_SUITE_END()
