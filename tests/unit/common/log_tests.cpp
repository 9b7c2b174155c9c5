#include "common/log/json_fields.hpp"
#include "common/working_on.hpp"

#include <boost/test/unit_test.hpp>

using common::log::json_fields;
using common::log::text_fields;

BOOST_AUTO_TEST_SUITE(log_tests)

BOOST_AUTO_TEST_CASE(ids_are_members_of_their_own)
{
    BOOST_TEST(
        json_fields("req-aaaabbbbccccdddd: create sbx-eeeeffffgggg2345 by op-aaaaaaaaaaaaaaaa") ==
        R"("message":"req-aaaabbbbccccdddd: create sbx-eeeeffffgggg2345 by op-aaaaaaaaaaaaaaaa",)"
        R"("request_id":"req-aaaabbbbccccdddd","sandbox_id":"sbx-eeeeffffgggg2345",)"
        R"("operation_id":"op-aaaaaaaaaaaaaaaa")");
    BOOST_TEST(json_fields("snp-aaaaaaaaaaaaaaaa [cmd-bbbbbbbbbbbbbbbb]") ==
               R"("message":"snp-aaaaaaaaaaaaaaaa [cmd-bbbbbbbbbbbbbbbb]",)"
               R"("snapshot_id":"snp-aaaaaaaaaaaaaaaa","command_id":"cmd-bbbbbbbbbbbbbbbb")");
}

BOOST_AUTO_TEST_CASE(the_first_of_a_kind_counts_also_in_the_name_of_a_domain)
{
    BOOST_TEST(json_fields("sbx-aaaaaaaaaaaaaaaa.g2 and sbx-bbbbbbbbbbbbbbbb") ==
               R"("message":"sbx-aaaaaaaaaaaaaaaa.g2 and sbx-bbbbbbbbbbbbbbbb",)"
               R"("sandbox_id":"sbx-aaaaaaaaaaaaaaaa")");
}

BOOST_AUTO_TEST_CASE(whom_something_is_done_for_is_named_unless_the_message_does)
{
    const common::WorkingOn outer{common::RequestId{"req-aaaabbbbccccdddd"},
                                  common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"}};
    BOOST_TEST(
        json_fields("x") ==
        R"("message":"x","request_id":"req-aaaabbbbccccdddd","sandbox_id":"sbx-aaaaaaaaaaaaaaaa")");
    BOOST_TEST(json_fields("sbx-bbbbbbbbbbbbbbbb") ==
               R"("message":"sbx-bbbbbbbbbbbbbbbb","request_id":"req-aaaabbbbccccdddd",)"
               R"("sandbox_id":"sbx-bbbbbbbbbbbbbbbb")");
    BOOST_TEST(text_fields("x") == " (req-aaaabbbbccccdddd sbx-aaaaaaaaaaaaaaaa)");
    BOOST_TEST(text_fields("of sbx-bbbbbbbbbbbbbbbb") == " (req-aaaabbbbccccdddd)");
    {
        const common::WorkingOn inner{common::RequestId{"req-no\nid"}, {}};
        BOOST_TEST(text_fields("x") == "");
        BOOST_TEST(json_fields("x") == R"("message":"x")");
    }
    BOOST_TEST(text_fields("req-aaaabbbbccccdddd") == " (sbx-aaaaaaaaaaaaaaaa)");
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_an_id_is_none)
{
    for (const auto* text : {"sbx-",
                             "sbx-short",
                             "sbx-aaaaaaaaaaaaaaaab",
                             "sbx-aaaaaaaaaaaaaaa1",
                             "sbx-AAAAAAAAAAAAAAAA",
                             "asbx-aaaaaaaaaaaaaaaa",
                             "sbx-aaaaaaaaaaaaaaaa_"}) {
        BOOST_TEST(json_fields(text) == std::string{R"("message":")"} + text + "\"");
    }
}

BOOST_AUTO_TEST_CASE(whatever_is_quoted_stays_json_of_one_line)
{
    BOOST_TEST(json_fields("a \"b\" \\ \n\t\x01") ==
               R"("message":"a \"b\" \\ \u000a\u0009\u0001")");
    BOOST_TEST(json_fields("\xc3\xa4 \xff\xc3") == "\"message\":\"\xc3\xa4 \\ufffd\\ufffd\"");
}

BOOST_AUTO_TEST_SUITE_END()
