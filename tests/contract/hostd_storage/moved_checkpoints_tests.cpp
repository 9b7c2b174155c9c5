#include "hostd/storage/durable.hpp"
#include "tests/contract/hostd_storage/moving.hpp"

using namespace hostd;
using namespace hostd::storage;

BOOST_FIXTURE_TEST_SUITE(moved_checkpoints_tests, Moving)

BOOST_AUTO_TEST_CASE(an_offer_names_all_that_it_takes_the_lowest_layer_first)
{
    write(top, "0x11", "0");
    const auto below = take(first);
    const auto above = take(second, false);
    const auto offered = offer(first);
    BOOST_REQUIRE(offered.files.size() == 4U);
    BOOST_TEST(offered.files[0].name == below.layer.filename().string());
    BOOST_TEST(offered.files[0].size.count() == fs::file_size(below.layer));
    BOOST_TEST(offered.files[1].name == "ram");
    BOOST_TEST(offered.files[1].digest == *content_digest(below.files.memory));
    BOOST_TEST(offered.files[1].size.mib() == 1U);
    BOOST_TEST(offered.files[2].name == "device");
    BOOST_TEST(offered.files[3].name == "domain.xml");
    BOOST_TEST(offered.manifest == content(below.files.folder / "manifest.json"));
    const auto disk_alone = offer(second);
    BOOST_REQUIRE(disk_alone.files.size() == 2U);
    BOOST_TEST(disk_alone.files[0].digest == offered.files[0].digest);
    BOOST_TEST(disk_alone.files[1].name == above.layer.filename().string());
    BOOST_CHECK(store.offer(common::SnapshotId{"snp-cccccccccccccccc"}).error().code ==
                ErrorCode::not_found);
    write(below.layer, "0x22", "0");
    BOOST_TEST(store.offer(second).error().reason == "checkpoint_damaged");
}

