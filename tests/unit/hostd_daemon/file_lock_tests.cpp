#include "hostd/daemon/file_lock.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>

using namespace hostd::daemon;

BOOST_AUTO_TEST_SUITE(file_lock_tests)

BOOST_AUTO_TEST_CASE(a_lock_is_held_by_one_and_given_back_with_the_object)
{
    auto pattern = (std::filesystem::temp_directory_path() / "lock-XXXXXX").string();
    const std::filesystem::path folder{::mkdtemp(pattern.data())};
    {
        const auto held = FileLock::take(folder / "lock", FileLock::IfHeld::fail);
        BOOST_REQUIRE(held);
        const auto second = FileLock::take(folder / "lock", FileLock::IfHeld::fail);
        BOOST_REQUIRE(!second);
        BOOST_TEST(second.error().reason == "already_running");
        BOOST_TEST(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
    }
    BOOST_TEST(FileLock::take(folder / "lock", FileLock::IfHeld::fail).has_value());
    BOOST_TEST(!FileLock::take(folder / "none/lock", FileLock::IfHeld::fail).has_value());
    std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()
