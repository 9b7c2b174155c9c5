#include "hostd/daemon/image_maker.hpp"

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
    BOOST_TEST(maker.remove(common::ImageName{"tiny"}, "red").error().reason == "operator_image");
    BOOST_TEST(is_free());
}

BOOST_AUTO_TEST_SUITE_END()
