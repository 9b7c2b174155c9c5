#include "common/digest/digest.hpp"
#include "tests/contract/hostd_storage/disks.hpp"

#include <fcntl.h>
#include <sys/stat.h>

using namespace hostd;
using namespace hostd::storage;
using common::ErrorCode;
using common::ImageName;

namespace {

const ImageName tiny{"tiny"};

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

void patch(const fs::path& file, std::streamoff at, std::string_view bytes)
{
    std::fstream out{file, std::ios::binary | std::ios::in | std::ios::out};
    out.seekp(at);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    BOOST_REQUIRE(out.flush());
}

common::Result<std::string> make_luks(const fs::path& file)
{
    return common::process::run_checked(
        {{"qemu-img",
          "create",
          "-q",
          "-f",
          "qcow2",
          "--object",
          "secret,id=s,data=password",
          "-o",
          "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10",
          file,
          "2M"}});
}

} // namespace

BOOST_TEST_GLOBAL_FIXTURE(SkipWithoutQemuImg);

BOOST_FIXTURE_TEST_SUITE(images_tests, Disks)

BOOST_AUTO_TEST_CASE(an_image_is_copied_digested_and_found)
{
    const auto file = disk("d.qcow2", "content");
    auto asked = request("tiny", file);
    asked.vcpus = 2;
    asked.memory = common::Bytes::mib(512);
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    const auto added = registrar.add(asked, [&](common::Bytes so_far, common::Bytes all) {
        BOOST_TEST(so_far.count() >= done);
        done = so_far.count();
        total = all.count();
    });
    BOOST_REQUIRE(added);
    BOOST_TEST(done == total);
    BOOST_TEST(total == fs::file_size(file));
    BOOST_TEST(added->digest == common::digest::to_hex(*common::digest::of_file(file)));
    BOOST_TEST(added->virtual_size.mib() == 2U);
    BOOST_TEST(added->default_vcpus == 2U);
    BOOST_TEST((content(added->disk) == content(file)));

    const auto found = images.find(tiny);
    BOOST_REQUIRE(found);
    BOOST_TEST(found->digest == added->digest);
    std::vector<std::string> warnings;
    BOOST_TEST(images.list(warnings).size() == 1U);
    BOOST_TEST(warnings.empty());
    BOOST_TEST(registrar.verify(tiny).has_value());
    BOOST_TEST(leftovers() == 0);
}

