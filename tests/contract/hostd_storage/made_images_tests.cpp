#include "common/digest/digest.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/durable.hpp"
#include "tests/contract/hostd_storage/disks.hpp"

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::ErrorCode;
using common::ImageName;

namespace {

constexpr const char* tenant = "red";
const ImageName web{"web"};

/// A checkpoint of a sandbox whose disk lies on two layers and a bootable image.
struct Made : Disks {
    const common::SandboxId sandbox{"sbx-aaaaaaaaaaaaaaaa"};
    const common::SandboxId other{"sbx-bbbbbbbbbbbbbbbb"};
    DirCheckpointStore store{layout, runner, Bytes::mib(1)};
    Image base = *add(bootable());
    fs::path top = sandboxes.create(sandbox, base)->overlay;
    Checkpoint checkpoint = taken();

    [[nodiscard]] ImageRequest bootable() const
    {
        std::ofstream{temp.path() / "vmlinuz"} << "kernel";
        std::ofstream{temp.path() / "initrd"} << "initrd";
        auto asked = request("tiny", disk("d.qcow2", std::string(65536, 'b')));
        asked.boot = Boot::kernel;
        asked.agent = AgentKind::paddock;
        asked.kernel = temp.path() / "vmlinuz";
        asked.initrd = temp.path() / "initrd";
        asked.cmdline = "console=ttyS0";
        asked.vcpus = 1;
        asked.memory = Bytes::mib(128);
        return asked;
    }
    static void write(const fs::path& file, const std::string& pattern, const std::string& at)
    {
        must({"qemu-io", "-f", "qcow2", "-c", "write -P " + pattern + " " + at + " 64k", file});
    }
    static bool reads(const fs::path& file, const std::string& pattern, const std::string& at)
    {
        const auto read = common::process::run({{"qemu-io",
                                                 "-r",
                                                 "-f",
                                                 "qcow2",
                                                 "-c",
                                                 "read -P " + pattern + " " + at + " 64k",
                                                 file}});
        return read && read->status == 0 &&
               read->out.find("verification failed") == std::string::npos;
    }
    fs::path branch_off()
    {
        const auto branch = store.branch(sandbox, top);
        BOOST_REQUIRE_MESSAGE(branch.has_value(), (branch ? "" : branch.error().message));
        BOOST_REQUIRE(store.settle(*branch, top));
        top = branch->new_top;
        return branch->layer;
    }
    Checkpoint taken()
    {
        write(top, "0x11", "64k");
        write(top, "0x11", "128k");
        branch_off();
        write(top, "0x22", "128k");
        Checkpoint one;
        one.id = common::SnapshotId{"snp-aaaaaaaaaaaaaaaa"};
        one.spec.id = sandbox;
        one.spec.image = base.name;
        one.spec.vcpus = 3;
        one.spec.memory = Bytes::mib(300);
        one.layer = branch_off();
        BOOST_REQUIRE(store.begin(one.id, Bytes{0}));
        const auto done = store.commit(one);
        BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
        write(top, "0x33", "0");
        return *done;
    }
    common::Result<Image> make(const ImageName& name = web, const std::string& whose = tenant)
    {
        return registrar.make_from(checkpoint, name, whose);
    }
    /// Made, or the message of why not.
    Image must_make()
    {
        auto made = make();
        BOOST_REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
        return *std::move(made);
    }
    [[nodiscard]] bool nothing_is_left() const
    {
        return leftovers() == 0 && !fs::exists(layout.image(web));
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(made_images_tests, Made)

BOOST_AUTO_TEST_CASE(an_image_of_a_chain_of_layers_holds_what_the_checkpoint_held)
{
    const auto made = must_make();
    BOOST_TEST(reads(made.disk, "0x62", "0")); // The image's own.
    BOOST_TEST(reads(made.disk, "0x11", "64k"));
    BOOST_TEST(reads(made.disk, "0x22", "128k"));
    BOOST_TEST(reads(made.disk, "0x00", "192k"));
    const auto facts = parse_info(*run_qemu_img(runner, inspect(made.disk)));
    BOOST_REQUIRE(facts);
    BOOST_TEST(!facts->has_backing_file);
    BOOST_TEST(made.digest == common::digest::to_hex(*common::digest::of_file(made.disk)));
    BOOST_CHECK(made.virtual_size == base.virtual_size);
    BOOST_TEST(leftovers() == 0);
}

BOOST_AUTO_TEST_CASE(it_boots_as_its_origin_with_the_shape_of_the_source_and_says_whose_it_is)
{
    const auto made = must_make();
    BOOST_CHECK(made.boot == Boot::kernel);
    BOOST_CHECK(made.agent == AgentKind::paddock);
    BOOST_TEST(content(made.kernel) == "kernel");
    BOOST_TEST(content(made.initrd) == "initrd");
    BOOST_TEST(made.cmdline == "console=ttyS0");
    BOOST_TEST(made.default_vcpus == 3U);
    BOOST_TEST(made.default_memory.mib() == 300U);
    BOOST_TEST(made.tenant == tenant);
    BOOST_TEST(made.from_snapshot == checkpoint.id);
    const auto found = images.find(web);
    BOOST_REQUIRE(found);
    BOOST_TEST(found->digest == made.digest);
    BOOST_TEST(found->tenant == tenant);
    BOOST_TEST(found->from_snapshot == checkpoint.id);
    BOOST_TEST(registrar.verify(web).has_value());
    // QEMU's user, who is not the owner, reads it.
    BOOST_CHECK((fs::status(made.disk).permissions() & fs::perms::others_read) != fs::perms::none);
}

BOOST_AUTO_TEST_CASE(it_outlives_the_checkpoint_and_a_sandbox_is_made_of_it)
{
    const auto made = must_make();
    BOOST_REQUIRE(store.remove(checkpoint.id));
    BOOST_REQUIRE(sandboxes.remove(sandbox));
    BOOST_REQUIRE(store.sweep({}, {}));
    BOOST_TEST(fs::is_empty(layout.layers()));
    const auto files = sandboxes.create(other, made);
    BOOST_REQUIRE(files);
    BOOST_TEST(reads(files->overlay, "0x22", "128k"));
}

BOOST_AUTO_TEST_CASE(asked_for_again_it_is_the_same_and_its_name_is_nobody_elses)
{
    const auto made = must_make();
    const auto again = make();
    BOOST_REQUIRE(again);
    BOOST_TEST(again->digest == made.digest);
    BOOST_CHECK(again->registered_at == made.registered_at);
    BOOST_TEST(make(web, "blue").error().reason == "name_taken");
    auto another = checkpoint;
    another.id = common::SnapshotId{"snp-bbbbbbbbbbbbbbbb"};
    BOOST_CHECK(registrar.make_from(another, web, tenant).error().code ==
                ErrorCode::already_exists);
    BOOST_TEST(make(base.name).error().reason == "name_taken");
    // Nor does an operator's image with the same content take its place.
    auto asked = bootable();
    asked.name = web;
    asked.disk = made.disk;
    BOOST_TEST(add(asked).error().reason == "name_taken");
    BOOST_TEST(images.find(web)->tenant == tenant);
}

BOOST_AUTO_TEST_CASE(names_and_tenants_that_are_none_make_nothing)
{
    for (const auto* name : {"", "..", "../x", ".tmp-x"}) {
        BOOST_CHECK(make(ImageName{name}).error().code == ErrorCode::invalid_argument);
    }
    BOOST_CHECK(make(web, "").error().code == ErrorCode::invalid_argument);
    BOOST_TEST(nothing_is_left());
}

BOOST_AUTO_TEST_CASE(a_damaged_layer_is_refused)
{
    // As hostd does it: first verified, then made.
    BOOST_TEST(store.verify(checkpoint.id).has_value());
    must({"qemu-io", "-f", "qcow2", "-c", "write -P 0x44 128k 64k", checkpoint.layer});
    BOOST_TEST(store.verify(checkpoint.id).error().reason == "checkpoint_damaged");
    fs::remove(checkpoint.layer);
    BOOST_TEST(make().error().reason == "disk_damaged");
    BOOST_TEST(nothing_is_left());
}

BOOST_AUTO_TEST_CASE(a_damaged_origin_is_refused)
{
    std::ofstream{base.kernel} << "another kernel";
    BOOST_TEST(make().error().reason == "image_changed");
    BOOST_TEST(nothing_is_left());
}

BOOST_AUTO_TEST_CASE(what_has_no_room_is_not_begun)
{
    const auto reserve = space_of(layout.root())->total;
    ImageRegistrar careful{layout,
                           [](const auto&) -> common::Result<common::process::Outcome> {
                               throw std::logic_error{"it was begun"};
                           },
                           reserve};
    BOOST_TEST(careful.make_from(checkpoint, web, tenant).error().reason == "disk_full");
    BOOST_TEST(nothing_is_left());
}

BOOST_AUTO_TEST_CASE(a_copy_that_fails_leaves_nothing_and_says_what_to_do)
{
    common::Result<common::process::Outcome> outcome{
        common::process::Outcome{1, "", "error while writing: No space left on device"}};
    ImageRegistrar failing{layout, [&](const auto& command) {
                               // It has written something by then.
                               std::ofstream{command.argv.back()} << "half";
                               return outcome;
                           }};
    const auto full = failing.make_from(checkpoint, web, tenant);
    BOOST_TEST(full.error().reason == "disk_full");
    BOOST_TEST(nothing_is_left());
    outcome = common::Error{ErrorCode::timeout, "it took an hour"};
    const auto slow = failing.make_from(checkpoint, web, tenant);
    BOOST_CHECK(slow.error().code == ErrorCode::unavailable);
    BOOST_TEST(slow.error().reason == "host_slow");
    outcome = common::process::Outcome{0, "", ""}; // It says that it worked.
    BOOST_CHECK(failing.make_from(checkpoint, web, tenant).error().code == ErrorCode::internal);
    BOOST_TEST(nothing_is_left());
    BOOST_TEST(make().has_value());
}

BOOST_AUTO_TEST_CASE(what_was_interrupted_is_cleaned_up_and_made_anew)
{
    fs::create_directory(layout.images() / ".tmp-abcdef");
    std::ofstream{layout.images() / ".tmp-abcdef/disk.qcow2"} << "half";
    registrar.clean_up();
    BOOST_TEST(nothing_is_left());
    must_make();
    BOOST_TEST(leftovers() == 0);
}

BOOST_AUTO_TEST_CASE(it_is_removed_by_its_tenant_once_nothing_lies_on_it)
{
    const auto made = must_make();
    BOOST_REQUIRE(sandboxes.create(other, made));
    BOOST_TEST(registrar.remove_of(tenant, web, {}).error().reason == "image_in_use");
    BOOST_CHECK(registrar.remove_of("blue", web, {}).error().code == ErrorCode::not_found);
    BOOST_TEST(registrar.remove_of(tenant, base.name, {}).error().reason == "operator_image");
    BOOST_TEST(images.find(web).has_value());
    BOOST_REQUIRE(sandboxes.remove(other));
    BOOST_TEST(registrar.remove_of(tenant, web, {}).has_value());
    BOOST_CHECK(registrar.remove_of(tenant, web, {}).error().code == ErrorCode::not_found);
    BOOST_CHECK(registrar.remove_of(tenant, ImageName{"../x"}, {}).error().code ==
                ErrorCode::not_found);
    BOOST_TEST(nothing_is_left());
    BOOST_TEST(images.find(base.name).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
