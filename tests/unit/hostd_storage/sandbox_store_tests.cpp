#include "hostd/storage/sandbox_store.hpp"

#include "tests/support/temp_folder.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::ErrorCode;
using common::Result;
using common::process::Command;
using common::process::Outcome;
namespace fs = std::filesystem;

namespace {

const common::SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
const common::SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};

/// A store whose qemu-img makes an empty file, or fails.
struct Store {
    tests::TempFolder temp;
    Layout layout = *Layout::make(temp.path());
    std::vector<Command> ran;
    Outcome outcome;

    Store() { BOOST_REQUIRE(layout.make_folders()); }

    DirSandboxStore open(Bytes reserve = Bytes{0})
    {
        return {layout,
                [this](const Command& command) -> Result<Outcome> {
                    ran.push_back(command);
                    std::ofstream{command.argv.back()} << "overlay";
                    return outcome;
                },
                reserve};
    }
    static Image image()
    {
        Image image;
        image.disk = "/images/tiny/disk.qcow2";
        return image;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_store_tests, Store)

BOOST_AUTO_TEST_CASE(the_end_of_a_console_goes_back_into_the_file_before)
{
    auto store = open();
    const auto files = *store.create(a, image());
    BOOST_TEST(store.console_of(files, 100).text == "");
    BOOST_TEST(!store.console_of(files, 100).cut);
    const auto write = [](const fs::path& path, const std::string& text) {
        std::ofstream{path, std::ios::binary} << text;
    };
    write(files.console_log, "now\n");
    auto tail = store.console_of(files, 3);
    BOOST_TEST(tail.text == "ow\n");
    BOOST_TEST(tail.cut);
    auto older = files.console_log;
    older += ".0";
    write(older, "before\n");
    tail = store.console_of(files, 9);
    BOOST_TEST(tail.text == "fore\nnow\n");
    BOOST_TEST(tail.cut);
    tail = store.console_of(files, 100);
    BOOST_TEST(tail.text == "before\nnow\n");
    BOOST_TEST(!tail.cut);
    write(files.folder / "overlay.2.qcow2", std::string(10'000, 'x'));
    BOOST_TEST(store.taken_by(files).count() >= 10'000U);
    BOOST_TEST(store.taken_by(store.files_of(b)).count() == 0U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_gets_a_folder_of_its_own_and_an_overlay)
{
    auto store = open();
    const auto files = store.create(a, image());
    BOOST_REQUIRE(files);
    BOOST_TEST(files->overlay == store.files_of(a).overlay);
    BOOST_TEST((fs::status(files->folder).permissions() == fs::perms{0711}));
    BOOST_REQUIRE(ran.size() == 1U);
    BOOST_TEST((ran[0].argv == create_overlay(files->overlay, image().disk).argv));
}

BOOST_AUTO_TEST_CASE(a_folder_alone_is_made_without_qemu_img)
{
    auto store = open();
    const auto files = store.create_empty(a);
    BOOST_REQUIRE(files);
    BOOST_TEST(fs::is_empty(files->folder));
    BOOST_TEST((fs::status(files->folder).permissions() == fs::perms{0711}));
    BOOST_TEST(ran.empty());
    BOOST_CHECK(store.create_empty(a).error().code == ErrorCode::already_exists);
    BOOST_TEST(open(Bytes{~std::uint64_t{0}}).create_empty(b).error().reason == "disk_full");
    BOOST_TEST(store.files_of(a, 2).agent_socket.filename() == "agent.g2.sock");
}

BOOST_AUTO_TEST_CASE(an_id_with_a_folder_is_taken_and_left_alone)
{
    auto store = open();
    BOOST_REQUIRE(store.create(a, image()));
    const auto again = store.create(a, image());
    BOOST_REQUIRE(!again);
    BOOST_CHECK(again.error().code == ErrorCode::already_exists);
    BOOST_TEST(fs::exists(store.files_of(a).overlay));
}

BOOST_AUTO_TEST_CASE(a_failed_create_leaves_nothing)
{
    outcome = {1, "", "qemu-img: No space left on device"};
    auto store = open();
    const auto made = store.create(a, image());
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().reason == "disk_full");
    BOOST_TEST(!fs::exists(store.files_of(a).folder));
    outcome = {};
    BOOST_TEST(store.create(a, image()).has_value());
}

BOOST_AUTO_TEST_CASE(the_reserve_is_kept_free)
{
    const auto free = open().space()->free;
    const auto made = open(free + Bytes::gib(1024)).create(a, image());
    BOOST_REQUIRE(!made);
    BOOST_CHECK(made.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(made.error().reason == "disk_full");
    BOOST_TEST(ran.empty());
    BOOST_TEST(!fs::exists(layout.sandbox(a).folder));
}

BOOST_AUTO_TEST_CASE(removing_takes_everything_and_is_done_when_there_is_nothing)
{
    auto store = open();
    BOOST_REQUIRE(store.create(a, image()));
    // Not what a link points to.
    std::ofstream{temp.path() / "precious"} << "kept";
    fs::create_symlink(temp.path() / "precious", store.files_of(a).folder / "link");
    fs::create_directory_symlink(temp.path(), store.files_of(a).folder / "folder");
    BOOST_TEST(store.remove(a).has_value());
    BOOST_TEST(!fs::exists(store.files_of(a).folder));
    BOOST_TEST(fs::exists(temp.path() / "precious"));
    BOOST_TEST(store.remove(a).has_value());
}

BOOST_AUTO_TEST_CASE(only_what_has_an_id_is_listed)
{
    auto store = open();
    BOOST_REQUIRE(store.create(a, image()));
    BOOST_REQUIRE(store.create(b, image()));
    fs::create_directory(layout.sandboxes() / "lost+found");
    fs::create_directory(layout.sandboxes() / "sbx-short");
    auto ids = *store.list();
    std::ranges::sort(ids);
    BOOST_TEST((ids == std::vector{a, b}));
    fs::remove_all(layout.sandboxes());
    BOOST_TEST(!store.list());
    BOOST_TEST(!store.space());
}

BOOST_AUTO_TEST_CASE(space_is_what_the_file_system_says)
{
    const auto space = open().space();
    BOOST_REQUIRE(space);
    BOOST_TEST((space->free <= space->total));
    BOOST_TEST(space->total.count() > 0U);
}

BOOST_AUTO_TEST_SUITE_END()
