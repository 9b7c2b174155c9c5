#include "common/digest/digest.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/images.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::ImageId;
using common::ImageName;
using common::Result;
using common::process::Outcome;
using Events = std::vector<std::string>;

namespace {

const ImageName web{"web"};
const ImageId first_registration{"img-aaaaaaaaaaaaaaaa"};
const ImageId second_registration{"img-bbbbbbbbbbbbbbbb"};

std::string sha256(const std::string& text)
{
    common::digest::Hasher hasher;
    hasher.update(text);
    return common::digest::to_hex(hasher.finish());
}

/// A state folder, a coordinator with files, and a qemu-img that finds nothing wrong. `events` is
/// who did something, in order.
struct Adding {
    static constexpr std::uint64_t disk_size = 1 << 20;
    tests::TempFolder temp;
    Layout layout = *Layout::make(temp.path());
    std::string disk = qcow2_bytes("", disk_size) + "clusters";
    Events events;
    std::map<std::string, std::string> kept; ///< By digest.
    std::string info = R"({"virtual-size": 1048576, "format": "qcow2"})";
    Outcome checked{0, "", ""};
    std::function<void()> meanwhile; ///< Done by another writer, before the lock is had.
    ImageRegistrar registrar = with_reserve(Bytes{0});

    Adding() { BOOST_REQUIRE(layout.make_folders()); }