BOOST_AUTO_TEST_CASE(a_kernel_and_its_initrd_go_along)
{
    std::ofstream{temp.path() / "vmlinuz"} << "kernel";
    std::ofstream{temp.path() / "initrd"} << "initrd";
    auto asked = request("tiny", disk("d.qcow2"));
    asked.boot = Boot::kernel;
    asked.agent = AgentKind::paddock;
    BOOST_CHECK(add(asked).error().code == ErrorCode::invalid_argument);
    asked.kernel = temp.path() / "vmlinuz";
    asked.initrd = temp.path() / "initrd";
    asked.cmdline = "console=ttyS0";
    const auto added = add(asked);
    BOOST_REQUIRE(added);
    BOOST_TEST(content(added->kernel) == "kernel");
    BOOST_TEST(content(added->initrd) == "initrd");
    BOOST_TEST(images.find(tiny)->cmdline == "console=ttyS0");
    asked.boot = Boot::bios;
    BOOST_CHECK(add(asked).error().code == ErrorCode::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_same_again_is_success_and_another_is_refused_unless_it_replaces)
{
    const auto first = add(request("tiny", disk("a.qcow2", "a")));
    BOOST_REQUIRE(first);
    const auto again = add(request("tiny", disk("a.qcow2", "a")));
    BOOST_REQUIRE(again);
    BOOST_TEST(again->digest == first->digest);
    BOOST_TEST((again->registered_at == first->registered_at));

    auto other = request("tiny", disk("b.qcow2", "b"));
    const auto taken = add(other);
    BOOST_REQUIRE(!taken);
    BOOST_CHECK(taken.error().code == ErrorCode::already_exists);
    BOOST_TEST(taken.error().reason == "name_taken");
    BOOST_TEST(images.find(tiny)->digest == first->digest);

    other.if_taken = ImageRequest::IfTaken::replace;
    BOOST_REQUIRE(add(other));
    BOOST_TEST(images.find(tiny)->digest != first->digest);
    BOOST_TEST(leftovers() == 0);
}

BOOST_AUTO_TEST_CASE(an_image_that_an_overlay_stands_on_stays)
{
    const common::SandboxId id{"sbx-aaaaaaaaaaaaaaaa"};
    const auto image = add(request("tiny", disk("a.qcow2", "a")));
    BOOST_REQUIRE(sandboxes.create(id, *image));
    const auto removed = registrar.remove(tiny);
    BOOST_REQUIRE(!removed);
    BOOST_CHECK(removed.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(removed.error().reason == "image_in_use");
    BOOST_TEST(has(removed.error().message, id.str()));
    auto other = request("tiny", disk("b.qcow2", "b"));
    other.if_taken = ImageRequest::IfTaken::replace;
    BOOST_TEST(add(other).error().reason == "image_in_use");
    BOOST_TEST(images.find(tiny)->digest == image->digest);
    BOOST_TEST(leftovers() == 0);

    BOOST_REQUIRE(sandboxes.remove(id));
    BOOST_TEST(registrar.remove(tiny).has_value());
    BOOST_CHECK(registrar.remove(tiny).error().code == ErrorCode::not_found);
    BOOST_TEST(images.find(tiny).error().reason == "image_not_found");
}

BOOST_AUTO_TEST_CASE(only_a_plain_qcow2_is_taken)
{
    std::ofstream{temp.path() / "raw"} << std::string(std::size_t{1} << 21U, 'r');
    std::ofstream{temp.path() / "empty"};
    BOOST_TEST(has(refusal(temp.path() / "raw"), "image_unusable"));
    BOOST_TEST(has(refusal(temp.path() / "empty"), "image_unusable"));
    BOOST_TEST(has(refusal(temp.path() / "missing"), "image_unusable"));
    BOOST_TEST(has(refusal(temp.path()), "image_unusable"));
    BOOST_TEST(has(refusal("/dev/zero"), "image_unusable"));
}

BOOST_AUTO_TEST_CASE(an_image_that_refers_to_another_file_is_refused)
{
    const auto base = disk("base.qcow2");
    const auto overlay = temp.path() / "overlay.qcow2";
    must({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, overlay});
    BOOST_TEST(has(refusal(overlay), "refers to another file"));
    // Also where the other file is none of qemu's.
    must({"qemu-img",
          "rebase",
          "-q",
          "-u",
          "-f",
          "qcow2",
          "-F",
          "raw",
          "-b",
          "/etc/shadow",
          overlay});
    BOOST_TEST(has(refusal(overlay), "refers to another file"));
    const auto data = temp.path() / "data.qcow2";
    must({"qemu-img",
          "create",
          "-q",
          "-f",
          "qcow2",
          "-o",
          "data_file=" + (temp.path() / "data.raw").string() + ",data_file_raw=on",
          data,
          "2M"});
    BOOST_TEST(has(refusal(data), "refers to another file"));
}

BOOST_AUTO_TEST_CASE(an_encrypted_image_is_refused)
{
    const auto file = temp.path() / "secret.qcow2";
    // qemu-img first measures how fast it hashes, and gives up if the kernel's clock of its CPU
    // time has not ticked meanwhile. Another try falls between other ticks.
    auto made = make_luks(file);
    for (int tries = 1; tries < 30 && !made && has(made.error().message, "CPU usage"); ++tries) {
        made = make_luks(file);
    }
    BOOST_REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    BOOST_TEST(has(refusal(file), "encrypted"));
}

BOOST_AUTO_TEST_CASE(an_image_with_snapshots_is_refused)
{
    const auto file = disk("d.qcow2", "content");
    must({"qemu-img", "snapshot", "-c", "before", file});
    BOOST_TEST(has(refusal(file), "1 internal snapshot"));
}

BOOST_AUTO_TEST_CASE(a_corrupt_image_is_refused)
{
    // The flag: bit 1 of the incompatible features, the big-endian word at byte 72.
    const auto marked = disk("marked.qcow2", "content");
    patch(marked, 79, "\x02");
    BOOST_TEST(has(refusal(marked), "corrupt"));
    // A broken reference count, which only a check finds: the table's offset at byte 48.
    const auto broken = disk("broken.qcow2", std::string(1U << 20U, 'x'));
    const auto header = content(broken).substr(48, 8);
    std::streamoff table = 0;
    for (const char c : header) {
        table = table << 8U | static_cast<unsigned char>(c);
    }
    patch(broken, table, std::string(8, '\0'));
    BOOST_TEST(has(refusal(broken), "qemu-img check"));
}

BOOST_AUTO_TEST_CASE(a_disk_of_a_strange_size_is_refused)
{
    const auto file = temp.path() / "small.qcow2";
    must({"qemu-img", "create", "-q", "-f", "qcow2", file, "64K"});
    BOOST_TEST(has(refusal(file), "1 MiB to 16 TiB"));
    must({"qemu-img", "create", "-q", "-f", "qcow2", file, "17T"});
    BOOST_TEST(has(refusal(file), "1 MiB to 16 TiB"));
    must({"qemu-img", "create", "-q", "-f", "qcow2", file, "1M"});
    BOOST_TEST(add(request("tiny", file)).has_value());
}

BOOST_AUTO_TEST_CASE(a_name_stays_one_component)
{
    const auto file = disk("d.qcow2");
    for (const auto* name : {"", ".", "..", "../tiny", "a/b", ".tmp-x"}) {
        BOOST_CHECK(add(request(name, file)).error().code == ErrorCode::invalid_argument);
        BOOST_TEST(!registrar.remove(ImageName{name}));
    }
    BOOST_TEST(fs::exists(layout.images()));
}

BOOST_AUTO_TEST_CASE(a_changed_file_is_found_out_and_one_that_was_only_touched_is_not)
{
    const auto image = *add(request("tiny", disk("d.qcow2", "content")));
    const timespec past[2] = {{1'000'000, 0}, {1'000'000, 0}};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, image.disk.c_str(), past, 0) == 0);
    BOOST_TEST(images.find(tiny).has_value());
    BOOST_TEST(read_manifest(layout.image(tiny))->disk.mtime_ns == 1'000'000'000'000'000);

    patch(image.disk, static_cast<std::streamoff>(fs::file_size(image.disk)) - 1, "!");
    const auto found = images.find(tiny);
    BOOST_REQUIRE(!found);
    BOOST_CHECK(found.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(found.error().reason == "image_changed");
    BOOST_TEST(registrar.verify(tiny).error().reason == "image_changed");
    std::vector<std::string> warnings;
    BOOST_TEST(images.list(warnings).empty());
    BOOST_REQUIRE(warnings.size() == 1U);
    BOOST_TEST(has(warnings[0], "'tiny'"));

    // It is remembered, not digested again at each look: bytes put back behind the same time are
    // not noticed, a new time is.
    const auto damaged = fs::last_write_time(image.disk);
    patch(image.disk,
          static_cast<std::streamoff>(fs::file_size(image.disk)) - 1,
          std::string(1, '\0'));
    const auto mended = fs::last_write_time(image.disk);
    fs::last_write_time(image.disk, damaged);
    BOOST_TEST(images.find(tiny).error().reason == "image_changed");
    fs::last_write_time(image.disk, mended);
    BOOST_TEST(images.find(tiny).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_that_became_a_link_is_found_out)
{
    const auto image = *add(request("tiny", disk("d.qcow2", "content")));
    fs::rename(image.disk, temp.path() / "elsewhere");
    fs::create_symlink(temp.path() / "elsewhere", image.disk);
    BOOST_CHECK(images.find(tiny).error().code == ErrorCode::failed_precondition);
}

BOOST_AUTO_TEST_CASE(a_damaged_manifest_is_told_and_registering_again_mends_it)
{
    BOOST_REQUIRE(add(request("tiny", disk("d.qcow2", "content"))));
    std::ofstream{layout.image(tiny) / "manifest.json"} << "{";
    BOOST_CHECK(images.find(tiny).error().code == ErrorCode::failed_precondition);
    BOOST_REQUIRE(add(request("tiny", disk("d.qcow2", "content"))));
    BOOST_TEST(images.find(tiny).has_value());
}

BOOST_AUTO_TEST_CASE(what_an_interrupted_add_left_is_unseen_and_cleaned_up)
{
    fs::create_directory(layout.images() / ".tmp-abcdef");
    std::ofstream{layout.images() / ".tmp-abcdef/disk.qcow2"} << "half";
    std::vector<std::string> warnings;
    BOOST_TEST(images.list(warnings).empty());
    BOOST_TEST(warnings.empty());
    registrar.clean_up();
    BOOST_TEST(leftovers() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
