// A real file system without room, for which a mount namespace and root are needed.
#include "hostd/qemu/migration_stream.hpp"
#include "hostd/qemu/save_image.hpp"

#include "common/unique_fd.hpp"
#include "tests/support/migration_streams.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <functional>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>

using common::UniqueFd;
using tests::MigrationStream;

namespace {

boost::test_tools::assertion_result root(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result is_root{::geteuid() == 0};
    is_root.message() << "SKIPPED: needs root";
    return is_root;
}

/// A file system of 256 KiB that only inside() sees.
struct SmallDisk : tests::TempFolder {
    void inside(const std::function<void()>& work) const
    {
        bool mounted = false;
        std::thread{[&] {
            mounted = ::unshare(CLONE_NEWNS) == 0 &&
                      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      ::mount("none", path().c_str(), "tmpfs", 0, "size=256k") == 0;
            if (mounted) {
                work();
            }
        }}.join();
        BOOST_REQUIRE(mounted);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(full_disk_tests, SmallDisk, *boost::unit_test::precondition(root))

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_by_the_splitter)
{
    constexpr std::uint64_t pages = 100;
    MigrationStream stream;
    stream.header().blocks({{"pc.ram", pages * MigrationStream::page}}).last_part();
    for (std::uint64_t at = 0; at < pages; ++at) {
        stream.full("pc.ram", at * MigrationStream::page, 'x');
    }
    stream.end_section().device();
    hostd::qemu::SplitSettings settings;
    settings.renamed = "paddock.ram";
    settings.ram = common::Bytes{pages * MigrationStream::page};
    std::string reason;
    inside([&] {
        const UniqueFd source{::memfd_create("stream", MFD_CLOEXEC)};
        const UniqueFd memory{
            ::open((path() / "memory").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        if (::write(source.get(), stream.bytes.data(), stream.bytes.size()) ==
                static_cast<ssize_t>(stream.bytes.size()) &&
            ::lseek(source.get(), 0, SEEK_SET) == 0 &&
            ::ftruncate(memory.get(), static_cast<off_t>(settings.ram.count())) == 0) {
            const auto done = hostd::qemu::split(source.get(), memory.get(), settings);
            reason = done ? "taken" : done.error().reason;
        }
    });
    BOOST_TEST(reason == "disk_full");
}

BOOST_AUTO_TEST_CASE(a_save_image_that_finds_no_room_is_not_left_behind)
{
    std::string reason;
    bool left = true;
    inside([&] {
        const auto file = path() / "vm.save";
        const auto done =
            hostd::qemu::write_save_image(file, "<domain/>", std::string(1U << 20U, 'x'));
        reason = done ? "taken" : done.error().reason;
        left = std::filesystem::exists(file);
    });
    BOOST_TEST(reason == "disk_full");
    BOOST_TEST(!left);
}

BOOST_AUTO_TEST_SUITE_END()