    ImageRegistrar with_reserve(Bytes reserve)
    {
        return {layout,
                [this](const common::process::Command& command) -> Result<Outcome> {
                    const bool is_info = std::ranges::count(command.argv, "info") == 1;
                    events.emplace_back(is_info ? "info" : "check");
                    return is_info ? Outcome{0, info, ""} : checked;
                },
                reserve};
    }
    BlobRef keep(const std::string& text)
    {
        kept[sha256(text)] = text;
        return {sha256(text), Bytes{text.size()}};
    }
    ImageRecipe recipe(const ImageId& registration = first_registration)
    {
        ImageRecipe one;
        one.registration = registration;
        one.name = web;
        one.tenant = "red";
        one.disk = keep(disk);
        return one;
    }
    ImageRecipe bootable()
    {
        auto one = recipe();
        one.kernel = keep("kernel");
        one.initrd = keep("initrd");
        one.cmdline = "console=ttyS0";
        one.boot = Boot::kernel;
        one.agent = AgentKind::paddock;
        one.vcpus = 2;
        one.memory = Bytes::mib(256);
        return one;
    }
    /// In two pieces.
    Result<> fetch(const FileWish& file, const ImageMaker::Sink& sink)
    {
        events.push_back("fetch");
        const auto found = kept.find(file.blob.digest);
        if (found == kept.end()) {
            return Error{ErrorCode::unavailable, "gone", "unknown_blob"};
        }
        const std::string_view text{found->second};
        COMMON_CHECK(sink(text.substr(0, 3)));
        return sink(text.substr(3));
    }
    Result<Image> add(const ImageRecipe& what) { return add_by(registrar, what); }
    Result<Image> add_by(ImageRegistrar& by, const ImageRecipe& what)
    {
        return by.add(
            what,
            [this](const auto& file, const auto& sink) { return fetch(file, sink); },
            [this]() -> Result<std::shared_ptr<void>> {
                if (meanwhile) {
                    meanwhile();
                }
                note("lock");
                return std::shared_ptr<void>{this, [](Adding* here) { here->note("unlock"); }};
            });
    }
    /// And whether the image is there by then.
    void note(std::string event) { events.push_back(std::move(event) + (there() ? " new" : "")); }
    [[nodiscard]] bool there() const { return fs::exists(layout.image(web) / "manifest.json"); }
    [[nodiscard]] bool nothing_is_there() const { return fs::is_empty(layout.images()); }
    [[nodiscard]] bool nothing_is_left_over() const
    {
        return std::ranges::count_if(fs::directory_iterator{layout.images()}, [](const auto& one) {
                   return one.path().filename().string().starts_with(temporary_prefix);
               }) == 0;
    }
    /// An image that is there already.
    void put(const std::string& tenant, const std::string& snapshot, const ImageId& registration)
    {
        fs::create_directory(layout.image(web));
        write(layout.image(web) / "disk.qcow2", disk);
        Manifest manifest;
        manifest.name = "web";
        manifest.disk.digest = sha256(disk);
        manifest.tenant = tenant;
        manifest.from_snapshot = snapshot;
        manifest.registration = registration.str();
        BOOST_REQUIRE(write_manifest(layout.image(web), manifest));
    }
    void put_overlay()
    {
        const auto overlay = layout.sandbox(common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"});
        fs::create_directory(overlay.folder);
        write(overlay.overlay, qcow2_bytes((layout.image(web) / "disk.qcow2").string(), disk_size));
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(image_adding_tests, Adding)

BOOST_AUTO_TEST_CASE(what_is_fetched_is_kept_with_its_digests)
{
    const auto wish = bootable();
    const auto added = add(wish);
    BOOST_REQUIRE_MESSAGE(added.has_value(), (added ? "" : added.error().message));
    BOOST_TEST(added->name.str() == "web");
    BOOST_TEST(added->tenant == "red");
    BOOST_TEST(added->registration == first_registration);
    BOOST_TEST(added->from_snapshot.empty());
    BOOST_TEST(added->digest == wish.disk.digest);
    BOOST_TEST(added->virtual_size.mib() == 1U);
    BOOST_CHECK(added->boot == Boot::kernel);
    BOOST_CHECK(added->agent == AgentKind::paddock);
    BOOST_TEST(added->cmdline == "console=ttyS0");
    BOOST_TEST(added->default_vcpus == 2U);
    BOOST_TEST(added->default_memory.mib() == 256U);
    BOOST_TEST((read(added->disk) == disk));
    BOOST_TEST(read(added->kernel) == "kernel");
    BOOST_TEST(read(added->initrd) == "initrd");
    const auto manifest = read_manifest(layout.image(web));
    BOOST_REQUIRE(manifest);
    BOOST_TEST(manifest->disk.digest == wish.disk.digest);
    BOOST_TEST(manifest->kernel.digest == wish.kernel.digest);
    BOOST_TEST(manifest->initrd.digest == wish.initrd.digest);
    const auto found = DirImageStore{layout}.find(web);
    BOOST_REQUIRE(found);
    BOOST_TEST(found->registration == first_registration);
    BOOST_TEST(registrar.verify(web).has_value());
    BOOST_TEST(nothing_is_left_over());
    for (const auto& file : {added->disk, added->kernel, added->initrd}) { // By QEMU's user.
        BOOST_CHECK((fs::status(file).permissions() & fs::perms::others_read) != fs::perms::none);
    }
}

BOOST_AUTO_TEST_CASE(the_lock_is_held_for_no_longer_than_it_takes_to_put_the_image_in_place)
{
    BOOST_REQUIRE(add(bootable()));
    BOOST_TEST(
        (events == Events{"fetch", "info", "check", "fetch", "fetch", "lock", "unlock new"}));
}

BOOST_AUTO_TEST_CASE(a_lock_that_is_not_had_adds_nothing)
{
    const auto added = registrar.add(
        recipe(),
        [this](const auto& file, const auto& sink) { return fetch(file, sink); },
        [] {
            return Error{ErrorCode::internal, "no lock"};
        });
    BOOST_TEST(added.error().message == "no lock");
    BOOST_TEST(nothing_is_there());
}

BOOST_AUTO_TEST_CASE(what_is_not_what_its_digest_says_is_not_kept)
{
    const auto wish = bootable();
    for (const auto& blob : {wish.disk, wish.kernel, wish.initrd}) {
        const auto good = kept.at(blob.digest);
        kept.at(blob.digest).back() = '!';
        const auto added = add(wish);
        BOOST_REQUIRE(!added);
        BOOST_CHECK(added.error().code == ErrorCode::unavailable);
        BOOST_TEST(added.error().reason == "blob_damaged");
        BOOST_TEST(nothing_is_there());
        kept.at(blob.digest) = good;
    }
    BOOST_TEST(std::ranges::count(events, "lock") == 0);
    BOOST_TEST(add(wish).has_value());
}

BOOST_AUTO_TEST_CASE(a_damaged_disk_is_shown_to_nobody)
{
    const auto wish = recipe();
    kept.at(wish.disk.digest).back() = '!';
    BOOST_TEST(add(wish).error().reason == "blob_damaged");
    BOOST_TEST((events == Events{"fetch", "fetch"})); // Once more, of the coordinator.
}

BOOST_AUTO_TEST_CASE(what_cannot_be_fetched_adds_nothing_and_says_why)
{
    const auto wish = bootable();
    for (const auto& blob : {wish.initrd, wish.kernel, wish.disk}) {
        kept.erase(blob.digest);
        const auto added = add(wish);
        BOOST_REQUIRE(!added);
        BOOST_TEST(added.error().reason == "unknown_blob");
        BOOST_TEST(nothing_is_there());
    }
}

BOOST_AUTO_TEST_CASE(a_disk_that_may_refer_to_another_file_is_refused_before_anybody_opens_it)
{
    auto with_data_file = qcow2_bytes("", disk_size);
    put_number(with_data_file, 72, 8, 4);
    auto of_the_future = qcow2_bytes("", disk_size);
    put_number(of_the_future, 72, 8, 1U << 9U);
    for (const auto& text : {with_data_file + "clusters",
                             of_the_future,
                             qcow2_bytes("/etc/shadow", disk_size, "raw"),
                             qcow2_bytes((layout.images() / "a/disk.qcow2").string(), disk_size),
                             qcow2_bytes("json:{\"driver\":\"raw\"}", disk_size),
                             qcow2_bytes("", disk_size).substr(0, 103),
                             std::string(4096, 'r'),
                             std::string{"QFI\xfb"}}) {
        auto wish = bootable();
        wish.disk = keep(text);
        events.clear();
        const auto added = add(wish);
        BOOST_REQUIRE(!added);
        BOOST_CHECK(added.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(added.error().reason == "image_unusable");
        BOOST_TEST((events == Events{"fetch"})); // Neither qemu-img, nor a kernel for nothing.
        BOOST_TEST(nothing_is_there());
    }
}

BOOST_AUTO_TEST_CASE(a_disk_that_qemu_img_finds_wanting_is_refused)
{
    checked = {2, "", "leaked clusters"};
    BOOST_TEST(add(bootable()).error().reason == "image_unusable");
    BOOST_TEST((events == Events{"fetch", "info", "check"}));
    checked = {};
    for (const auto* told : {R"({"virtual-size": 1048576, "format": "qcow2", "encrypted": true})",
                             R"({"virtual-size": 1048575, "format": "qcow2"})",
                             R"({"virtual-size": 1048576, "snapshots": [{"name)", // Cut.
                             R"({"virtual-size": 1048576, "format": "qcow2", "snapshots": [{}]})",
                             R"({"virtual-size": 1048576, "format": "qcow2",
                                 "backing-filename": "/etc/shadow"})"}) {
        info = told;
        BOOST_TEST(add(bootable()).error().reason == "image_unusable");
        BOOST_TEST(nothing_is_there());
    }
}

BOOST_AUTO_TEST_CASE(the_same_registration_again_is_success_without_fetching)
{
    const auto added = add(recipe());
    BOOST_REQUIRE(added);
    events.clear();
    const auto again = add(recipe());
    BOOST_REQUIRE(again);
    BOOST_TEST(again->registration == first_registration);
    BOOST_CHECK(again->registered_at == added->registered_at);
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(one_that_the_coordinator_has_dropped_gives_way)
{
    put("red", "", first_registration);
    disk += "another";
    const auto added = add(recipe(second_registration));
    BOOST_REQUIRE(added);
    BOOST_TEST(added->registration == second_registration);
    BOOST_TEST((read(added->disk) == disk));
    BOOST_TEST(read_manifest(layout.image(web))->registration == second_registration.str());
    BOOST_TEST(nothing_is_left_over());
    BOOST_TEST((events == Events{"fetch", "info", "check", "lock new", "unlock new"}));
}

BOOST_AUTO_TEST_CASE(the_name_of_any_other_image_is_taken)
{
    const auto is_taken = [this] {
        const auto before = read(layout.image(web) / "manifest.json");
        const auto added = add(recipe());
        BOOST_REQUIRE(!added);
        BOOST_CHECK(added.error().code == ErrorCode::already_exists);
        BOOST_TEST(added.error().reason == "name_taken");
        BOOST_TEST(read(layout.image(web) / "manifest.json") == before);
        BOOST_TEST((read(layout.image(web) / "disk.qcow2") == disk));
        BOOST_TEST(nothing_is_left_over());
        fs::remove_all(layout.image(web));
    };
    put("", "", ImageId{}); // An operator's.
    is_taken();
    put("blue", "", second_registration);
    is_taken();
    put("red", "snp-aaaaaaaaaaaaaaaa", ImageId{});
    is_taken();
    put("red", "", second_registration);
    write(layout.image(web) / "manifest.json", "{"); // Nobody knows whose.
    is_taken();
}

BOOST_AUTO_TEST_CASE(one_that_a_disk_lies_on_stays_and_is_told_as_such)
{
    put("red", "", first_registration);
    put_overlay();
    const auto added = add(recipe(second_registration));
    BOOST_REQUIRE(!added);
    BOOST_CHECK(added.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(added.error().reason == "image_in_use");
    BOOST_TEST(read_manifest(layout.image(web))->registration == first_registration.str());
    BOOST_TEST(nothing_is_left_over());
}

BOOST_AUTO_TEST_CASE(what_another_writer_did_meanwhile_counts)
{
    meanwhile = [this] { put("red", "", first_registration); };
    const auto same = add(recipe());
    BOOST_REQUIRE(same);
    BOOST_TEST(same->registration == first_registration);
    BOOST_TEST(nothing_is_left_over());
    fs::remove_all(layout.image(web));
    meanwhile = [this] { put("", "", ImageId{}); };
    BOOST_TEST(add(recipe()).error().reason == "name_taken");
    BOOST_TEST(nothing_is_left_over());
}

BOOST_AUTO_TEST_CASE(what_has_no_room_is_not_fetched)
{
    auto careful = with_reserve(space_of(layout.root())->total);
    BOOST_TEST(add_by(careful, recipe()).error().reason == "disk_full");
    auto huge = bootable();
    huge.initrd.size = space_of(layout.root())->total;
    BOOST_TEST(add(huge).error().reason == "disk_full");
    BOOST_TEST(events.empty());
    BOOST_TEST(nothing_is_there());
}

BOOST_AUTO_TEST_CASE(an_image_without_a_name_a_tenant_or_a_registration_is_none)
{
    for (const auto* name : {"", "..", "../x", ".tmp-x"}) {
        auto wish = recipe();
        wish.name = ImageName{name};
        BOOST_CHECK(add(wish).error().code == ErrorCode::invalid_argument);
    }
    auto wish = recipe();
    wish.tenant.clear();
    BOOST_CHECK(add(wish).error().code == ErrorCode::invalid_argument);
    BOOST_CHECK(add(recipe(ImageId{})).error().code == ErrorCode::invalid_argument);
    BOOST_TEST(events.empty());
    BOOST_TEST(nothing_is_there());
}

BOOST_AUTO_TEST_CASE(it_is_removed_by_its_registration_or_whichever_it_is)
{
    BOOST_REQUIRE(add(recipe()));
    const auto removed = registrar.remove_of("red", web, second_registration);
    BOOST_REQUIRE(!removed);
    BOOST_CHECK(removed.error().code == ErrorCode::not_found);
    BOOST_CHECK(registrar.remove_of("blue", web, first_registration).error().code ==
                ErrorCode::not_found);
    BOOST_TEST(there());
    BOOST_TEST(registrar.remove_of("red", web, first_registration).has_value());
    BOOST_TEST(nothing_is_there());
    BOOST_REQUIRE(add(recipe()));
    BOOST_TEST(registrar.remove_of("red", web, ImageId{}).has_value());
    put("", "", ImageId{});
    BOOST_TEST(registrar.remove_of("red", web, first_registration).error().reason ==
               "operator_image");
    BOOST_TEST(there());
}

BOOST_AUTO_TEST_SUITE_END()
