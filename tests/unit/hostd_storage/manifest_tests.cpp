#include "hostd/storage/manifest.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace hostd;
using namespace hostd::storage;
using common::ErrorCode;
using nlohmann::json;

namespace {

Manifest sample()
{
    Manifest manifest;
    manifest.name = "tiny";
    manifest.disk = {std::string(64, 'a'), 1, 2, 3};
    manifest.kernel = {std::string(64, 'b'), 4, 5, -6};
    manifest.initrd = {std::string(64, 'c'), 7, 8, 9};
    manifest.cmdline = "console=ttyS0 \"quoted\" ü";
    manifest.boot = Boot::kernel;
    manifest.agent = AgentKind::paddock;
    manifest.virtual_bytes = std::uint64_t{1} << 40U;
    manifest.vcpus = 2;
    manifest.memory_bytes = 268'435'456;
    manifest.registered_at_us = 1'700'000'000'000'001;
    return manifest;
}

/// Of an image that a tenant made.
Manifest theirs()
{
    auto manifest = sample();
    manifest.tenant = "red";
    manifest.from_snapshot = "snp-aaaaaaaaaaaaaaaa";
    return manifest;
}

/// Of one that the coordinator registered.
Manifest registered()
{
    auto manifest = sample();
    manifest.tenant = "red";
    manifest.registration = "img-aaaaaaaaaaaaaaaa";
    return manifest;
}

struct Folder : tests::TempFolder {
    [[nodiscard]] std::filesystem::path file() const { return path() / "manifest.json"; }
    [[nodiscard]] json written(const Manifest& manifest = sample()) const
    {
        BOOST_REQUIRE(write_manifest(path(), manifest));
        std::ifstream in{file()};
        return json::parse(in);
    }
    [[nodiscard]] bool damaged(const std::string& text) const
    {
        std::ofstream{file()} << text;
        const auto manifest = read_manifest(path());
        return !manifest && manifest.error().code == ErrorCode::failed_precondition;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(manifest_tests, Folder)

BOOST_AUTO_TEST_CASE(a_manifest_comes_back_whole)
{
    BOOST_REQUIRE(write_manifest(path(), sample()));
    const auto came = read_manifest(path());
    BOOST_REQUIRE(came);
    const auto sent = sample();
    BOOST_TEST(came->name == sent.name);
    BOOST_TEST((came->disk == sent.disk));
    BOOST_TEST((came->kernel == sent.kernel));
    BOOST_TEST((came->initrd == sent.initrd));
    BOOST_TEST(came->cmdline == sent.cmdline);
    BOOST_TEST((came->boot == sent.boot));
    BOOST_TEST((came->agent == sent.agent));
    BOOST_TEST(came->virtual_bytes == sent.virtual_bytes);
    BOOST_TEST(came->vcpus == sent.vcpus);
    BOOST_TEST(came->memory_bytes == sent.memory_bytes);
    BOOST_TEST(came->registered_at_us == sent.registered_at_us);
    BOOST_TEST(!std::filesystem::exists(path() / "manifest.json.new"));
}

BOOST_AUTO_TEST_CASE(a_folder_without_one_has_no_image)
{
    BOOST_CHECK(read_manifest(path()).error().code == ErrorCode::not_found);
    BOOST_CHECK(read_manifest(path() / "none").error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(cut_anywhere_it_is_damaged)
{
    const auto text = written().dump();
    for (std::size_t size = 0; size < text.size(); ++size) {
        BOOST_REQUIRE(damaged(text.substr(0, size)));
    }
}

BOOST_AUTO_TEST_CASE(whose_it_is_comes_back_and_is_hidden_from_those_who_would_not_look)
{
    BOOST_TEST(written()["version"] == 1);
    BOOST_TEST(read_manifest(path())->tenant.empty());
    BOOST_TEST(written(theirs())["version"] == 2); // An older hostd lets it be.
    const auto came = read_manifest(path());
    BOOST_REQUIRE(came);
    BOOST_TEST(came->tenant == "red");
    BOOST_TEST(came->from_snapshot == "snp-aaaaaaaaaaaaaaaa");
    const auto image = to_image(*came, "/images/web");
    BOOST_TEST(image.tenant == "red");
    BOOST_TEST(image.from_snapshot.str() == "snp-aaaaaaaaaaaaaaaa");
    auto nonsense = written(theirs());
    nonsense["from_snapshot"] = "../etc";
    BOOST_TEST(damaged(nonsense.dump()));
}

BOOST_AUTO_TEST_CASE(what_it_is_registered_by_comes_back_and_is_of_a_version_of_its_own)
{
    const auto text = written(registered());
    BOOST_TEST(text["version"] == 3);
    BOOST_TEST(text["registration"] == "img-aaaaaaaaaaaaaaaa");
    BOOST_TEST(text["tenant"] == "red");
    BOOST_TEST(!text.contains("from_snapshot"));
    BOOST_TEST(!written(theirs()).contains("registration"));
    BOOST_TEST(!written().contains("registration"));
    BOOST_REQUIRE(write_manifest(path(), registered()));
    const auto came = read_manifest(path());
    BOOST_REQUIRE(came);
    BOOST_TEST(came->tenant == "red");
    BOOST_TEST(came->registration == "img-aaaaaaaaaaaaaaaa");
    BOOST_TEST(came->from_snapshot.empty());
    const auto image = to_image(*came, "/images/web");
    BOOST_TEST(image.tenant == "red");
    BOOST_TEST(image.registration.str() == "img-aaaaaaaaaaaaaaaa");
    BOOST_TEST(image.from_snapshot.empty());
    for (const auto* id : {"", "../etc", "img-short", "snp-aaaaaaaaaaaaaaaa"}) {
        auto nonsense = text;
        nonsense["registration"] = id;
        BOOST_TEST(damaged(nonsense.dump()));
    }
}

BOOST_AUTO_TEST_CASE(every_field_is_needed_and_of_its_type)
{
    for (const auto& whole : {written(theirs()), written(registered())}) {
        for (const auto& [name, value] : whole.items()) {
            BOOST_TEST_CONTEXT(name)
            {
                auto without = whole;
                without.erase(name);
                BOOST_TEST(damaged(without.dump()));
                auto wrong = whole;
                wrong[name] = json::array({1});
                BOOST_TEST(damaged(wrong.dump()));
            }
        }
    }
    const auto whole = written(theirs());
    auto unknown = whole;
    unknown["boot"] = "floppy";
    BOOST_TEST(damaged(unknown.dump()));
    unknown = whole;
    unknown["agent"] = "ssh";
    BOOST_TEST(damaged(unknown.dump()));
    BOOST_TEST(damaged("[]"));
    BOOST_TEST(damaged("null"));
}

BOOST_AUTO_TEST_CASE(one_of_a_newer_version_is_refused_as_such)
{
    for (const int version : {0, 5}) {
        auto newer = written();
        newer["version"] = version;
        std::ofstream{file()} << newer.dump();
        const auto refused = read_manifest(path());
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().message.find("newer version") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_stamp_is_of_a_regular_file_alone)
{
    std::ofstream{path() / "disk"} << "12345";
    const auto stamp = stamp_of(path() / "disk");
    BOOST_REQUIRE(stamp);
    BOOST_TEST(stamp->size == 5U);
    BOOST_TEST(stamp->inode != 0U);
    BOOST_TEST(stamp->mtime_ns > 0);
    BOOST_TEST(stamp->digest.empty());
    BOOST_REQUIRE(::symlink("disk", (path() / "link").c_str()) == 0);
    BOOST_TEST(!stamp_of(path() / "link"));
    BOOST_TEST(!stamp_of(path()));
    BOOST_TEST(!stamp_of(path() / "none"));
}

BOOST_AUTO_TEST_CASE(an_image_has_a_kernel_only_where_it_boots_one)
{
    auto manifest = sample();
    auto image = to_image(manifest, "/images/tiny");
    BOOST_TEST(image.disk == "/images/tiny/disk.qcow2");
    BOOST_TEST(image.kernel == "/images/tiny/kernel");
    BOOST_TEST(image.initrd == "/images/tiny/initrd");
    BOOST_TEST(image.digest == manifest.disk.digest);
    BOOST_TEST(image.default_memory.mib() == 256U);
    manifest.initrd = {};
    BOOST_TEST(to_image(manifest, "/images/tiny").initrd.empty());
    manifest.boot = Boot::uefi;
    BOOST_TEST(to_image(manifest, "/images/tiny").kernel.empty());
}

BOOST_AUTO_TEST_SUITE_END()
