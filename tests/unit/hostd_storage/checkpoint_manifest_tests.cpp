#include "hostd/storage/checkpoint_manifest.hpp"

#include "tests/unit/hostd_storage/checkpoints.hpp"

#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::storage;
using common::ErrorCode;
using nlohmann::json;

namespace {

struct Written : Checkpoints {
    Checkpoint taken = take(first);
    fs::path folder = layout.snapshot(first);
    fs::path file = folder / "manifest.json";
    json whole = json::parse(read(file));

    bool damaged(const std::string& text)
    {
        write(file, text);
        const auto manifest = read_checkpoint(layout, folder);
        return !manifest && manifest.error().code == ErrorCode::failed_precondition &&
               manifest.error().reason == "checkpoint_damaged" &&
               manifest.error().message.find(file.string()) != std::string::npos;
    }
    bool damaged_with(const std::string& pointer, const json& value)
    {
        auto changed = whole;
        changed[json::json_pointer{pointer}] = value;
        return damaged(changed.dump());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_manifest_tests, Written)

BOOST_AUTO_TEST_CASE(a_checkpoint_comes_back_whole)
{
    const auto came = read_checkpoint(layout, folder);
    BOOST_REQUIRE(came);
    const auto& checkpoint = came->checkpoint;
    const auto sent = described(first, taken.layer);
    BOOST_TEST(checkpoint.id == sent.id);
    BOOST_TEST(checkpoint.name == sent.name);
    BOOST_TEST(checkpoint.parent.empty());
    BOOST_TEST((checkpoint.spec == sent.spec));
    BOOST_TEST((checkpoint.agent == sent.agent));
    BOOST_TEST(checkpoint.has_memory);
    BOOST_TEST(!checkpoint.frozen);
    BOOST_TEST((checkpoint.engine == sent.engine));
    BOOST_TEST((checkpoint.hypervisor == sent.hypervisor));
    BOOST_TEST((checkpoint.paused == sent.paused));
    BOOST_TEST((checkpoint.created_at == sent.created_at));
    BOOST_TEST(checkpoint.layer == sent.layer);
    BOOST_TEST(checkpoint.files.memory == folder / "ram");
    BOOST_TEST(checkpoint.digests.size() == 4U);
    BOOST_TEST((checkpoint.digests == taken.digests));
    BOOST_TEST((checkpoint.memory_bytes == taken.memory_bytes));
    BOOST_TEST((checkpoint.disk_bytes == taken.disk_bytes));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_utf8_is_written_all_the_same)
{
    auto manifest = *read_checkpoint(layout, folder);
    manifest.checkpoint.name = "\xff";
    BOOST_REQUIRE(write_checkpoint(folder, manifest));
    BOOST_TEST(read_checkpoint(layout, folder).has_value());
}

BOOST_AUTO_TEST_CASE(cut_anywhere_it_is_damaged)
{
    const auto text = whole.dump();
    for (std::size_t size = 0; size < text.size(); ++size) {
        BOOST_REQUIRE(damaged(text.substr(0, size)));
    }
}

BOOST_AUTO_TEST_CASE(every_field_is_needed_and_of_its_type)
{
    for (const std::string at : {"", "/spec", "/files/ram"}) {
        const auto object = whole[json::json_pointer{at}];
        for (const auto& [name, value] : object.items()) {
            BOOST_TEST_CONTEXT(at + "/" + name)
            {
                auto without = whole;
                without[json::json_pointer{at}].erase(name);
                // Those from before there were kinds of disks do not say.
                BOOST_TEST(damaged(without.dump()) == (at + "/" + name != "/spec/disk"));
                BOOST_TEST(damaged_with(at + "/" + name, json::array({1})));
            }
        }
    }
    BOOST_TEST(damaged("[]"));
    BOOST_TEST(damaged("null"));
}

BOOST_AUTO_TEST_CASE(values_that_we_would_not_write_are_damage)
{
    BOOST_TEST(damaged_with("/version", 2));
    for (const auto* field : {"/id", "/parent", "/layer", "/spec/id", "/engine", "/agent"}) {
        BOOST_TEST(damaged_with(field, "../../etc"));
    }
    BOOST_TEST(damaged_with("/spec/image", "../x"));
    BOOST_TEST(damaged_with("/spec/network", "bridge"));
    BOOST_TEST(damaged_with("/spec/disk", "floppy"));
    BOOST_TEST(damaged_with("/layer_sha256", "abc"));
    BOOST_TEST(damaged_with("/files/ram/sha256", std::string(64, 'G')));
    BOOST_TEST(damaged_with("/files/passwd", whole["files"]["ram"]));
    auto without = whole;
    without["files"].erase("device");
    BOOST_TEST(damaged(without.dump()));
}

BOOST_AUTO_TEST_CASE(there_is_no_checkpoint_without_one)
{
    BOOST_CHECK(read_checkpoint(layout, layout.snapshot(second)).error().code ==
                ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_layers_stamp_is_read_as_strictly)
{
    const auto id = *layout.layer_at(taken.layer);
    const auto stamp = read_layer_stamp(layout, id);
    BOOST_REQUIRE(stamp);
    BOOST_TEST(stamp->file.digest == taken.digests.at(taken.layer.filename().string()));
    const auto text = read(layer_stamp_file(layout, id));
    for (std::size_t size = 0; size + 2 < text.size(); ++size) {
        write(layer_stamp_file(layout, id), text.substr(0, size));
        BOOST_REQUIRE(!read_layer_stamp(layout, id));
    }
}

BOOST_AUTO_TEST_CASE(a_layer_that_came_from_another_host_is_known_by_what_came)
{
    const auto id = *layout.layer_at(taken.layer);
    const auto own = *read_layer_stamp(layout, id);
    BOOST_TEST(own.fetched_digest.empty()); // As with all from before there were any.
    const std::string digest(64, 'a');
    BOOST_REQUIRE(write_layer_stamp(layout, id, {own.file, digest}));
    BOOST_TEST(read_layer_stamp(layout, id)->fetched_digest == digest);
    BOOST_TEST((read_layer_stamp(layout, id)->file == own.file));
    write(taken.layer, read(taken.layer)); // Touched: its stamp is renewed, and says it still.
    BOOST_REQUIRE(store.find(first));
    BOOST_TEST(read_layer_stamp(layout, id)->fetched_digest == digest);
    BOOST_TEST((read_layer_stamp(layout, id)->file != own.file));
    BOOST_REQUIRE(write_layer_stamp(layout, id, {own.file, "../etc"}));
    BOOST_TEST(!read_layer_stamp(layout, id));
}

BOOST_AUTO_TEST_SUITE_END()
