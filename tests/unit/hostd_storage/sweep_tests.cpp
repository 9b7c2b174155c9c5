#include "hostd/storage/chain.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

#include <algorithm>

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;

BOOST_FIXTURE_TEST_SUITE(sweep_tests, Checkpoints)

BOOST_AUTO_TEST_CASE(what_has_an_owner_stays)
{
    const auto below = branch_off().layer;
    const auto layer = take(first).layer;
    make_sandbox(b);
    const auto swept = this->swept({top, layout.sandbox(b).overlay}, {a, b});
    BOOST_TEST(swept.files == 0U);
    BOOST_TEST(swept.kept.empty());
    BOOST_TEST(fs::exists(below));
    BOOST_TEST(store.verify(first).has_value());
    BOOST_TEST(fs::exists(top));
}

BOOST_AUTO_TEST_CASE(a_layer_goes_with_the_last_that_lies_on_it)
{
    const auto layer = take(first).layer;
    fs::create_directory(layout.sandbox(b).folder);
    const auto clone = *store.overlay_on(b, layer);
    fs::remove_all(layout.sandbox(a).folder);
    BOOST_REQUIRE(store.remove(first));
    BOOST_TEST(swept({clone}, {b}).files == 0U); // A sibling uses it.
    BOOST_TEST(fs::exists(layer));
    BOOST_TEST(swept({}, {}).files == 0U); // Also one that is not known.
    BOOST_TEST(fs::exists(layer));
    fs::remove_all(layout.sandbox(b).folder);
    const auto last = swept({}, {});
    BOOST_TEST(last.files == 2U); // And its stamp.
    BOOST_TEST(last.bytes.count() > 0U);
    BOOST_TEST(fs::is_empty(layout.layers()));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_keeps_its_layer_alone)
{
    const auto layer = take(first).layer;
    fs::remove_all(layout.sandbox(a).folder);
    BOOST_TEST(swept({}, {}).files == 0U);
    BOOST_TEST(store.verify(first).has_value());
    BOOST_TEST(fs::exists(layer));
}

