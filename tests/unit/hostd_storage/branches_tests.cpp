#include "hostd/storage/chain.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

#include <algorithm>

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::ErrorCode;

BOOST_FIXTURE_TEST_SUITE(branches_tests, Checkpoints)

BOOST_AUTO_TEST_CASE(a_branch_is_a_second_name_and_an_empty_overlay_on_it)
{
    const auto branch = store.branch(a, top);
    BOOST_REQUIRE(branch);
    BOOST_TEST(layout.layer_at(branch->layer).has_value());
    BOOST_TEST(fs::equivalent(branch->layer, top));
    BOOST_TEST(branch->new_top == layout.sandbox(a).folder / "overlay.2.qcow2");
    const auto header = read_qcow2_header(branch->new_top);
    BOOST_REQUIRE(header);
    BOOST_TEST(header->backing == branch->layer);
    BOOST_TEST(header->virtual_bytes == disk_size);
    BOOST_REQUIRE(store.settle(*branch, top));
    BOOST_REQUIRE(store.settle(*branch, top));
    BOOST_TEST(!fs::exists(top));
    BOOST_TEST(fs::hard_link_count(branch->layer) == 1U);
    const auto next = store.branch(a, branch->new_top);
    BOOST_REQUIRE(next);
    BOOST_TEST(next->new_top.filename() == "overlay.3.qcow2");
}

BOOST_AUTO_TEST_CASE(a_branch_that_nobody_uses_is_taken_back)
{
    const auto branch = *store.branch(a, top);
    BOOST_REQUIRE(store.unbranch(branch));
    BOOST_REQUIRE(store.unbranch(branch));
    BOOST_TEST(!fs::exists(branch.new_top));
    BOOST_TEST(fs::is_empty(layout.layers()));
    BOOST_TEST(fs::hard_link_count(top) == 1U);
}

BOOST_AUTO_TEST_CASE(a_settled_branch_is_not_taken_back)
{
    const auto branch = branch_off();
    BOOST_CHECK(store.unbranch(branch).error().code == ErrorCode::failed_precondition);
    BOOST_TEST(fs::exists(branch.layer));
    BOOST_TEST(fs::exists(branch.new_top));
}

BOOST_AUTO_TEST_CASE(settling_takes_no_name_away_but_that_of_the_layer)
{
    make_sandbox(b);
    const auto branch = *store.branch(a, top);
    for (const auto& wrong : {layout.sandbox(b).overlay, branch.new_top, image, fs::path{"/x"}}) {
        BOOST_TEST(!store.settle(branch, wrong));
    }
    BOOST_TEST(fs::exists(layout.sandbox(b).overlay));
    BOOST_TEST(fs::exists(branch.new_top));
    fs::remove(branch.layer);
    BOOST_TEST(!store.settle(branch, top));
    BOOST_TEST(fs::exists(top));
}

BOOST_AUTO_TEST_CASE(only_an_overlay_of_the_sandbox_is_branched)
{
    make_sandbox(b);
    write(layout.sandbox(a).folder / "other.qcow2", read(top));
    for (const auto& wrong : {layout.sandbox(b).overlay,
                              image,
                              layout.sandbox(a).folder / "other.qcow2",
                              layout.sandbox(a).folder / "../sbx-bbbbbbbbbbbbbbbb/overlay.qcow2"}) {
        const auto branch = store.branch(a, wrong);
        BOOST_REQUIRE(!branch);
        BOOST_CHECK(branch.error().code == ErrorCode::invalid_argument);
    }
    BOOST_TEST(fs::is_empty(layout.layers()));
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_nothing_of_a_branch)
{
    outcome = {1, "", "qemu-img: /x: No space left on device\n"};
    const auto branch = store.branch(a, top);
    BOOST_REQUIRE(!branch);
    BOOST_TEST(branch.error().reason == "disk_full");
    outcome = {};
    const auto reserved = open(Bytes{~std::uint64_t{0}}).branch(a, top);
    BOOST_REQUIRE(!reserved);
    BOOST_TEST(reserved.error().reason == "disk_full");
    BOOST_TEST(fs::is_empty(layout.layers()));
    BOOST_TEST(overlays_of(layout, a)->size() == 1U);
    BOOST_TEST(fs::hard_link_count(top) == 1U);
}

BOOST_AUTO_TEST_CASE(a_chain_has_a_bound)
{
    // Image and overlay at first; each branch adds one.
    for (std::size_t length = 2; length < longest_chain; ++length) {
        branch_off();
    }
    BOOST_TEST(chain_of(layout, top)->size() == longest_chain);
    const auto chain = store.chain_below(top);
    BOOST_REQUIRE(chain);
    BOOST_TEST(chain->files == longest_chain - 1);
    BOOST_TEST(chain->base == image);
    const auto over = store.branch(a, top);
    BOOST_REQUIRE(!over);
    BOOST_CHECK(over.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(over.error().reason == "chain_too_long");
    BOOST_TEST(overlays_of(layout, a)->size() == 1U);
    const auto layers = layers_in(layout)->size();
    BOOST_TEST(layers == longest_chain - 2);
    const auto below = read_qcow2_header(top)->backing;
    BOOST_TEST(store.overlay_on(a, below).has_value());
}

BOOST_AUTO_TEST_CASE(a_clone_gets_an_overlay_on_the_layer)
{
    const auto layer = take(first).layer;
    BOOST_CHECK(store.overlay_on(b, layer).error().code == ErrorCode::not_found); // No folder.
    fs::create_directory(layout.sandbox(b).folder);
    const auto overlay = store.overlay_on(b, layer);
    BOOST_REQUIRE(overlay);
    BOOST_TEST(*overlay == layout.sandbox(b).overlay);
    BOOST_TEST(read_qcow2_header(*overlay)->backing == layer);
    BOOST_TEST(store.overlay_on(b, layer)->filename() == "overlay.2.qcow2");
    BOOST_CHECK(store.overlay_on(b, image).error().code == ErrorCode::invalid_argument);
    BOOST_CHECK(store.overlay_on(b, layout.layer(common::mint<LayerId>())).error().code ==
                ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_header_that_leads_elsewhere_is_not_followed)
{
    const auto elsewhere = temp.path() / "precious.qcow2";
    write(elsewhere, qcow2_bytes("", disk_size));
    for (const auto& backing : {elsewhere.string(),
                                layout.layers().string() + "/../precious.qcow2",
                                std::string{"precious.qcow2"},
                                std::string{"json:{\"driver\":\"raw\"}"},
                                layout.images().string() + "/tiny/kernel",
                                top.string()}) { // Itself: without an end.
        write(top, qcow2_bytes(backing, disk_size));
        const auto chain = chain_of(layout, top);
        BOOST_REQUIRE(!chain);
        BOOST_TEST(chain.error().reason == "disk_damaged");
        BOOST_TEST(!store.branch(a, top));
        BOOST_TEST(fs::is_empty(layout.layers()));
    }
}

BOOST_AUTO_TEST_SUITE_END()
