#include "common/digest/digest.hpp"
#include "hostd/storage/images.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
using common::process::Outcome;

namespace {

/// A download of an image that is broken off at a byte, by who gives it.
struct Resuming {
    tests::TempFolder temp;
    Layout layout = *Layout::make(temp.path());
    const std::string disk = qcow2_bytes("", 1 << 20) + std::string(1000, 'c');
    ImageRegistrar registrar{
        layout, [](const common::process::Command&) -> Result<Outcome> {
            return Outcome{0, R"({"virtual-size": 1048576, "format": "qcow2"})", ""};
        }};
    ImageRecipe recipe;
    std::vector<FileWish> wishes;
    std::size_t end = std::string::npos; ///< Nothing is given beyond that.
    Error why{ErrorCode::unavailable, "cut off", "coordinator_silent"};
    std::string given = disk; ///< By others than the coordinator.

    Resuming()
    {
        BOOST_REQUIRE(layout.make_folders());
        common::digest::Hasher hasher;
        hasher.update(disk);
        recipe.registration = common::ImageId{"img-aaaaaaaaaaaaaaaa"};
        recipe.name = common::ImageName{"web"};
        recipe.tenant = "red";
        recipe.disk = {common::digest::to_hex(hasher.finish()), Bytes{disk.size()}};
    }
    Result<Image> add()
    {
        return registrar.add(
            recipe,
            [this](const FileWish& wish, const ImageMaker::Sink& sink) -> Result<> {
                wishes.push_back(wish);
                const std::string_view all =
                    wish.whence == FileWish::Whence::coordinator ? disk : given;
                const auto upto = std::min(end, all.size());
                if (upto > wish.from) {
                    COMMON_CHECK(sink(all.substr(wish.from, upto - wish.from)));
                }
                if (upto < all.size()) {
                    return why;
                }
                return {};
            },
            []() -> Result<std::shared_ptr<void>> { return std::make_shared<int>(); });
    }
    [[nodiscard]] fs::path draft() const { return layout.fetching() / recipe.disk.digest; }
    [[nodiscard]] std::string on_disk() const { return read(layout.image_disk(recipe.name)); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(image_resuming_tests, Resuming)

BOOST_AUTO_TEST_CASE(a_download_that_is_broken_off_goes_on_where_it_was_also_in_another_process)
{
    end = 100;
    BOOST_TEST(add().error().reason == "coordinator_silent");
    BOOST_TEST(fs::file_size(draft()) == 100U);
    BOOST_TEST(fs::is_empty(layout.images())); // Nothing can be seen of it.
    registrar.clean_up();                      // As each start does.
    end = 300;
    BOOST_TEST(add().error().reason == "coordinator_silent");
    end = std::string::npos;
    BOOST_REQUIRE(add());
    BOOST_REQUIRE(wishes.size() == 3U);
    BOOST_TEST(wishes[1].from == 100U);
    BOOST_TEST(wishes[2].from == 300U);
    BOOST_TEST(on_disk() == disk);
    BOOST_TEST(fs::is_empty(layout.fetching()));
}

BOOST_AUTO_TEST_CASE(one_that_was_whole_but_for_its_name_is_not_fetched_again)
{
    write(draft(), disk);
    BOOST_REQUIRE(add());
    BOOST_TEST(wishes.empty());
    BOOST_TEST(on_disk() == disk);
}

BOOST_AUTO_TEST_CASE(a_beginning_that_is_another_one_is_fetched_anew_of_the_coordinator)
{
    auto torn = disk.substr(0, 200);
    torn[50] = static_cast<char>(torn[50] ^ 1);
    write(draft(), torn);
    BOOST_REQUIRE(add());
    BOOST_REQUIRE(wishes.size() == 2U);
    BOOST_TEST(wishes[0].from == 200U);
    BOOST_TEST(wishes[1].from == 0U);
    BOOST_CHECK(wishes[1].whence == FileWish::Whence::coordinator);
    BOOST_TEST(on_disk() == disk);
}

BOOST_AUTO_TEST_CASE(a_host_that_gives_a_flipped_bit_is_found_out)
{
    given.back() = static_cast<char>(given.back() ^ 1);
    BOOST_REQUIRE(add());
    BOOST_TEST(wishes.size() == 2U);
    BOOST_TEST(on_disk() == disk);
}

BOOST_AUTO_TEST_CASE(what_is_longer_than_the_file_counts_for_nothing)
{
    write(draft(), disk + "more");
    BOOST_REQUIRE(add());
    BOOST_TEST(wishes.at(0).from == 0U);
    BOOST_TEST(on_disk() == disk);
}

BOOST_AUTO_TEST_CASE(where_the_disk_is_full_or_the_file_is_refused_nothing_stays)
{
    end = 100;
    for (const auto& error : {Error{ErrorCode::resource_exhausted, "full", "disk_full"},
                              Error{ErrorCode::unavailable, "not yours", "unknown_blob"}}) {
        why = error;
        BOOST_TEST(add().error().reason == error.reason);
        BOOST_TEST(fs::is_empty(layout.fetching()));
    }
}

BOOST_AUTO_TEST_CASE(what_was_broken_off_long_ago_is_forgotten)
{
    const auto old = layout.fetching() / std::string(64, 'a');
    const auto young = layout.fetching() / std::string(64, 'b');
    write(old, "old");
    write(young, "young");
    fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours{25});
    BOOST_REQUIRE(add());
    BOOST_TEST(!fs::exists(old));
    BOOST_TEST(fs::exists(young));
}

BOOST_AUTO_TEST_SUITE_END()
