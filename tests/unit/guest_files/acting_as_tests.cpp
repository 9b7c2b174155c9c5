#include "guest/files/acting_as.hpp"

#include "guest/files/folders.hpp"
#include "guest/files/reader.hpp"
#include "guest/files/writer.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <future>
#include <sys/syscall.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

const guest::User somebody{"somebody", 12345, 23456, {23456, 34567}, "/", "/bin/sh"};

/// Its "in" is somebody's.
struct ActingFixture : FilesFixture {
    ActingFixture()
    {
        fs::permissions(base, fs::perms{0755});
        BOOST_REQUIRE(::chown(in().c_str(), somebody.uid, somebody.gid) == 0);
    }
    Written put(const std::string& name, const WriteOptions& options = {})
    {
        auto writer = *Writer::open(policy, path(name), options);
        BOOST_REQUIRE(writer.write("new"));
        return *writer.commit();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(acting_as_tests, ActingFixture)

BOOST_AUTO_TEST_CASE(what_is_made_belongs_to_the_user)
{
    {
        const auto acting = ActingAs::user(somebody);
        BOOST_REQUIRE(bool{acting});
        put("file");
        BOOST_TEST(reason_of(make_folder(policy, path("folder"), {})) == "");
    }
    for (const auto* each : {"file", "folder"}) {
        const auto entry = *guest::files::stat(policy, path(each), LastLink::kept);
        BOOST_TEST(entry.uid == somebody.uid);
        BOOST_TEST(entry.gid == somebody.gid);
    }
}

BOOST_AUTO_TEST_CASE(what_the_user_may_not_is_refused_and_roots_again_afterwards)
{
    write(in() / "roots", "old");
    write(in() / "readable", "old");
    fs::permissions(in() / "roots", fs::perms{0600});
    fs::create_directory(in() / "closed");
    fs::permissions(in() / "closed", fs::perms{0700});
    {
        const auto acting = ActingAs::user(somebody);
        BOOST_TEST(reason_of(Reader::open(policy, path("roots"))) == "permission_denied");
        BOOST_TEST(reason_of(Writer::open(policy, path("roots"), {})) == "permission_denied");
        BOOST_TEST(reason_of(Reader::open(policy, path("readable"))) == "");
        // It could be replaced in a folder of one's own, but not be written to.
        BOOST_TEST(reason_of(Writer::open(policy, path("readable"), {})) == "permission_denied");
        BOOST_TEST(reason_of(Reader::open(policy, path("closed/x"))) == "permission_denied");
        WriteOptions giving;
        giving.owner = Owner{0, 0};
        auto writer = *Writer::open(policy, path("given"), giving);
        BOOST_TEST(reason_of(writer.commit()) == "permission_denied");
    }
    BOOST_TEST(content(in() / "roots") == "old");
    BOOST_TEST(names(in()) == (std::set<std::string>{"closed", "readable", "roots"}));
    BOOST_TEST(reason_of(Reader::open(policy, path("roots"))) == "");
    put("roots");
    BOOST_TEST(content(in() / "roots") == "new");
}

BOOST_AUTO_TEST_CASE(groups_count)
{
    write(in() / "shared", "old");
    BOOST_REQUIRE(::chown(path("shared").c_str(), 0, 34567) == 0);
    fs::permissions(in() / "shared", fs::perms{0640});
    auto other = somebody;
    other.groups = {other.gid};
    {
        const auto acting = ActingAs::user(somebody);
        BOOST_TEST(reason_of(Reader::open(policy, path("shared"))) == "");
    }
    const auto acting = ActingAs::user(other);
    BOOST_TEST(reason_of(Reader::open(policy, path("shared"))) == "permission_denied");
}

BOOST_AUTO_TEST_CASE(no_capability_opens_what_proc_keeps_closed)
{
    const auto all = *PathPolicy::of({});
    const auto maps = "/proc/" + std::to_string(::getppid()) + "/maps"; // 0444 and yet not for all.
    BOOST_TEST(reason_of(Reader::open(all, maps)) == "");
    const auto acting = ActingAs::user(somebody);
    BOOST_TEST(reason_of(Reader::open(all, maps)) == "permission_denied");
}

BOOST_AUTO_TEST_CASE(only_this_thread_acts_and_all_comes_back)
{
    const auto uid_now = [] { return static_cast<std::uint32_t>(::syscall(SYS_setfsuid, -1)); };
    std::promise<void> acts;
    std::uint32_t elsewhere = 1;
    std::thread other{[&] {
        acts.get_future().wait();
        elsewhere = uid_now();
    }};
    {
        const auto acting = ActingAs::user(somebody);
        BOOST_TEST(uid_now() == somebody.uid);
        acts.set_value();
        other.join();
    }
    BOOST_TEST(elsewhere == 0U);
    BOOST_TEST(uid_now() == 0U);
    write(in() / "roots", "x");
    fs::permissions(in() / "roots", fs::perms{0000});
    BOOST_TEST(reason_of(Reader::open(policy, path("roots"))) == ""); // Capabilities are back.
}

BOOST_AUTO_TEST_CASE(who_may_not_become_somebody_is_told_and_stays_who_it_was)
{
    const auto acting = ActingAs::user(somebody);
    BOOST_TEST(reason_of(ActingAs::user({"root", 0, 0, {0}, "/", "/bin/sh"})) == "internal");
    BOOST_TEST(static_cast<std::uint32_t>(::syscall(SYS_setfsuid, -1)) == somebody.uid);
}

BOOST_AUTO_TEST_SUITE_END()
