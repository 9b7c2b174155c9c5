// What a host that is taken over might offer, and what may go wrong on the way.
#include "hostd/storage/durable.hpp"
#include "hostd/storage/offered.hpp"
#include "hostd/storage/qcow2_header.hpp"
#include "tests/contract/hostd_storage/moving.hpp"

#include <boost/test/data/test_case.hpp>

using namespace hostd;
using namespace hostd::storage;

BOOST_FIXTURE_TEST_SUITE(refused_offers_tests, Moving)

BOOST_AUTO_TEST_CASE(offers_of_files_that_no_checkpoint_has_are_refused)
{
    take(first);
    for (const std::string name : {"",
                                   "../../etc/shadow",
                                   "/etc/shadow",
                                   "manifest.json",
                                   "lyr-aaaaaaaaaaaaaaaa",
                                   "lyr-aaaaaaaaaaaaaaaa.json",
                                   "lyr-../aaaaaaaaaaaaa.qcow2",
                                   "sbx-aaaaaaaaaaaaaaaa.qcow2",
                                   "ram/"}) {
        is_refused_with([&](auto& o) { o.files[0].name = name; });
        is_refused_with([&](auto& o) { o.files[1].name = name; });
        is_refused_with([&](auto& o) {
            o.files.push_back({name, std::string(64, 'a'), Bytes{1}});
        });
    }
    is_refused_with([](auto& o) { o.files.push_back(o.files[1]); });
    is_refused_with([](auto& o) { o.files.push_back(o.files[0]); });
    is_refused_with([](auto& o) { std::swap(o.files[0], o.files[1]); });
    is_refused_with([](auto& o) { o.files.clear(); });
    is_refused_with([](auto& o) { o.files.erase(o.files.begin()); });     // No layer.
    is_refused_with([](auto& o) { o.files.erase(o.files.begin() + 1); }); // No memory.
    is_refused_with([](auto& o) { o.files.pop_back(); });
    is_refused_with([](auto& o) {
        // Its disk would lie on more files than a disk may.
        for (std::size_t i = 0; i < longest_chain; ++i) {
            o.files.insert(o.files.begin(),
                           {common::mint<LayerId>().str() + ".qcow2", o.files[0].digest, Bytes{1}});
        }
    });
    is_refused_with(
        [](auto& o) { o.files.insert(o.files.end(), most_offered_files, o.files.back()); });
    for (const auto& none : {std::string{}, std::string(63, 'a'), std::string(64, 'A')}) {
        is_refused_with([&](auto& o) { o.files[0].digest = none; });
    }
    is_refused_with([](auto& o) { o.files[0].digest = std::string(64, 'a'); });
    is_refused_with([](auto& o) { o.files[1].digest = std::string(64, 'a'); });
    is_refused_with([](auto& o) { o.files[1].size += Bytes{1}; });
    is_refused_with([](auto& o) { o.files[0].size = Bytes{~std::uint64_t{0}}; });
}