BOOST_AUTO_TEST_CASE(a_piece_is_what_the_file_holds_there)
{
    const auto taken = take(first);
    const auto ram = taken.digests.at("ram");
    BOOST_TEST(*store.read_piece(first, ram, 0, 3) == "snp");
    BOOST_TEST(store.read_piece(first, ram, 0, 262'144)->size() == 262'144U);
    const auto end = store.read_piece(first, ram, (std::uint64_t{1} << 20U) - 5, 262'144);
    BOOST_TEST((*end == std::string(5, '\0')));
    for (const std::uint64_t beyond :
         {std::uint64_t{1} << 20U, std::uint64_t{1} << 62U, ~std::uint64_t{0}}) {
        BOOST_CHECK(store.read_piece(first, ram, beyond, 1).error().code == ErrorCode::not_found);
    }
    BOOST_CHECK(store.read_piece(first, std::string(64, 'a'), 0, 1).error().code ==
                ErrorCode::not_found);
    BOOST_CHECK(store.read_piece(second, ram, 0, 1).error().code == ErrorCode::not_found);
    BOOST_REQUIRE(store.remove(first));
    BOOST_CHECK(store.read_piece(first, ram, 0, 1).error().code == ErrorCode::not_found);
    take(first); // Of the same name, and other files.
    BOOST_TEST(store.read_piece(first, offer(first).files[1].digest, 0, 3).has_value());
}

BOOST_AUTO_TEST_CASE(what_came_is_what_was_and_lies_on_this_hosts_image)
{
    write(top, "0x11", "0");
    const auto below = take(second, false);
    write(top, "0x22", "64k");
    const auto taken = take(first);
    const auto got = moved(first);
    BOOST_TEST(got.id == first);
    BOOST_TEST((got.spec == taken.spec));
    BOOST_TEST(got.has_memory);
    BOOST_CHECK(got.created_at == taken.created_at);
    BOOST_TEST(got.memory_bytes.count() > 0U);
    BOOST_TEST(got.disk_bytes.count() > 0U);
    // Other files than on that host, of the same content.
    const auto chain = *chain_of(target.layout, got.layer);
    BOOST_REQUIRE(chain.size() == 3U);
    BOOST_TEST(chain[2] == target.layout.image_disk(image.name));
    BOOST_TEST(got.layer.filename() != taken.layer.filename());
    BOOST_TEST(chain[1].filename() != below.layer.filename());
    are_equal(got.layer, taken.layer);
    are_equal(chain[1], below.layer);
    for (const auto& layer : {chain[0], chain[1]}) {
        must({"qemu-img", "check", "-q", "-f", "qcow2", layer});
    }
    BOOST_TEST(content(got.files.memory) == content(taken.files.memory));
    BOOST_TEST(content(got.files.device) == content(taken.files.device));
    BOOST_TEST(content(got.files.domain) == content(taken.files.domain));
    BOOST_TEST(allocated(got.files.memory)->count() < 65'536U); // Its holes are holes.
    BOOST_TEST(got.digests.at("ram") == taken.digests.at("ram"));
    BOOST_TEST(got.digests.at(got.layer.filename().string()) == *content_digest(got.layer));
    // And it is one as any other: whole, listed, a disk to go on with, on its way further.
    BOOST_TEST(target.store.verify(first).has_value());
    std::vector<std::string> warnings;
    BOOST_TEST(target.store.list(warnings).size() == 1U);
    BOOST_TEST(warnings.empty());
    BOOST_REQUIRE(target.sandboxes.create_empty(b));
    const auto overlay = target.store.overlay_on(b, got.layer);
    BOOST_REQUIRE(overlay);
    are_equal(*overlay, taken.layer);
    BOOST_TEST(target.store.offer(first).has_value());
    BOOST_TEST(!fs::exists(target.layout.draft(first)));
}

BOOST_AUTO_TEST_CASE(a_disk_alone_comes_without_memory)
{
    write(top, "0x11", "0");
    const auto taken = take(first, false);
    const auto got = moved(first);
    BOOST_TEST(!got.has_memory);
    BOOST_TEST(came.size() == 1U);
    are_equal(got.layer, taken.layer);
}

BOOST_AUTO_TEST_CASE(layers_that_are_here_are_not_fetched_again)
{
    write(top, "0x11", "0");
    take(first);
    write(top, "0x22", "64k");
    const auto taken = take(second);
    const auto one = moved(first);
    came.clear();
    const auto other = moved(second);
    const auto offered = offer(second);
    BOOST_TEST(came == (std::vector{offered.files[1].digest,
                                    offered.files[2].digest,
                                    offered.files[3].digest,
                                    offered.files[4].digest}),
               boost::test_tools::per_element());
    BOOST_TEST(count_of_layers() == 2U);
    BOOST_TEST((*chain_of(target.layout, other.layer))[1] == one.layer);
    are_equal(other.layer, taken.layer);
    BOOST_TEST(target.store.verify(second).has_value());
    BOOST_TEST(fs::hard_link_count(one.layer) == 1U);
    // Each stays as long as anything lies on it.
    BOOST_REQUIRE(target.store.remove(first));
    BOOST_TEST(target.store.sweep({}, {})->files == 0U);
    BOOST_REQUIRE(target.store.remove(second));
    BOOST_TEST(target.store.sweep({}, {})->files == 4U); // With what is known of them.
    BOOST_TEST(target.is_empty());
}

BOOST_AUTO_TEST_CASE(what_goes_back_finds_what_it_was_made_of)
{
    write(top, "0x11", "0");
    take(first);
    moved(first);
    BOOST_REQUIRE(store.remove(first)); // Its layer is below the sandbox's disk.
    const auto back = target.store.offer(first);
    BOOST_REQUIRE(back);
    const auto fetch = [&](const BlobRef& file, const CheckpointStore::Sink& sink) -> Result<> {
        came.push_back(file.digest);
        COMMON_TRY(const auto bytes, target.store.read_piece(first, file.digest, 0, 1U << 21U));
        return sink(bytes);
    };
    const auto here = store.fetch(a, first, *back, fetch);
    BOOST_REQUIRE(here);
    BOOST_TEST(store.verify(first).has_value());
    are_equal(here->layer, target.store.find(first)->layer);
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_not_what_it_was_is_fetched_again)
{
    write(top, "0x11", "0");
    take(first);
    const auto taken = take(second, false);
    const auto one = moved(first);
    write(one.layer, "0x33", "0");
    const auto other = moved(second);
    are_equal(other.layer, taken.layer);
    BOOST_TEST(count_of_layers() == 3U);
}

BOOST_AUTO_TEST_CASE(one_that_is_here_is_given_and_not_fetched)
{
    take(first);
    const auto got = moved(first);
    came.clear();
    BOOST_TEST(moved(first).layer == got.layer);
    BOOST_TEST(target.store.fetch(a, first, {}, from(first)).has_value());
    BOOST_TEST(came.empty());
    BOOST_CHECK(target.store.fetch(b, first, offer(first), from(first)).error().code ==
                ErrorCode::already_exists);
    fs::resize_file(got.files.memory, 1);
    BOOST_TEST(move(first).error().reason == "checkpoint_damaged");
}

/// A bit of one file, more of it, less of it.
/// As when this host or the other one ends.
BOOST_AUTO_TEST_CASE(what_is_being_fetched_is_not_swept_and_no_sweep_waits_for_it)
{
    write(top, "0x11", "0");
    take(second, false);
    take(first);
    const auto got = target.store.fetch(
        a, first, offer(first), [&](const BlobRef& file, const CheckpointStore::Sink& sink) {
            const auto swept = target.store.sweep({}, {});
            BOOST_REQUIRE(swept);
            BOOST_TEST(swept->files == 0U);
            return from(first)(file, sink);
        });
    BOOST_REQUIRE(got);
    BOOST_TEST(target.store.sweep({}, {})->files == 0U);
    BOOST_TEST(target.store.verify(first).has_value());
}

BOOST_AUTO_TEST_CASE(a_layer_that_loses_its_owner_meanwhile_is_kept)
{
    write(top, "0x11", "0");
    take(first);
    const auto taken = take(second);
    const auto one = moved(first);
    unsigned swept = 0;
    const auto other = target.store.fetch(
        a, second, offer(second), [&](const BlobRef& file, const CheckpointStore::Sink& sink) {
            if (swept == 0) {
                BOOST_REQUIRE(target.store.remove(first));
                swept = target.store.sweep({}, {})->files;
                BOOST_TEST(!fs::exists(one.layer));
            }
            return from(second)(file, sink);
        });
    BOOST_REQUIRE_MESSAGE(other.has_value(), (other ? "" : other.error().message));
    BOOST_TEST(swept == 2U);
    BOOST_TEST((*chain_of(target.layout, other->layer))[1] == one.layer);
    are_equal(other->layer, taken.layer);
    BOOST_TEST(target.store.verify(second).has_value());
    BOOST_TEST(target.store.sweep({}, {})->files == 0U);
}

BOOST_AUTO_TEST_CASE(the_same_one_is_not_fetched_twice_at_once)
{
    take(first);
    const auto got = target.store.fetch(
        a, first, offer(first), [&](const BlobRef& file, const CheckpointStore::Sink& sink) {
            BOOST_CHECK(move(first).error().code == ErrorCode::already_exists);
            return from(first)(file, sink);
        });
    BOOST_TEST(got.has_value());
}

BOOST_AUTO_TEST_CASE(what_a_host_that_died_has_left_is_swept)
{
    take(first);
    const auto draft = target.layout.draft(first);
    BOOST_REQUIRE(make_folder(draft));
    std::ofstream{draft / "ram"} << "half";
    std::ofstream{draft / (common::mint<LayerId>().str() + ".qcow2")} << "half";
    std::ofstream{target.layout.layer(common::mint<LayerId>())} << "without an owner";
    BOOST_TEST(target.store.sweep({}, {})->files == 3U);
    BOOST_TEST(target.is_empty());
    BOOST_REQUIRE(make_folder(draft));
    std::ofstream{draft / "ram"} << "half"; // Before any sweep.
    BOOST_TEST(move(first).has_value());
}

BOOST_AUTO_TEST_CASE(a_sandbox_whose_disk_came_counts_as_one_that_has_run)
{
    BOOST_REQUIRE(target.sandboxes.create_empty(b));
    BOOST_TEST(!target.sandboxes.has_run(b));
    BOOST_REQUIRE(target.sandboxes.mark_run(b));
    BOOST_TEST(target.sandboxes.has_run(b));
    BOOST_REQUIRE(target.sandboxes.mark_run(b));
    BOOST_TEST(target.sandboxes.remove(b).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
