#include "hostd/storage/layout.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace hostd::storage;
using common::ErrorCode;
namespace fs = std::filesystem;

namespace {

const common::SandboxId id{"sbx-aaaaaaaaaaaaaaaa"};

} // namespace

BOOST_AUTO_TEST_SUITE(layout_tests)

BOOST_AUTO_TEST_CASE(the_tree_is_as_it_is_drawn)
{
    const auto layout = Layout::make("/var/lib/paddock/./x/..");
    BOOST_REQUIRE(layout);
    BOOST_TEST(layout->image(common::ImageName{"tiny"}) == "/var/lib/paddock/images/tiny");
    const auto files = layout->sandbox(id);
    BOOST_TEST(files.folder == "/var/lib/paddock/sandboxes/sbx-aaaaaaaaaaaaaaaa");
    BOOST_TEST(files.overlay == files.folder / "overlay.qcow2");
    BOOST_TEST(files.nvram == files.folder / "nvram.fd");
    BOOST_TEST(files.console_log == files.folder / "console.log");
    BOOST_TEST(files.agent_socket == files.folder / "agent.sock");
    const auto third = layout->sandbox(id, 3);
    BOOST_TEST(third.folder == files.folder);
    BOOST_TEST(third.overlay == files.overlay);
    BOOST_TEST(third.nvram == files.nvram);
    BOOST_TEST(third.console_log == files.folder / "console.g3.log");
    BOOST_TEST(third.agent_socket == files.folder / "agent.g3.sock");
}

BOOST_AUTO_TEST_CASE(an_overlay_has_one_name_for_its_number)
{
    for (const std::uint64_t number : {1U, 2U, 10U, 4711U}) {
        BOOST_TEST((overlay_number(overlay_name(number)) == number));
    }
    for (const auto* name : {"overlay",
                             "overlay.1.qcow2",
                             "overlay.02.qcow2",
                             "overlay.2.qcow2~",
                             "overlay..qcow2",
                             "overlay.-2.qcow2",
                             "overlay.",
                             "nvram.fd",
                             "",
                             "overlay.99999999999999999999.qcow2"}) {
        BOOST_TEST(!overlay_number(name));
    }
}

BOOST_AUTO_TEST_CASE(a_path_is_what_it_is_by_its_whole_name)
{
    const auto layout = *Layout::make("/state");
    BOOST_TEST(layout.layer_at("/state/layers/lyr-aaaaaaaaaaaaaaaa.qcow2").has_value());
    for (const auto* other : {"/state/layers/lyr-a.qcow2",
                              "/state/layers/lyr-aaaaaaaaaaaaaaaa.json",
                              "/x/layers/lyr-aaaaaaaaaaaaaaaa.qcow2",
                              "lyr-aaaaaaaaaaaaaaaa.qcow2",
                              "/state/layers/./lyr-aaaaaaaaaaaaaaaa.qcow2/x",
                              ""}) {
        BOOST_TEST(!layout.layer_at(other));
    }
    BOOST_TEST((layout.overlay_owner(layout.sandbox(id).folder / "overlay.2.qcow2") == id));
    BOOST_TEST(!layout.overlay_owner(layout.sandbox(id).folder / "nvram.fd"));
    BOOST_TEST(!layout.overlay_owner("/state/sandboxes/overlay.qcow2"));
    BOOST_TEST(layout.is_image_disk("/state/images/tiny/disk.qcow2"));
    BOOST_TEST(!layout.is_image_disk("/state/images/../disk.qcow2"));
    BOOST_TEST(!layout.is_image_disk("/state/images/tiny/kernel"));
}

BOOST_AUTO_TEST_CASE(a_socket_must_fit_into_the_kernels_107_bytes_exactly)
{
    // "/sandboxes/" + 20 of the id + "/agent.g999999.sock"
    constexpr std::size_t below = 11 + 20 + 19;
    const auto longest = "/" + std::string(107 - below - 1, 'd');
    const auto layout = Layout::make(longest);
    BOOST_REQUIRE(layout);
    BOOST_TEST(layout->sandbox(id, 999'999).agent_socket.string().size() == 107U);
    const auto over = Layout::make(longest + "d");
    BOOST_REQUIRE(!over);
    BOOST_CHECK(over.error().code == ErrorCode::invalid_argument);
    BOOST_TEST(over.error().message.find("at most 57 characters") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_relative_path_is_refused)
{
    BOOST_TEST(!Layout::make("paddock"));
    BOOST_TEST(!Layout::make(""));
}

BOOST_AUTO_TEST_CASE(folders_are_passable_and_not_readable_and_made_again_without_harm)
{
    const tests::TempFolder temp;
    const auto layout = Layout::make(temp.path() / "state/deep");
    BOOST_REQUIRE(layout->make_folders());
    BOOST_REQUIRE(layout->make_folders());
    for (const auto& folder : {layout->root(),
                               layout->images(),
                               layout->layers(),
                               layout->snapshots(),
                               layout->sandboxes()}) {
        BOOST_TEST((fs::status(folder).permissions() == fs::perms{0711}));
    }
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_named)
{
    const tests::TempFolder temp;
    std::ofstream{temp.path() / "file"} << "in the way";
    const auto layout = Layout::make(temp.path() / "file/state");
    const auto made = layout->make_folders();
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().message.find("file/state") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
