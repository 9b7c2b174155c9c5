#include "tests/contract/hostd_storage/disks.hpp"

#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::ErrorCode;
using nlohmann::json;

namespace {

const common::SandboxId id{"sbx-aaaaaaaaaaaaaaaa"};

} // namespace

BOOST_FIXTURE_TEST_SUITE(overlays_tests, Disks)

BOOST_AUTO_TEST_CASE(an_overlay_names_its_backing_file_and_that_ones_format)
{
    const auto image = *add(request("tiny", disk("d.qcow2", "content")));
    const auto before = content(image.disk);
    const auto files = sandboxes.create(id, image);
    BOOST_REQUIRE(files);
    const auto info = json::parse(*run_qemu_img(runner, inspect(files->overlay)));
    BOOST_TEST(info["backing-filename"] == image.disk.string());
    BOOST_TEST(info["backing-filename-format"] == "qcow2");
    BOOST_TEST(info["virtual-size"] == image.virtual_size.count());
    BOOST_TEST(fs::file_size(files->overlay) < std::size_t{1} << 20U); // No copy.

    // What the guest writes stays in the overlay.
    must({"qemu-io", "-f", "qcow2", "-c", "write -P 0xAB 0 64k", files->overlay});
    BOOST_TEST((content(image.disk) == before));
    must({"qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0xAB 0 64k", files->overlay});
}

BOOST_AUTO_TEST_CASE(an_overlay_on_a_missing_image_leaves_nothing)
{
    Image image;
    image.disk = temp.path() / "gone.qcow2";
    const auto made = sandboxes.create(id, image);
    BOOST_REQUIRE(!made);
    BOOST_TEST(!fs::exists(layout.sandbox(id).folder));
    BOOST_TEST(sandboxes.list()->empty());
}

BOOST_AUTO_TEST_CASE(a_guest_has_run_once_it_has_a_console)
{
    const auto image = *add(request("tiny", disk("d.qcow2")));
    const common::SandboxId id{"sbx-a"};
    const auto files = *sandboxes.create(id, image);
    BOOST_TEST(!sandboxes.has_run(id));
    std::ofstream{files.console_log} << "Linux";
    BOOST_TEST(sandboxes.has_run(id));
}

BOOST_AUTO_TEST_CASE(removing_is_done_again_without_harm)
{
    const auto image = *add(request("tiny", disk("d.qcow2")));
    BOOST_REQUIRE(sandboxes.create(id, image));
    BOOST_CHECK(sandboxes.create(id, image).error().code == ErrorCode::already_exists);
    BOOST_TEST(sandboxes.remove(id).has_value());
    BOOST_TEST(sandboxes.remove(id).has_value());
    BOOST_TEST(fs::exists(image.disk));
    BOOST_TEST(sandboxes.create(id, image).has_value());
}

BOOST_AUTO_TEST_CASE(below_the_reserve_nothing_is_made)
{
    const auto image = *add(request("tiny", disk("d.qcow2")));
    DirSandboxStore careful{layout, runner, sandboxes.space()->total + Bytes::mib(1)};
    const auto made = careful.create(id, image);
    BOOST_REQUIRE(!made);
    BOOST_CHECK(made.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(made.error().reason == "disk_full");
    BOOST_TEST(!fs::exists(layout.sandbox(id).folder));
}

BOOST_AUTO_TEST_SUITE_END()
