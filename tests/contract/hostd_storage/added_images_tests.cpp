#include "common/digest/digest.hpp"
#include "tests/contract/hostd_storage/disks.hpp"

#include <random>

using namespace hostd;
using namespace hostd::storage;
using common::ErrorCode;
using common::ImageName;

namespace {

const ImageName fetched{"fetched"};

/// Images of files that a coordinator has.
struct Fetched : Disks {
    std::map<std::string, fs::path> kept; ///< By digest.

    BlobRef keep(const fs::path& file)
    {
        auto digest = common::digest::to_hex(*common::digest::of_file(file));
        kept[digest] = file;
        return {std::move(digest), common::Bytes{fs::file_size(file)}};
    }
    ImageRecipe recipe(const fs::path& file)
    {
        ImageRecipe one;
        one.registration = common::ImageId{"img-aaaaaaaaaaaaaaaa"};
        one.name = fetched;
        one.tenant = "red";
        one.disk = keep(file);
        return one;
    }
    common::Result<Image> fetch(const ImageRecipe& what)
    {
        return registrar.add(
            what,
            [this](const FileWish& file, const ImageMaker::Sink& sink) {
                return sink(content(kept.at(file.blob.digest)).substr(file.from));
            },
            [] { return std::make_shared<int>(); });
    }
    common::Result<Image> fetch(const fs::path& file) { return fetch(recipe(file)); }
    /// Why a disk that was fetched is not taken; nothing is left of it.
    std::string why_not(const fs::path& file)
    {
        const auto added = fetch(file);
        BOOST_REQUIRE(!added);
        BOOST_CHECK(added.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(!fs::exists(layout.image(fetched)));
        BOOST_TEST(leftovers() == 0);
        return std::string{added.error().stable_reason()} + ": " + added.error().message;
    }
    static bool is_unusable(const std::string& why) { return why.starts_with("image_unusable: "); }
    static void overwrite(const fs::path& file, std::uint64_t at, const std::string& bytes)
    {
        std::fstream out{file, std::ios::binary | std::ios::in | std::ios::out};
        out.seekp(static_cast<std::streamoff>(at));
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        BOOST_REQUIRE(out.flush());
    }
    static std::string noise(std::mt19937& random, std::size_t size)
    {
        std::string bytes(size, '\0');
        std::ranges::generate(bytes, [&] { return static_cast<char>(random() & 0xFFU); });
        return bytes;
    }
    /// As qemu-img makes it: its tables begin after the first cluster.
    static constexpr std::uint64_t cluster = std::uint64_t{1} << 16U;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(added_images_tests, Fetched)

BOOST_AUTO_TEST_CASE(a_disk_of_qemu_img_is_added_and_a_sandbox_is_made_of_it)
{
    const auto file = disk("d.qcow2", "content");
    const auto wish = recipe(file);
    const auto added = fetch(wish);
    BOOST_REQUIRE_MESSAGE(added.has_value(), (added ? "" : added.error().message));
    BOOST_TEST(added->digest == wish.disk.digest);
    BOOST_TEST(added->virtual_size.mib() == 2U);
    BOOST_TEST(added->tenant == "red");
    BOOST_TEST((content(added->disk) == content(file)));
    BOOST_TEST(registrar.verify(fetched).has_value());
    const auto found = images.find(fetched);
    BOOST_REQUIRE(found);
    BOOST_TEST(found->registration == wish.registration);
    BOOST_TEST(sandboxes.create(common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"}, *found).has_value());
    BOOST_TEST(registrar.remove_of("red", fetched, wish.registration).error().reason ==
               "image_in_use");
    BOOST_TEST(leftovers() == 0);
}

BOOST_AUTO_TEST_CASE(a_kernel_and_its_initrd_are_fetched_along)
{
    std::ofstream{temp.path() / "vmlinuz"} << "kernel";
    std::ofstream{temp.path() / "initrd"} << "initrd";
    auto wish = recipe(disk("d.qcow2"));
    wish.boot = Boot::kernel;
    wish.kernel = keep(temp.path() / "vmlinuz");
    wish.initrd = keep(temp.path() / "initrd");
    const auto added = fetch(wish);
    BOOST_REQUIRE(added);
    BOOST_TEST(content(added->kernel) == "kernel");
    BOOST_TEST(content(added->initrd) == "initrd");
    BOOST_TEST(registrar.verify(fetched).has_value());
}

BOOST_AUTO_TEST_CASE(a_disk_that_refers_to_another_file_is_refused_and_the_other_is_not_opened)
{
    const auto overlay = temp.path() / "overlay.qcow2";
    must({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk("b"), overlay});
    BOOST_TEST(is_unusable(why_not(overlay)));
    const auto data = temp.path() / "data.raw";
    const auto outside = temp.path() / "outside.qcow2";
    for (const auto* raw : {"on", "off"}) {
        must({"qemu-img",
              "create",
              "-q",
              "-f",
              "qcow2",
              "-o",
              "data_file=" + data.string() + ",data_file_raw=" + raw,
              outside,
              "2M"});
        BOOST_TEST(is_unusable(why_not(outside)));
        fs::remove(data);
        BOOST_TEST(is_unusable(why_not(outside))); // That it is missing was not even seen.
        BOOST_TEST(!fs::exists(data));
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_plain_sound_qcow2_is_refused)
{
    std::ofstream{temp.path() / "raw"} << std::string(std::size_t{1} << 21U, 'r');
    BOOST_TEST(is_unusable(why_not(temp.path() / "raw")));
    const auto saved = disk("saved.qcow2", "content");
    must({"qemu-img", "snapshot", "-c", "before", saved});
    BOOST_TEST(is_unusable(why_not(saved)));
    // So many, at byte 60, that what is printed of them is more than is read: they are of zeros.
    const auto many = disk("many.qcow2", "content");
    overwrite(many, 62, "\xB4\x08");
    BOOST_TEST(is_unusable(why_not(many)));
    const auto small = temp.path() / "small.qcow2";
    must({"qemu-img", "create", "-q", "-f", "qcow2", small, "64K"});
    BOOST_TEST(is_unusable(why_not(small)));
    const auto cut = disk("cut.qcow2", std::string(1U << 20U, 'x'));
    fs::resize_file(cut, 2 * cluster);
    BOOST_TEST(is_unusable(why_not(cut)));
}

BOOST_AUTO_TEST_CASE(noise_in_place_of_the_tables_is_refused)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::mt19937 random{seed};
        for (int i = 0; i < 10; ++i) {
            const auto file = disk("noise.qcow2", std::string(1U << 20U, 'x'));
            overwrite(file, cluster, noise(random, 3 * cluster));
            BOOST_TEST(is_unusable(why_not(file)));
        }
    }
}

BOOST_AUTO_TEST_CASE(noise_in_the_header_is_refused_or_harmless)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::mt19937 random{seed};
        const auto good = content(disk("good.qcow2", std::string(1U << 20U, 'x')));
        const auto file = temp.path() / "noise.qcow2";
        for (int i = 0; i < 40; ++i) {
            std::ofstream{file, std::ios::binary} << good;
            const auto at = 4 + random() % 100;
            const auto size = 1 + random() % 8;
            overwrite(file, at, noise(random, size));
            if (const auto added = fetch(file)) {
                BOOST_TEST(registrar.remove_of("red", fetched, {}).has_value());
            } else {
                BOOST_TEST(added.error().reason == "image_unusable", added.error().message);
                BOOST_TEST(!fs::exists(layout.image(fetched)));
            }
            BOOST_TEST(leftovers() == 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_header_that_asks_for_much_memory_is_refused)
{
    struct Field {
        std::uint64_t at;
        std::string bytes;
    };
    // The widths and places are those of qcow2's specification; each is as large as it goes.
    for (const auto& [at, bytes] : {Field{20, {0, 0, 0, 31}},      // cluster_bits
                                    Field{36, "\x7F\xFF\xFF\xFF"}, // l1_size
                                    Field{56, "\x7F\xFF\xFF\xFF"}, // refcount_table_clusters
                                    Field{96, {0, 0, 0, 63}},      // refcount_order
                                    Field{24, {15, -1, -1, -1, -1, -1, 0, 0}}}) { // size
        const auto file = disk("large.qcow2", "content");
        overwrite(file, at, bytes);
        BOOST_TEST(is_unusable(why_not(file)));
    }
}

BOOST_AUTO_TEST_CASE(the_bounds_that_a_hostile_file_meets_do_not_hinder_a_sound_one)
{
    // Of the size that tables are largest for: 16 TiB, the largest that is taken.
    const auto large = temp.path() / "large.qcow2";
    must({"qemu-img", "create", "-q", "-f", "qcow2", large, "16T"});
    for (const auto& file : {disk("d.qcow2", std::string(1U << 20U, 'x')), large}) {
        const auto told = run_qemu_img(runner, inspect(file));
        BOOST_REQUIRE_MESSAGE(told.has_value(), (told ? "" : told.error().message));
        const auto facts = parse_info(*told);
        BOOST_REQUIRE(facts);
        BOOST_TEST(facts->format == "qcow2");
        const auto checked = run_qemu_img(runner, check(file));
        BOOST_TEST(checked.has_value(), (checked ? "" : checked.error().message));
    }
    const auto none = run_qemu_img(runner, inspect(temp.path() / "none"));
    BOOST_REQUIRE(!none);
    BOOST_TEST(none.error().message.starts_with("qemu-img info: exit status 1: "));
}

BOOST_AUTO_TEST_SUITE_END()
