#include "proto/output_log.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

using proto::OutputLog;
using proto::Stdio;

namespace {

std::string all_of(const OutputLog& log, std::uint64_t from, std::uint64_t size = 1'000'000)
{
    std::string text;
    while (const auto piece = log.read(from, size)) {
        BOOST_REQUIRE(piece->position >= from);
        from = piece->position + piece->data.size();
        text += piece->data;
    }
    BOOST_TEST(from == std::max(from, log.end()));
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(output_log_tests)

BOOST_AUTO_TEST_CASE(what_is_appended_is_read_in_its_order_and_by_its_stream)
{
    OutputLog log;
    BOOST_TEST(!log.read(0, 10));
    log.append(Stdio::out, "ab");
    log.append(Stdio::out, "c");
    log.append(Stdio::err, "de");
    log.append(Stdio::out, "");
    const auto first = log.read(0, 10);
    BOOST_TEST(first->data == "abc");
    BOOST_TEST((first->stdio == Stdio::out));
    const auto second = log.read(3, 1);
    BOOST_TEST(second->data == "d");
    BOOST_TEST((second->stdio == Stdio::err));
    BOOST_TEST(second->position == 3U);
    BOOST_TEST(!log.read(5, 10));
    BOOST_TEST(!log.read(0, 0));
    BOOST_TEST(log.end() == 5U);
}

BOOST_AUTO_TEST_CASE(the_oldest_go_but_nothing_that_is_needed)
{
    OutputLog log;
    for (int i = 0; i < 100; ++i) {
        log.append(i % 2 == 0 ? Stdio::out : Stdio::err, "0123456789");
    }
    log.trim(400, 40);
    BOOST_TEST(log.begin() == 40U);
    log.trim(400, log.end());
    BOOST_TEST(log.begin() > 40U);
    BOOST_TEST(log.cost() <= 400U);
    const auto oldest = log.read(0, 1);
    BOOST_TEST(oldest->position == log.begin());
    BOOST_TEST(oldest->data == std::string(1, static_cast<char>('0' + log.begin() % 10)));
}

BOOST_AUTO_TEST_CASE(it_goes_on_where_it_is_told)
{
    OutputLog log;
    log.append(Stdio::out, "abc");
    log.restart_at(100);
    BOOST_TEST(log.begin() == 100U);
    BOOST_TEST(!log.read(0, 10));
    log.append(Stdio::err, "d");
    BOOST_TEST(log.read(0, 10)->position == 100U);
}

BOOST_AUTO_TEST_CASE(whatever_is_done_a_byte_stays_where_it_is)
{
    std::mt19937 random{7};
    OutputLog log;
    std::string written;
    for (int i = 0; i < 5000; ++i) {
        const std::string bytes(random() % 40, static_cast<char>('a' + random() % 26));
        log.append(random() % 2 == 0 ? Stdio::out : Stdio::err, bytes);
        written += bytes;
        if (random() % 8 == 0) {
            log.trim(random() % 3000, random() % (written.size() + 1));
        }
        BOOST_REQUIRE(log.end() == written.size());
        const auto from = log.begin() + random() % (log.end() - log.begin() + 1);
        BOOST_REQUIRE(all_of(log, from, 1 + random() % 50) == written.substr(from));
    }
}

BOOST_AUTO_TEST_SUITE_END()
