#include "cli/audit_rows.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

BOOST_AUTO_TEST_SUITE(audit_rows_tests)

BOOST_AUTO_TEST_CASE(rows_are_told_with_how_they_ended_and_what_was_noted)
{
    const auto rows = Json::parse(R"([
        {"seq":12,"at":"2026-01-31T12:00:00.123456Z","kind":"outcome","action":"sandbox.create",
         "actor":"token:ci","request_id":"r","host":"h1","target":"sbx-a","result":"no_capacity",
         "detail":{"error":"no\nroom","count":2}},
        {"seq":11,"at":"2026-01-31T12:00:00.000001Z","kind":"intent","action":"sandbox.create",
         "actor":"token:ci","request_id":"r","detail":{}},
        {"seq":10,"at":"now","kind":"outcome","action":"x","actor":"y","result":"ok",
         "detail":"as it was"}])");
    BOOST_TEST(
        audit_table(rows).render({}) ==
        "SEQ  AT                    ACTION          RESULT       TARGET  HOST  ACTOR     DETAIL\n"
        "12   2026-01-31T12:00:00Z  sandbox.create  no_capacity  sbx-a   h1    token:ci  "
        "error=no room count=2\n"
        "11   2026-01-31T12:00:00Z  sandbox.create  begins       -       -     token:ci  -\n"
        "10   now                   x               ok           -       -     y         as it "
        "was\n");
    BOOST_TEST(audit_table(Json::parse("[{}]")).render({}).find('-') != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_export_is_passed_on_line_by_line)
{
    std::string written;
    AuditLines lines{[&](std::string_view text) {
        written += text;
        return true;
    }};
    BOOST_TEST(lines.whole());
    BOOST_TEST(lines.last() == 0U);
    for (const char c : std::string_view{"{\"seq\":7,\"a\":1}\n{\"seq\":8"}) {
        BOOST_TEST(lines.take({&c, 1}));
    }
    BOOST_TEST(written == "{\"seq\":7,\"a\":1}\n");
    BOOST_TEST(lines.rows() == 1U);
    BOOST_TEST(lines.last() == 7U);
    BOOST_TEST(!lines.whole());
    // Cut off: the row comes again, from its beginning.
    lines.cut_off();
    BOOST_TEST(lines.whole());
    BOOST_TEST(lines.take("{\"seq\":8}\n{\"seq\":9}\n{\"seq\":10}\n"));
    BOOST_TEST(written == "{\"seq\":7,\"a\":1}\n{\"seq\":8}\n{\"seq\":9}\n{\"seq\":10}\n");
    BOOST_TEST(lines.rows() == 4U);
    BOOST_TEST(lines.last() == 10U);
    BOOST_TEST(lines.whole());
}

BOOST_AUTO_TEST_CASE(a_full_disk_ends_it)
{
    int writes = 0;
    AuditLines lines{[&](std::string_view) { return ++writes == 1; }};
    BOOST_TEST(lines.take("{\"seq\":7}\n{\"seq\":8}"));
    BOOST_TEST(!lines.stuck());
    BOOST_TEST(!lines.take("\n"));
    BOOST_TEST(lines.stuck());
    lines.cut_off();
    BOOST_TEST(!lines.take("{\"seq\":8}\n"));
    BOOST_TEST(writes == 2);
    BOOST_TEST(lines.last() == 7U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
