#include "common/digest/digest.hpp"
#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>

using namespace tests;
using coordinator::AuditPage;
using coordinator::AuditQuery;
using Numbers = std::vector<std::uint64_t>;

namespace {

AuditRow row_of(const std::string& action, const std::string& target)
{
    auto row = an_audit_row(target);
    row.action = action;
    return row;
}

struct Searched {
    Postgres& postgres = Postgres::shared();
    std::string database = postgres.fresh_database();
    std::unique_ptr<PgStore> store = open_store(postgres.settings(database));

    std::uint64_t head()
    {
        const auto found = store->audit_head();
        BOOST_REQUIRE_EQUAL(told(found), "ok");
        return *found;
    }
    /// Its number.
    std::uint64_t add(const AuditRow& row)
    {
        BOOST_REQUIRE_EQUAL(told(write(*store, {row})), "ok");
        return head();
    }
    /// So many more of another tenant, without a writer.
    void add_many(std::uint64_t count, const std::string& target = {})
    {
        const auto before = head();
        postgres.sql(
            "INSERT INTO audit SELECT " + std::to_string(before) +
                " + n, (SELECT max(at) FROM audit) + n * interval '1 ms', 'intent', 'a.b', 'x', "
                "'another', '', '', '', '" +
                target +
                "', '', '{}', sha256(''), sha256(''), '' FROM "
                "generate_series(1, " +
                std::to_string(count) + ") AS n",
            database);
    }
    AuditPage page(AuditQuery query)
    {
        query.span.tenant = "default";
        auto found = store->audit_page(query);
        BOOST_REQUIRE_EQUAL(told(found), "ok");
        return *std::move(found);
    }
    Numbers numbers(const AuditQuery& query)
    {
        Numbers found;
        for (const auto& row : page(query).rows) {
            found.push_back(row.seq);
        }
        return found;
    }
    /// Of all pages, one after another; `between` is done between them.
    Numbers all(
        AuditQuery query, const std::function<void()>& between = [] {})
    {
        Numbers found;
        while (true) {
            const auto one = page(query);
            for (const auto& row : one.rows) {
                found.push_back(row.seq);
            }
            if (!one.next) {
                return found;
            }
            if (query.order == AuditQuery::Order::newest_first) {
                query.before = one.next;
            } else {
                query.after = *one.next;
            }
            between();
        }
    }
};

AuditQuery oldest_first()
{
    AuditQuery query;
    query.order = AuditQuery::Order::oldest_first;
    return query;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(audit_query_tests, Searched)

BOOST_AUTO_TEST_CASE(each_filter_finds_its_rows_alone)
{
    auto one = row_of("sandbox.create", "sbx-1");
    one.kind = AuditRow::Kind::outcome;
    one.result = "no_capacity";
    one.host = "h2";
    one.caller.actor = "token:other";
    const auto wanted = add(one);
    auto other = row_of("sandboxes.create", "sbx-2");
    other.result = "ok";
    add(other);

    AuditQuery query;
    query.target = "sbx-1";
    BOOST_TEST(numbers(query) == Numbers{wanted});
    const auto finds = [&](auto member, auto value, auto wrong) {
        AuditQuery asked;
        asked.*member = value;
        BOOST_TEST(numbers(asked) == Numbers{wanted});
        asked.*member = wrong;
        BOOST_TEST(numbers(asked).empty());
    };
    finds(&AuditQuery::action, "sandbox.create", "create");
    finds(&AuditQuery::action, "sandbox", "sand");
    finds(&AuditQuery::tool, "sandbox", "sandbox.create");
    finds(&AuditQuery::actor, "token:other", "token:o");
    finds(&AuditQuery::host, "h2", "h3");
    finds(&AuditQuery::result, "no_capacity", "no_room");
    finds(&AuditQuery::request, one.caller.request.str(), "req-none");
    finds(&AuditQuery::operation, one.operation.str(), "op-none");
    query.kind = AuditRow::Kind::outcome;
    BOOST_TEST(numbers(query) == Numbers{wanted});
    query.kind = AuditRow::Kind::intent;
    BOOST_TEST(numbers(query).empty());
    BOOST_TEST(numbers({}) == (Numbers{wanted + 1, wanted}));
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_may_be_hostile)
{
    auto row = row_of(hostile(), hostile());
    row.caller.actor = row.result = row.host = hostile();
    const auto wanted = add(row);
    add(row_of("x", "y"));
    AuditQuery query;
    query.target = query.action = query.actor = query.result = query.host = hostile();
    const auto found = page(query).rows;
    BOOST_REQUIRE(found.size() == 1U);
    BOOST_TEST(found.front().seq == wanted);
    BOOST_TEST(found.front().row.target == hostile());
    BOOST_TEST(found.front().row.action == hostile());
    query.target = "' OR '1'='1";
    BOOST_TEST(numbers(query).empty());
}

BOOST_AUTO_TEST_CASE(a_row_is_told_with_what_seals_it)
{
    add(row_of("a.b", "x"));
    add(row_of("a.b", "y"));
    const auto rows = page({}).rows;
    BOOST_REQUIRE(rows.size() == 2U);
    BOOST_REQUIRE(rows[0].seal && rows[1].seal);
    BOOST_TEST((rows[0].seal->prev_hash == rows[1].seal->hash));
    BOOST_TEST((common::digest::of(rows[0].seal->payload) == rows[0].seal->hash));
    BOOST_TEST(rows[0].seal->payload.ends_with(
        std::string(rows[1].seal->hash.begin(), rows[1].seal->hash.end())));
    const auto followed = store->audit_after(1, 10);
    BOOST_REQUIRE_EQUAL(told(followed), "ok");
    BOOST_TEST((followed->front().seal->hash == rows[0].seal->hash));
}

BOOST_AUTO_TEST_CASE(others_rows_are_seen_by_nobody_else_and_nobodys_by_all)
{
    auto theirs = row_of("a.b", "x");
    theirs.caller.tenant = "another";
    auto nobodys = row_of("host.connect", "x");
    nobodys.caller.tenant = "";
    const auto mine = add(row_of("a.b", "x"));
    add(theirs);
    const auto of_all = add(nobodys);
    AuditQuery query;
    query.total = AuditQuery::Total::counted;
    BOOST_TEST(numbers(query) == (Numbers{of_all, mine}));
    BOOST_TEST(page(query).total.value_or(0) == 2U);
    query.target = "x";
    query.request = theirs.caller.request.str();
    BOOST_TEST(numbers(query).empty());
    BOOST_TEST(page(query).total.value_or(9) == 0U);
    const auto counts = store->audit_counts({"default", {}, {}});
    BOOST_REQUIRE_EQUAL(told(counts), "ok");
    BOOST_TEST(counts->rows == 2U);
    BOOST_TEST(counts->actions.at("a.b").intents == 1U);
}

BOOST_AUTO_TEST_CASE(pages_are_whole_while_rows_are_added)
{
    for (int i = 0; i < 25; ++i) {
        add(row_of("a.b", "x"));
    }
    const auto more = [&] { add(row_of("a.b", "x")); };
    AuditQuery query;
    query.limit = 4;
    Numbers expected(25);
    std::iota(expected.rbegin(), expected.rend(), 1);
    BOOST_TEST(all(query, more) == expected);
    query = oldest_first();
    query.limit = 5;
    const auto found = all(query);
    expected.resize(head());
    std::iota(expected.begin(), expected.end(), 1);
    BOOST_TEST(found == expected);
    query.after = 3;
    query.before = 6;
    BOOST_TEST(all(query) == (Numbers{4, 5}));
    query.limit = 2; // Exactly a page, and there is nothing behind it.
    BOOST_TEST(!page(query).next);
}

BOOST_AUTO_TEST_CASE(a_span_of_time_has_its_rows_and_no_others)
{
    std::vector<common::WallTime> times;
    for (int i = 0; i < 5; ++i) {
        add(row_of("a.b", "x"));
        times.push_back(page({}).rows.front().at);
    }
    AuditQuery query;
    query.span.since = times[1];
    BOOST_TEST(numbers(query) == (Numbers{5, 4, 3, 2}));
    query.span.until = times[3];
    BOOST_TEST(numbers(query) == (Numbers{3, 2}));
    query.span.since.reset();
    query.order = AuditQuery::Order::oldest_first;
    BOOST_TEST(numbers(query) == (Numbers{1, 2, 3}));
    query.span.until = times[0];
    BOOST_TEST(numbers(query).empty());
    query.span = {"", times[4] + std::chrono::milliseconds{1}, {}};
    BOOST_TEST(numbers(query).empty());
    query.span = {"", times[3], times[2]};
    BOOST_TEST(numbers(query).empty());
    const auto counts = store->audit_counts({"default", times[1], times[3]});
    BOOST_REQUIRE_EQUAL(told(counts), "ok");
    BOOST_TEST(counts->rows == 2U);
    BOOST_TEST(counts->first == 2U);
    BOOST_TEST(counts->last == 3U);
}

BOOST_AUTO_TEST_CASE(a_search_looks_at_so_many_rows_and_says_where_to_go_on)
{
    const auto first = add(row_of("rare.one", "x"));
    add_many(120'000);
    const auto last = first + 120'000;
    AuditQuery query;
    query.action = "rare";
    query.total = AuditQuery::Total::counted;
    const auto newest = page(query);
    BOOST_TEST(newest.rows.empty());
    BOOST_TEST(!newest.total);
    BOOST_REQUIRE(newest.next);
    BOOST_TEST(*newest.next == last - 49'999);
    BOOST_TEST(all(query) == Numbers{first});
    query.order = AuditQuery::Order::oldest_first;
    BOOST_TEST(page(query).rows.size() == 1U);
    BOOST_TEST(page(query).next.value_or(0) == 50'000U);
    BOOST_TEST(all(query) == Numbers{first});
    // By its index it is found at once.
    query = {};
    query.target = "x";
    query.total = AuditQuery::Total::counted;
    const auto found = page(query);
    BOOST_TEST(found.rows.size() == 1U);
    BOOST_TEST(!found.next);
    BOOST_TEST(found.total.value_or(0) == 1U);

    const auto counts = store->audit_counts({"another", {}, {}});
    BOOST_REQUIRE_EQUAL(told(counts), "ok");
    BOOST_TEST(!counts->complete);
    BOOST_TEST(counts->rows == 100'000U);
    BOOST_TEST(counts->last == last);
    BOOST_TEST(counts->first == last - 99'999);
}

BOOST_AUTO_TEST_CASE(what_an_index_finds_is_looked_at_so_much_at_a_time)
{
    const auto first = add(row_of("rare.one", "hot"));
    add_many(60'000, "hot");
    add_many(10);
    AuditQuery query;
    query.target = "hot";
    query.action = "rare";
    query.total = AuditQuery::Total::counted;
    const auto newest = page(query);
    BOOST_TEST(newest.rows.empty());
    BOOST_TEST(!newest.total);
    BOOST_TEST(newest.next.value_or(0) == first + 10'001);
    BOOST_TEST(all(query) == Numbers{first});
    query.order = AuditQuery::Order::oldest_first;
    BOOST_TEST(page(query).next.value_or(0) == first + 49'999);
    BOOST_TEST(all(query) == Numbers{first});
}

BOOST_AUTO_TEST_CASE(what_has_an_index_is_found_by_it)
{
    add(row_of("a.b", "x"));
    add_many(20'000);
    postgres.sql("ANALYZE audit", database);
    const auto plan = [&](const std::string& where) {
        return postgres.sql("EXPLAIN SELECT seq FROM audit WHERE (tenant = '' OR tenant = "
                            "'default') AND " +
                                where,
                            database);
    };
    for (const auto& [index, where] : std::map<std::string, std::string>{
             {"audit_target",
              "target = 'x' AND target <> '' AND seq > 0 AND seq < 30000 ORDER BY seq DESC LIMIT "
              "101"},
             {"audit_request",
              "request_id = 'x' AND request_id <> '' AND seq > 0 AND seq < 30000 ORDER BY seq "
              "LIMIT 101"},
             {"audit_operation",
              "operation_id = 'x' AND operation_id <> '' AND seq > 0 AND seq < 30000 ORDER BY seq "
              "DESC LIMIT 101"}}) {
        BOOST_TEST(plan(where).find(index) != std::string::npos, plan(where));
    }
    const auto by_time = postgres.sql(
        "EXPLAIN SELECT seq FROM audit WHERE at >= now() ORDER BY at, seq LIMIT 1", database);
    BOOST_TEST(by_time.find("audit_at") != std::string::npos, by_time);
}

BOOST_AUTO_TEST_SUITE_END()
