#include "hostd/daemon/fence_file.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

using hostd::BootTime;
using hostd::FenceAction;
using hostd::FenceStamp;
using hostd::daemon::FenceFile;

namespace {

FenceStamp a_stamp()
{
    return {BootTime{std::chrono::milliseconds{123456}},
            {std::chrono::seconds{60}, FenceAction::stop},
            {common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"}, common::SandboxId{"sbx-bbbbbbbbbbbbbbbb"}}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(fence_file_tests)

BOOST_AUTO_TEST_CASE(a_stamp_comes_back_after_a_restart_and_not_after_a_boot)
{
    const tests::TempFolder folder;
    const auto path = folder.path() / "fence";
    FenceFile file{path, "boot-1"};
    BOOST_TEST(!file.read().has_value());
    BOOST_TEST(file.write(a_stamp()).has_value());
    BOOST_CHECK((FenceFile{path, "boot-1"}.read() == a_stamp()));
    BOOST_TEST(!(FenceFile{path, "boot-2"}.read().has_value()));
    BOOST_TEST(file.write({}).has_value());
    BOOST_CHECK((file.read() == FenceStamp{}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_of_long_ago)
{
    const tests::TempFolder folder;
    const auto path = folder.path() / "fence";
    for (const char* rest : {"",
                             "heard",
                             "heard 5\nafter 6\naction dance\n",
                             "heard 5\nafter -6\naction stop\n",
                             "heard 5\nafter 6\naction stop\nheld ../etc\n"}) {
        std::ofstream{path} << "boot boot-1\n" << rest;
        const auto stamp = FenceFile{path, "boot-1"}.read();
        BOOST_REQUIRE(stamp.has_value());
        BOOST_CHECK(stamp->heard == BootTime{});
        BOOST_TEST(stamp->held.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_gone_is_told)
{
    BOOST_TEST(!(FenceFile{"/nowhere/fence", "boot-1"}.write(a_stamp()).has_value()));
}

BOOST_AUTO_TEST_CASE(the_clock_goes_on)
{
    const auto before = hostd::BootClock::now();
    BOOST_CHECK(before > BootTime{});
    BOOST_CHECK(hostd::BootClock::now() >= before);
}

BOOST_AUTO_TEST_SUITE_END()
