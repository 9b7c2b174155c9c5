#include "hostd/qemu/splitter.hpp"

#include "tests/unit/hostd_qemu/streams.hpp"

#include <boost/test/unit_test.hpp>

using tests::MigrationStream;
using tests::page;

namespace {

const std::string hole(page, tests::MarkedMemory::hole);

} // namespace

BOOST_AUTO_TEST_SUITE(splitter_tests)

BOOST_AUTO_TEST_CASE(pages_go_to_memory_and_all_else_stays_a_stream)
{
    const auto stream = tests::whole_stream();
    const auto done = tests::split(stream);
    BOOST_REQUIRE(done.split);
    BOOST_TEST((done.split->device == tests::its_devices()));
    BOOST_TEST(
        (done.memory.content == std::string(page, 'a') + std::string(page, 'b') + hole + hole));
    BOOST_TEST(done.split->pages == 2U);
    BOOST_TEST(done.split->zero_pages == 2U);
    BOOST_TEST(done.split->read.count() == stream.size());
}

BOOST_AUTO_TEST_CASE(neither_portions_nor_buffer_change_what_comes_out)
{
    const auto stream = tests::whole_stream();
    const auto devices = tests::its_devices();
    const auto memory = tests::split(stream).memory.content;
    for (const std::size_t portion : {1U, 7U, 4096U, 4097U, 1U << 20U}) {
        for (const std::size_t buffer : {1U, 5000U, 10000U, 4U << 20U}) {
            const auto done = tests::split(stream, tests::settings(), portion, buffer);
            BOOST_REQUIRE(done.split);
            BOOST_TEST((done.split->device == devices));
            BOOST_TEST((done.memory.content == memory));
        }
    }
}

BOOST_AUTO_TEST_CASE(neighbouring_pages_are_one_write)
{
    MigrationStream stream;
    stream.header().blocks(tests::blocks()).last_part();
    stream.full("pc.ram", 0, 'a').full_of_same(page, 'b').zero("pc.rom", 0);
    stream.full("pc.ram", 2 * page, 'c').zero_of_same(3 * page).end_section().device();
    const auto large = std::size_t{1} << 20U;
    const auto done = tests::split(stream.bytes, tests::settings(), large, large);
    BOOST_REQUIRE(done.split);
    BOOST_TEST(done.memory.writes == 1);
}

BOOST_AUTO_TEST_CASE(of_a_page_that_comes_again_the_last_counts)
{
    MigrationStream stream;
    stream.header().blocks(tests::blocks()).part();
    for (std::uint64_t at = 0; at < tests::ram_pages * page; at += page) {
        stream.full("pc.ram", at, 'x');
    }
    stream.zero_of_same(page).full_of_same(2 * page, 'y').zero_of_same(3 * page).end_section();
    stream.last_part().full_of_same(3 * page, 'z').end_section().device();
    const auto done = tests::split(stream.bytes);
    BOOST_REQUIRE(done.split);
    BOOST_TEST((done.memory.content == std::string(page, 'x') + std::string(page, '\0') +
                                           std::string(page, 'y') + std::string(page, 'z')));
}

BOOST_AUTO_TEST_CASE(the_state_of_devices_is_not_looked_into)
{
    // It may look like anything, an end of stream with a description too.
    const std::string state("\x7E\0\0\0\1\0\6\0\0\0\2{}\0\x01\x02\x05\xFF", 18);
    MigrationStream stream;
    stream.header().blocks(tests::blocks()).last_part();
    for (std::uint64_t at = 0; at < tests::ram_pages * page; at += page) {
        stream.zero("pc.ram", at);
    }
    stream.end_section().device(state);
    const auto done = tests::split(stream.bytes);
    BOOST_REQUIRE(done.split);
    BOOST_TEST((done.split->device.find(state) != std::string::npos));
}

BOOST_AUTO_TEST_CASE(more_than_the_limit_beside_the_memory_is_refused)
{
    auto settings = tests::settings();
    settings.device_limit = common::Bytes{tests::its_devices().size()};
    BOOST_TEST(tests::reason(tests::whole_stream(), settings) == "taken");
    settings.device_limit -= common::Bytes{1};
    BOOST_TEST(tests::reason(tests::whole_stream(), settings) == "too_large");
    settings.device_limit = common::Bytes{};
    BOOST_TEST(tests::reason(tests::whole_stream(), settings) == "too_large");
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_hold_are_refused)
{
    for (const std::uint64_t size : {std::uint64_t{0}, page + 1}) {
        auto settings = tests::settings();
        settings.ram = common::Bytes{size};
        BOOST_TEST(tests::reason(tests::whole_stream(), settings) == "invalid_argument");
    }
    for (const auto& name : {std::string{}, std::string(256, 'n')}) {
        auto settings = tests::settings();
        settings.renamed = name;
        BOOST_TEST(tests::reason(tests::whole_stream(), settings) == "invalid_argument");
    }
}

BOOST_AUTO_TEST_SUITE_END()
