#include "hostd/daemon/image_maker.hpp"

#include "common/digest/digest.hpp"
#include "hostd/daemon/file_lock.hpp"
#include "hostd/daemon/image_commands.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

using namespace hostd;
using namespace hostd::daemon;
using common::ErrorCode;

namespace {

struct MakerFixture : storage::Checkpoints {
    MakerFixture()
    {
        storage::Manifest manifest;
        manifest.name = "tiny";
        manifest.disk = *storage::stamp_of(image);
        manifest.disk.digest = std::string(64, 'a');
        BOOST_REQUIRE(storage::write_manifest(image.parent_path(), manifest));
    }
    [[nodiscard]] bool is_free() const
    {
        return FileLock::take(image_lock_file(layout), FileLock::IfHeld::fail).has_value();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(image_maker_tests, MakerFixture)

BOOST_AUTO_TEST_CASE(no_other_writer_of_images_comes_in_between)
{
    const auto checkpoint = take(first);
    bool was_free = true;
    const auto runner =
        [&](const common::process::Command&) -> common::Result<common::process::Outcome> {
        was_free = is_free();
        return common::Error{ErrorCode::internal, "that was enough"};
    };
    LockedImageMaker maker{layout, runner, common::Bytes{0}};
    const auto made = maker.make_from(checkpoint, common::ImageName{"web"}, "red");
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().message == "that was enough");
    BOOST_TEST(!was_free);
    BOOST_TEST(is_free());
    BOOST_TEST(maker.remove(common::ImageName{"tiny"}, "red", {}).error().reason ==
               "operator_image");
    BOOST_TEST(is_free());
}

BOOST_AUTO_TEST_CASE(no_other_writer_of_images_waits_for_a_download)
{
    const auto disk = storage::qcow2_bytes("", disk_size);
    const auto runner =
        [](const common::process::Command&) -> common::Result<common::process::Outcome> {
        return common::process::Outcome{0, R"({"virtual-size": 1048576, "format": "qcow2"})", ""};
    };
    LockedImageMaker maker{layout, runner, common::Bytes{0}};
    common::digest::Hasher hasher;
    hasher.update(disk);
    ImageRecipe recipe;
    recipe.registration = common::ImageId{"img-aaaaaaaaaaaaaaaa"};
    recipe.name = common::ImageName{"web"};
    recipe.tenant = "red";
    recipe.disk = {common::digest::to_hex(hasher.finish()), common::Bytes{disk.size()}};
    bool was_free = false;
    const auto added = maker.add(recipe, [&](const FileWish&, const ImageMaker::Sink& sink) {
        was_free = is_free();
        return sink(disk);
    });
    BOOST_REQUIRE_MESSAGE(added.has_value(), (added ? "" : added.error().message));
    BOOST_TEST(was_free);
    BOOST_TEST(is_free());
    const common::ImageId another{"img-bbbbbbbbbbbbbbbb"};
    BOOST_CHECK(maker.remove(recipe.name, "red", another).error().code == ErrorCode::not_found);
    BOOST_TEST(maker.remove(recipe.name, "red", recipe.registration).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
