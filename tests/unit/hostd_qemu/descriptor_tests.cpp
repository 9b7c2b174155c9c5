#include "hostd/qemu/file_error.hpp"
#include "hostd/qemu/migration_stream.hpp"

#include "common/unique_fd.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/unit/hostd_qemu/streams.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <thread>

using common::ErrorCode;
using common::UniqueFd;
using tests::page;

namespace {

struct Descriptors : tests::TempFolder {
    Descriptors()
    {
        std::array<int, 2> ends{};
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        stream.reset(ends[0]);
        sender.reset(ends[1]);
        memory.reset(::open((path() / "memory").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        BOOST_REQUIRE(memory);
        resize(tests::settings().ram.count());
    }
    void resize(std::uint64_t size) const
    {
        BOOST_REQUIRE(::ftruncate(memory.get(), static_cast<off_t>(size)) == 0);
    }
    [[nodiscard]] std::string content() const
    {
        std::string text(tests::settings().ram.count(), 'x');
        BOOST_REQUIRE(::pread(memory.get(), text.data(), text.size(), 0) ==
                      static_cast<ssize_t>(text.size()));
        return text;
    }

    UniqueFd stream;
    UniqueFd sender;
    UniqueFd memory;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(descriptor_tests, Descriptors)

BOOST_AUTO_TEST_CASE(a_stream_is_read_to_its_end_and_zero_pages_stay_holes)
{
    std::thread writer{[this] {
        for (const char byte : tests::whole_stream()) { // In the smallest portions there are.
            static_cast<void>(::write(sender.get(), &byte, 1));
        }
        sender.reset();
    }};
    const auto done = hostd::qemu::split(stream.get(), memory.get(), tests::settings());
    writer.join();
    BOOST_REQUIRE(done);
    BOOST_TEST((done->device == tests::its_devices()));
    BOOST_TEST((content() ==
                std::string(page, 'a') + std::string(page, 'b') + std::string(2 * page, '\0')));
    BOOST_TEST(::lseek(memory.get(), 0, SEEK_HOLE) == static_cast<off_t>(2 * page));
}

BOOST_AUTO_TEST_CASE(a_sender_that_goes_away_is_told)
{
    const auto part = tests::whole_stream().substr(0, 6000);
    BOOST_REQUIRE(::write(sender.get(), part.data(), part.size()) == 6000);
    sender.reset();
    const auto done = hostd::qemu::split(stream.get(), memory.get(), tests::settings());
    BOOST_REQUIRE(!done);
    BOOST_TEST(done.error().reason == "unknown_stream");
}

BOOST_AUTO_TEST_CASE(a_stream_that_cannot_be_read_is_unavailable)
{
    const UniqueFd folder{::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    const auto done = hostd::qemu::split(folder.get(), memory.get(), tests::settings());
    BOOST_REQUIRE(!done);
    BOOST_CHECK(done.error().code == ErrorCode::unavailable);
}

BOOST_AUTO_TEST_CASE(memory_of_another_size_or_kind_is_not_written)
{
    resize(page);
    const auto other = hostd::qemu::split(stream.get(), memory.get(), tests::settings());
    BOOST_REQUIRE(!other);
    BOOST_CHECK(other.error().code == ErrorCode::invalid_argument);
    const auto socket = hostd::qemu::split(stream.get(), sender.get(), tests::settings());
    BOOST_REQUIRE(!socket);
    BOOST_CHECK(socket.error().code == ErrorCode::invalid_argument);
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_be_written_is_told)
{
    const UniqueFd locked{::open((path() / "memory").c_str(), O_RDONLY | O_CLOEXEC)};
    const auto text = tests::whole_stream();
    BOOST_REQUIRE(::write(sender.get(), text.data(), text.size()) ==
                  static_cast<ssize_t>(text.size()));
    sender.reset();
    const auto done = hostd::qemu::split(stream.get(), locked.get(), tests::settings());
    BOOST_REQUIRE(!done);
    BOOST_CHECK(done.error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(a_full_disk_has_its_own_reason)
{
    for (const int error : {ENOSPC, EDQUOT}) {
        const auto full = hostd::qemu::file_error("write", error);
        BOOST_CHECK(full.code == ErrorCode::resource_exhausted);
        BOOST_TEST(full.reason == "disk_full");
    }
    BOOST_TEST(hostd::qemu::file_error("write", EIO).stable_reason() == "internal");
}

BOOST_AUTO_TEST_SUITE_END()