BOOST_AUTO_TEST_CASE(offers_whose_manifest_is_of_something_else_are_refused)
{
    take(first);
    for (const std::string text : {"", "{", "{}", "[1]", "null"}) {
        is_refused_with([&](auto& o) { o.manifest = text; });
    }
    is_refused_with([](auto& o) { o.manifest += std::string(largest_manifest, ' '); });
    is_refused_with([](auto& o) { o.manifest = std::string(60'000, '['); });
    is_refused_with_manifest([&](auto& m) { m["id"] = second.str(); });
    is_refused_with_manifest([&](auto& m) { m["spec"]["id"] = b.str(); });
    is_refused_with_manifest([](auto& m) { m["spec"]["image"] = "../../etc"; });
    is_refused_with_manifest([](auto& m) { m["spec"]["tenant"] = ""; });
    is_refused_with_manifest([](auto& m) { m["spec"]["name"] = "<x/>"; });
    is_refused_with_manifest([](auto& m) { m["spec"]["vcpus"] = 0; });
    is_refused_with_manifest([](auto& m) { m["name"] = std::string(1000, 'n'); });
    is_refused_with_manifest([](auto& m) { m["layer"] = ""; });
    is_refused_with_manifest([](auto& m) { m["layer"] = "lyr-aaaaaaaaaaaaaaaa"; });
    is_refused_with_manifest([](auto& m) { m["layer_sha256"] = std::string(64, 'a'); });
    is_refused_with_manifest([](auto& m) { m["files"].erase("domain.xml"); });
    is_refused_with_manifest([](auto& m) { m["files"]["../x"] = m["files"]["ram"]; });
    is_refused_with_manifest([](auto& m) { m["version"] = 2; });
    is_refused_with_manifest([](auto& m) { m["engine"] = "warp"; });
    is_refused_with_manifest(
        [](auto& m) { m["created_at_us"] = std::numeric_limits<std::int64_t>::max(); });
}

BOOST_AUTO_TEST_CASE(without_its_image_nothing_is_fetched)
{
    take(first);
    fs::remove_all(target.layout.image(image.name));
    is_refused(offer(first), "unknown_image");
}

BOOST_AUTO_TEST_CASE(an_image_that_goes_meanwhile_takes_it_along)
{
    take(first);
    const auto got = target.store.fetch(
        a, first, offer(first), [&](const BlobRef& file, const CheckpointStore::Sink& sink) {
            fs::remove_all(target.layout.image(image.name));
            return from(first)(file, sink);
        });
    BOOST_REQUIRE(!got);
    BOOST_TEST(got.error().reason == "disk_damaged");
    BOOST_TEST(target.is_empty());
}

BOOST_AUTO_TEST_CASE(layers_that_refer_elsewhere_or_to_nothing_are_refused)
{
    take(first);
    const auto secret = temp.path() / "secret";
    const std::string words(std::size_t{2} << 20U, 's');
    std::ofstream{secret} << words;
    const auto bad = temp.path() / "bad.qcow2";
    const auto size = std::to_string(image.virtual_size.count());
    const auto make = [&](std::vector<std::string> more) {
        fs::remove(bad);
        std::vector<std::string> argv{"qemu-img", "create", "-q", "-u", "-f", "qcow2"};
        argv.insert(argv.end(), more.begin(), more.end());
        must(std::move(argv));
    };
    make({"-o", "data_file=" + secret.string() + ",data_file_raw=on", bad, size});
    std::ofstream{secret} << words; // Which that has emptied.
    BOOST_TEST(reason_with_layer(bad) == "offer_refused");
    make({bad, size});
    BOOST_TEST(reason_with_layer(bad) == "offer_refused");
    make({"-F", "raw", "-b", secret, bad, size});
    BOOST_TEST(reason_with_layer(bad) == "offer_refused");
    make({"-F", "qcow2", "-b", image.disk, bad, "1G"});
    BOOST_TEST(reason_with_layer(bad) == "offer_refused");
    BOOST_TEST(reason_with_layer(secret) == "offer_refused");
    BOOST_TEST((content(secret) == words));
    // What it says that it lies on is not looked at, and not kept.
    make({"-F", "qcow2", "-b", "/nonexistent/disk.qcow2", bad, size});
    auto changed = offer(first);
    changed.files.front().digest = *content_digest(bad);
    changed.files.front().size = Bytes{fs::file_size(bad)};
    auto manifest = nlohmann::json::parse(changed.manifest);
    manifest["layer_sha256"] = changed.files.front().digest;
    changed.manifest = manifest.dump();
    const auto got = target.store.fetch(
        a, first, changed, [&](const BlobRef& blob, const CheckpointStore::Sink& sink) {
            return blob.digest == changed.files.front().digest ? sink(content(bad))
                                                               : from(first)(blob, sink);
        });
    BOOST_REQUIRE_MESSAGE(got.has_value(), (got ? "" : got.error().message));
    BOOST_TEST(read_qcow2_header(got->layer)->backing == target.layout.image_disk(image.name));
}

BOOST_DATA_TEST_CASE(what_comes_damaged_is_not_kept,
                     boost::unit_test::data::xrange(4) * boost::unit_test::data::xrange(3),
                     which,
                     how)
{
    write(top, "0x11", "0");
    take(first);
    const auto offered = offer(first);
    const auto bad = offered.files[static_cast<std::size_t>(which)];
    const auto got = target.store.fetch(
        a, first, offered, [&](const BlobRef& file, const CheckpointStore::Sink& sink) -> Result<> {
            if (file.digest != bad.digest) {
                return from(first)(file, sink);
            }
            auto bytes = *store.read_piece(first, file.digest, 0, 1U << 21U);
            if (how == 0) {
                bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
            } else if (how == 1) {
                bytes += 'x';
            } else {
                bytes.pop_back();
            }
            return sink(bytes);
        });
    BOOST_REQUIRE(!got);
    BOOST_TEST(got.error().reason == "checkpoint_damaged", got.error().message);
    BOOST_TEST(target.is_empty());
    BOOST_TEST(move(first).has_value());
}

BOOST_DATA_TEST_CASE(a_fetch_that_is_cut_short_leaves_nothing,
                     boost::unit_test::data::xrange(5),
                     files)
{
    write(top, "0x11", "0");
    take(second, false);
    take(first);
    const auto offered = offer(first);
    BOOST_REQUIRE(offered.files.size() == 5U);
    const auto cut = [&](const BlobRef& file, const CheckpointStore::Sink& sink) -> Result<> {
        if (came.size() == static_cast<std::size_t>(files)) {
            COMMON_CHECK(sink(*store.read_piece(first, file.digest, 0, 1)));
            return Error{ErrorCode::unavailable, "this host is ending", "host_ending"};
        }
        return from(first)(file, sink);
    };
    const auto got = target.store.fetch(a, first, offered, cut);
    BOOST_REQUIRE(!got);
    BOOST_TEST(got.error().reason == "host_ending");
    BOOST_TEST(target.is_empty());
    BOOST_TEST(move(first).has_value());
}

BOOST_AUTO_TEST_CASE(without_room_for_all_of_it_nothing_is_fetched)
{
    take(first);
    const auto free = space_of(target.layout.root())->free;
    DirCheckpointStore full{target.layout, runner, free - Bytes{1U << 20U}};
    const auto refused = full.fetch(a, first, offer(first), from(first));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().reason == "disk_full");
    BOOST_TEST(came.empty());
    BOOST_TEST(target.is_empty());
}

BOOST_AUTO_TEST_SUITE_END()
