#pragma once

#include "guest/files/path_policy.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <iterator>
#include <sched.h>
#include <set>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>

/// A root "in", with what is not to be touched beside it, in "out".
struct FilesFixture {
    FilesFixture()
    {
        std::filesystem::create_directory(in());
        std::filesystem::create_directory(out());
        write(out() / "secret", "outside");
    }

    [[nodiscard]] std::filesystem::path in() const { return base / "in"; }
    [[nodiscard]] std::filesystem::path out() const { return base / "out"; }
    [[nodiscard]] std::string path(const std::string& below) const
    {
        return (in() / below).string();
    }

    static void write(const std::filesystem::path& file, std::string_view content)
    {
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file, std::ios::binary} << content;
    }
    static std::string content(const std::filesystem::path& file)
    {
        std::ifstream stream{file, std::ios::binary};
        return {std::istreambuf_iterator<char>{stream}, {}};
    }
    static std::set<std::string> names(const std::filesystem::path& folder)
    {
        std::set<std::string> found;
        for (const auto& each : std::filesystem::directory_iterator{folder}) {
            found.insert(each.path().filename().string());
        }
        return found;
    }
    static mode_t mode(const std::filesystem::path& file)
    {
        struct stat status {};
        BOOST_REQUIRE(::lstat(file.c_str(), &status) == 0);
        return status.st_mode & 07777U;
    }
    [[nodiscard]] bool outside_is_untouched() const
    {
        return names(out()) == std::set<std::string>{"secret"} &&
               content(out() / "secret") == "outside";
    }

    /// In a mount namespace of its own, so that nothing stays mounted. False: not possible here.
    static bool with_mounts(const std::function<void()>& work)
    {
        bool possible = false;
        std::thread{[&] {
            possible = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
            if (possible) {
                work();
            }
        }}.join();
        return possible;
    }

    tests::TempFolder temp;
    std::filesystem::path base = std::filesystem::canonical(temp.path());
    guest::files::PathPolicy policy = *guest::files::PathPolicy::of({{in().string()}});
};

/// "": it worked.
template <typename T>
std::string reason_of(const common::Result<T>& result)
{
    return result ? std::string{} : std::string{result.error().stable_reason()};
}

inline boost::test_tools::assertion_result mounts_are_possible(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result possible{FilesFixture::with_mounts([] {})};
    possible.message() << "no mount namespaces here";
    return possible;
}