BOOST_AUTO_TEST_CASE(an_overlay_that_is_no_top_goes_with_the_layers_below_it)
{
    const auto layer = take(first).layer;
    const auto later = branch_off().layer;
    const auto old_top = top;
    const auto restored = *store.overlay_on(a, layer);
    const auto swept = this->swept({restored}, {a});
    BOOST_TEST(!fs::exists(old_top));
    BOOST_TEST(!fs::exists(later));
    BOOST_TEST(fs::exists(layer));
    BOOST_TEST(fs::exists(restored));
    BOOST_TEST(swept.files == 2U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_is_not_given_or_has_no_top_is_left_alone)
{
    const auto layer = take(first).layer;
    const auto stray = *store.overlay_on(a, layer);
    BOOST_REQUIRE(store.overlay_on(a, layer));
    make_sandbox(b);
    BOOST_TEST(swept({top}, {}).files == 0U);
    const auto without_top = swept({layout.sandbox(b).overlay}, {a, b});
    BOOST_TEST(without_top.files == 0U);
    BOOST_REQUIRE(without_top.kept.size() == 1U);
    BOOST_TEST(without_top.kept[0].find(a.str()) != std::string::npos);
    BOOST_TEST(fs::exists(stray));
}

BOOST_AUTO_TEST_CASE(a_branch_under_way_is_not_taken_for_rubbish)
{
    const auto branch = *store.branch(a, top);
    for (int time = 0; time < 3; ++time) {
        BOOST_TEST(swept({top}, {a}).files == 0U);
    }
    BOOST_TEST(fs::exists(branch.layer));
    BOOST_REQUIRE(store.settle(branch, top));
    BOOST_TEST(swept({branch.new_top}, {a}).files == 0U);
}

BOOST_AUTO_TEST_CASE(a_branch_that_was_cut_short_goes)
{
    const auto branch = *store.branch(a, top);
    auto next_life = open();
    const auto swept = next_life.sweep({top}, {a});
    BOOST_REQUIRE(swept);
    BOOST_TEST(!fs::exists(branch.new_top));
    BOOST_TEST(!fs::exists(branch.layer));
    BOOST_TEST(fs::exists(top));
    BOOST_TEST(swept->files == 2U);
}

BOOST_AUTO_TEST_CASE(a_branch_in_use_that_was_never_settled_is_settled)
{
    const auto branch = *store.branch(a, top);
    auto next_life = open();
    BOOST_REQUIRE(next_life.sweep({branch.new_top}, {a}));
    BOOST_TEST(!fs::exists(top));
    BOOST_TEST(fs::hard_link_count(branch.layer) == 1U);
    BOOST_TEST(chain_of(layout, branch.new_top).has_value());
}

BOOST_AUTO_TEST_CASE(the_newest_overlay_outlives_a_word_that_is_older_than_it)
{
    const auto layer = take(first).layer;
    const auto fresh = *store.overlay_on(a, layer);
    const auto early = swept({top}, {a});
    BOOST_TEST(early.files == 0U);
    BOOST_TEST(early.kept.size() == 1U);
    BOOST_TEST(swept({top}, {a}).files == 1U);
    BOOST_TEST(!fs::exists(fresh));
}

BOOST_AUTO_TEST_CASE(while_a_header_or_manifest_cannot_be_read_nothing_goes)
{
    const auto lost = branch_off().layer;
    take(first);
    BOOST_REQUIRE(store.remove(first));
    const auto stray = *store.overlay_on(a, lost);
    make_sandbox(b);
    const auto tops = std::set<fs::path>{stray, layout.sandbox(b).overlay};
    const auto kept_whole = [&](const fs::path& culprit) {
        const auto swept = this->swept(tops, {a});
        return swept.files == 0 && swept.kept.size() == 1 &&
               swept.kept[0].find(culprit.string()) != std::string::npos && fs::exists(top);
    };
    const auto good = read(layout.sandbox(b).overlay);
    write(layout.sandbox(b).overlay, good.substr(0, 100));
    BOOST_TEST(kept_whole(layout.sandbox(b).overlay));
    write(layout.sandbox(b).overlay, qcow2_bytes("/etc/passwd", disk_size));
    BOOST_TEST(kept_whole(layout.sandbox(b).overlay));
    write(layout.sandbox(b).overlay, good);
    fs::create_directory(layout.snapshot(second));
    BOOST_TEST(kept_whole(layout.snapshot(second)));
    fs::remove(layout.snapshot(second));
    BOOST_TEST(swept(tops, {a}).files == 3U); // The old top, and its layer with its stamp.
    BOOST_TEST(!fs::exists(top));
}

BOOST_AUTO_TEST_CASE(drafts_of_a_process_that_is_gone_go_and_ours_stay)
{
    auto gone = open();
    fill(*gone.begin(first, Bytes{0}));
    fill(*gone.begin_suspended(a, Bytes{0}));
    make_sandbox(b);
    const auto ours = *store.begin(second, Bytes{0});
    const auto suspending = *store.begin_suspended(b, Bytes{0});
    const auto swept = this->swept({top, layout.sandbox(b).overlay}, {a, b});
    BOOST_TEST(swept.files == 6U);
    BOOST_TEST(!fs::exists(layout.draft(first)));
    BOOST_TEST(!fs::exists(layout.suspended_draft(a)));
    BOOST_TEST(fs::exists(ours.folder));
    BOOST_TEST(fs::exists(suspending.folder));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_removed_is_named_and_to_be_tried_again)
{
    const auto layer = layout.layer(LayerId{"lyr-aaaaaaaaaaaaaaaa"});
    fs::create_directory(layer); // Which is no file to be unlinked.
    const auto swept = this->swept({top}, {a});
    BOOST_TEST(swept.again);
    BOOST_REQUIRE(swept.kept.size() == 1U);
    BOOST_TEST(swept.kept[0].find(layer.string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_not_of_our_making_is_named_and_kept)
{
    write(layout.layers() / "notes.txt", "mine");
    const auto swept = this->swept({top}, {a});
    BOOST_TEST(swept.files == 0U);
    BOOST_TEST(!swept.again);
    BOOST_REQUIRE(swept.kept.size() == 1U);
    BOOST_TEST(swept.kept[0].find("notes.txt") != std::string::npos);
    BOOST_TEST(fs::exists(layout.layers() / "notes.txt"));
}

BOOST_AUTO_TEST_SUITE_END()
