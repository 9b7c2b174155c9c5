#include "hostd/libvirt/qemu_user.hpp"

#include "common/unique_fd.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace hostd::libvirt;
using common::ErrorCode;

namespace {

constexpr uid_t qemu = 64055;
constexpr uid_t another = 64056;

/// What a process of `user` is told that opens it like this, by this thread: 0 if it may.
int open_as(uid_t user, const std::filesystem::path& path, int how)
{
    ::setfsuid(user);
    const common::UniqueFd fd{::open(path.c_str(), how | O_CLOEXEC, 0600)};
    const int why = fd ? 0 : errno;
    ::setfsuid(::geteuid());
    return why;
}

struct Fixture {
    Fixture()
    {
        std::ofstream{file} << "memory";
        std::filesystem::create_directory(inner);
        ::chmod(folder.path().c_str(), 0755);
        ::chmod(file.c_str(), 0600);
        ::chmod(inner.c_str(), 0700);
    }

    tests::TempFolder folder;
    const std::filesystem::path file = folder.path() / "memory";
    const std::filesystem::path inner = folder.path() / "inner";
};

} // namespace

BOOST_AUTO_TEST_SUITE(qemu_user_tests)

BOOST_AUTO_TEST_CASE(whom_qemu_runs_as_is_read_from_libvirts_capabilities)
{
    const auto capabilities = [](const std::string& label) {
        return "<capabilities><host><secmodel><model>apparmor</model></secmodel><secmodel>"
               "<model>dac</model><doi>0</doi><baselabel type='kvm'>" +
               label +
               "</baselabel><baselabel type='qemu'>+1:+1</baselabel></secmodel></host>"
               "</capabilities>";
    };
    BOOST_TEST((qemu_user(capabilities("+64055:+109")) == qemu));
    for (const auto* label : {"", "64055", "+64055:", "a:b", "+1:+2x", "+99999999999:+1"}) {
        BOOST_TEST(!qemu_user(capabilities(label)), label);
    }
    BOOST_TEST(!qemu_user("<capabilities/>"));
    BOOST_TEST(!qemu_user("<capabilities"));
}

BOOST_FIXTURE_TEST_CASE(a_file_of_ours_is_qemus_to_read_and_write_and_nobody_elses, Fixture)
{
    BOOST_REQUIRE_MESSAGE(::geteuid() == 0, "only root may act as others: sudo ./run-tests");
    BOOST_TEST(open_as(qemu, file, O_RDWR) == EACCES);
    BOOST_REQUIRE(let_qemu_use(file, qemu));
    BOOST_TEST(open_as(qemu, file, O_RDWR) == 0);
    BOOST_TEST(open_as(another, file, O_RDONLY) == EACCES);
    struct stat about {};
    BOOST_REQUIRE(::stat(file.c_str(), &about) == 0);
    BOOST_TEST(about.st_uid == ::geteuid());
    BOOST_TEST((about.st_mode & (S_IXUSR | S_IXGRP | S_IRWXO)) == 0U);

    BOOST_TEST(open_as(qemu, inner / "made", O_RDWR | O_CREAT) == EACCES);
    BOOST_REQUIRE(let_qemu_use(inner, qemu));
    BOOST_TEST(open_as(qemu, inner / "made", O_RDWR | O_CREAT) == 0);
    BOOST_TEST(open_as(another, inner / "made", O_RDONLY) == EACCES);
}

BOOST_FIXTURE_TEST_CASE(what_a_link_leads_to_is_not_shared, Fixture)
{
    const auto link = folder.path() / "link";
    std::filesystem::create_symlink(file, link);
    const auto refused = let_qemu_use(link, qemu);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().message.find(link.string()) != std::string::npos);
    const auto missing = let_qemu_use(folder.path() / "missing", qemu);
    BOOST_REQUIRE(!missing);
    BOOST_CHECK(missing.error().code == ErrorCode::internal);
    struct stat about {};
    BOOST_REQUIRE(::stat(file.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 07777U) == 0600U);
}

BOOST_AUTO_TEST_SUITE_END()
