#include "hostd/storage/durable.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;
using common::ErrorCode;

namespace {

/// Content of another kind and the same size, with the time that it had.
void forge(const fs::path& file)
{
    const auto time = fs::last_write_time(file);
    auto bytes = read(file);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write(file, bytes);
    fs::last_write_time(file, time);
}

void touch(const fs::path& file)
{
    fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds{5});
}

struct Store : Checkpoints {
    /// From here on a rename in there is done, and cannot be made durable: nobody follows a link.
    void make_unsyncable(const fs::path& folder) const
    {
        fs::rename(folder, temp.path() / "elsewhere");
        fs::create_directory_symlink(temp.path() / "elsewhere", folder);
    }
    [[nodiscard]] bool names_damage(const common::Result<Checkpoint>& found,
                                    const fs::path& file) const
    {
        return !found && found.error().code == ErrorCode::failed_precondition &&
               found.error().reason == "checkpoint_damaged" &&
               found.error().message.find(file.string()) != std::string::npos;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_store_tests, Store)

BOOST_AUTO_TEST_CASE(a_checkpoint_appears_whole_by_commit)
{
    const auto files = store.begin(first, Bytes{6});
    BOOST_REQUIRE(files);
    BOOST_TEST((fs::status(files->folder).permissions() == fs::perms{0711}));
    BOOST_CHECK(store.find(first).error().code == ErrorCode::not_found);
    std::vector<std::string> warnings;
    BOOST_TEST(store.list(warnings).empty());
    fill(*files);
    const auto branch = branch_off();
    const auto taken = store.commit(described(first, branch.layer));
    BOOST_REQUIRE(taken);
    BOOST_TEST(!fs::exists(files->folder));
    BOOST_TEST(taken->files.memory == layout.snapshot(first) / "ram");
    BOOST_TEST(taken->memory_bytes.count() > 0U);
    BOOST_TEST(taken->disk_bytes.count() > 0U);
    const auto found = store.find(first);
    BOOST_REQUIRE(found);
    BOOST_TEST((found->digests == taken->digests));
    BOOST_TEST(store.list(warnings).size() == 1U);
    BOOST_TEST(warnings.empty());
    BOOST_TEST(store.verify(first).has_value());
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_cannot_be_made_durable_is_not_there)
{
    fill(*store.begin(first, Bytes{6}));
    const auto branch = branch_off();
    make_unsyncable(layout.snapshots());
    BOOST_TEST(!store.commit(described(first, branch.layer)));
    BOOST_TEST(!fs::exists(layout.snapshot(first)));
    store.discard(first);
    BOOST_TEST(fs::is_empty(layout.snapshots()));
}

BOOST_AUTO_TEST_CASE(a_removal_that_cannot_be_made_durable_has_removed_nothing)
{
    take(first);
    make_unsyncable(layout.snapshots());
    BOOST_TEST(!store.remove(first));
    BOOST_TEST(store.verify(first).has_value());
}

BOOST_AUTO_TEST_CASE(one_id_is_taken_once)
{
    BOOST_REQUIRE(store.begin(first, Bytes{0}));
    BOOST_CHECK(store.begin(first, Bytes{0}).error().code == ErrorCode::already_exists);
    store.discard(first);
    BOOST_TEST(fs::is_empty(layout.snapshots()));
    take(first);
    BOOST_CHECK(store.begin(first, Bytes{0}).error().code == ErrorCode::already_exists);
    store.discard(first);
    BOOST_TEST(store.find(first).has_value());
}

BOOST_AUTO_TEST_CASE(a_draft_of_a_process_that_is_gone_makes_way)
{
    auto gone = open();
    fill(*gone.begin(first, Bytes{0}));
    const auto files = store.begin(first, Bytes{0});
    BOOST_REQUIRE(files);
    BOOST_TEST(fs::is_empty(files->folder));
}

BOOST_AUTO_TEST_CASE(what_was_not_captured_is_not_committed)
{
    BOOST_CHECK(store.commit(described(first, {})).error().code == ErrorCode::failed_precondition);
    const auto files = *store.begin(first, Bytes{0});
    for (const auto& missing : {files.memory, files.device}) {
        fill(files);
        fs::remove(missing);
        const auto taken = store.commit(described(first, {}));
        BOOST_REQUIRE(!taken);
        BOOST_TEST(taken.error().message.find(missing.string()) != std::string::npos);
    }
    fill(files);
    BOOST_CHECK(store.commit(described(first, "/etc/passwd")).error().code ==
                ErrorCode::invalid_argument);
    auto portable = described(first, {});
    portable.engine = EngineKind::portable;
    fs::remove(files.device);
    BOOST_TEST(store.commit(portable).has_value());
}

BOOST_AUTO_TEST_CASE(a_disk_alone_needs_no_memory)
{
    const auto branch = branch_off();
    BOOST_REQUIRE(store.begin(first, Bytes{0}));
    auto checkpoint = described(first, branch.layer);
    checkpoint.has_memory = false;
    const auto taken = store.commit(checkpoint);
    BOOST_REQUIRE(taken);
    BOOST_TEST(taken->digests.size() == 1U);
    BOOST_TEST(store.find(first).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_missing_cut_or_changed_is_named)
{
    const auto layer = take(first).layer;
    const auto folder = layout.snapshot(first);
    for (const auto& file : {folder / "ram", folder / "device", folder / "domain.xml", layer}) {
        BOOST_TEST_CONTEXT(file)
        {
            const auto good = read(file);
            fs::remove(file);
            BOOST_TEST(names_damage(store.find(first), file));
            write(file, good.substr(0, good.size() - 1));
            BOOST_TEST(names_damage(store.find(first), file));
            auto other = good;
            other.back() = '!';
            write(file, other);
            BOOST_TEST(names_damage(store.find(first), file));
            BOOST_TEST(names_damage(store.find(first), file)); // From memory, too.
            std::vector<std::string> warnings;
            BOOST_TEST(store.list(warnings).empty());
            BOOST_TEST(warnings.size() == 1U);
            write(file, good);
            touch(file);
            BOOST_TEST(store.find(first).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_was_only_touched_is_digested_once)
{
    const auto layer = take(first).layer;
    const auto ram = layout.snapshot(first) / "ram";
    touch(ram);
    touch(layer);
    BOOST_REQUIRE(store.find(first));
    // Its new time stands in the manifest: with it, a forgery is not looked at.
    forge(ram);
    forge(layer);
    BOOST_TEST(store.find(first).has_value());
    BOOST_TEST(!store.verify(first));
}

BOOST_AUTO_TEST_CASE(verify_digests_each_file_and_each_layer_below)
{
    const auto below = take(first).layer;
    const auto layer = take(second).layer;
    const auto folder = layout.snapshot(second);
    BOOST_TEST(store.verify(second).has_value());
    for (const auto& file :
         {folder / "ram", folder / "device", folder / "domain.xml", layer, below}) {
        BOOST_TEST_CONTEXT(file)
        {
            const auto time = fs::last_write_time(file);
            forge(file);
            const auto verified = store.verify(second);
            BOOST_REQUIRE(!verified);
            BOOST_TEST(verified.error().reason == "checkpoint_damaged");
            BOOST_TEST(verified.error().message.find(file.string()) != std::string::npos);
            forge(file);
            fs::last_write_time(file, time);
            BOOST_TEST(store.verify(second).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_layer_stays_verifiable_when_its_checkpoint_is_gone)
{
    const auto below = take(first).layer;
    take(second);
    BOOST_REQUIRE(store.remove(first));
    BOOST_REQUIRE(store.remove(first));
    BOOST_TEST(!fs::exists(layout.snapshot(first)));
    BOOST_TEST(store.verify(second).has_value());
    write(below, read(below) + "more");
    BOOST_TEST(names_damage(store.find(second), below));
    fs::remove(below);
    BOOST_TEST(names_damage(store.find(second), below));
}

BOOST_AUTO_TEST_CASE(a_layer_that_nobody_digested_is_digested_by_the_next_checkpoint)
{
    const auto forgotten = branch_off().layer;
    take(first);
    forge(forgotten);
    BOOST_TEST(!store.verify(first));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_under_anothers_name_is_damaged)
{
    take(first);
    fs::rename(layout.snapshot(first), layout.snapshot(second));
    BOOST_TEST(names_damage(store.find(second), layout.snapshot(second)));
}

BOOST_AUTO_TEST_CASE(an_image_that_is_gone_is_damage)
{
    const auto layer = take(first).layer;
    fs::remove(image);
    BOOST_TEST(names_damage(store.find(first), image));
}

BOOST_AUTO_TEST_CASE(below_the_reserve_nothing_is_begun)
{
    const auto free = space_of(layout.root())->free;
    for (const auto& begun : {open(free + Bytes::gib(1)).begin(first, Bytes{0}),
                              store.begin(first, Bytes{~std::uint64_t{0}}),
                              store.begin_suspended(a, free + Bytes::gib(1))}) {
        BOOST_REQUIRE(!begun);
        BOOST_CHECK(begun.error().code == ErrorCode::resource_exhausted);
        BOOST_TEST(begun.error().reason == "disk_full");
    }
    BOOST_TEST(fs::is_empty(layout.snapshots()));
}

BOOST_AUTO_TEST_CASE(a_suspended_state_lies_with_its_sandbox)
{
    BOOST_TEST(!store.is_suspended(a));
    BOOST_TEST(store.drop_suspended(a).has_value());
    const auto files = store.begin_suspended(a, Bytes{6});
    BOOST_REQUIRE(files);
    fill(*files);
    BOOST_TEST(!store.is_suspended(a));
    BOOST_CHECK(store.begin_suspended(a, Bytes{6}).error().code == ErrorCode::already_exists);
    const auto kept = store.commit_suspended(described({}, {}));
    BOOST_REQUIRE(kept);
    BOOST_TEST(kept->files.memory == layout.suspended(a) / "ram");
    BOOST_TEST(store.is_suspended(a));
    BOOST_TEST(store.find_suspended(a).has_value());
    write(kept->files.device, "device!");
    BOOST_TEST(names_damage(store.find_suspended(a), kept->files.device));
    BOOST_TEST(store.drop_suspended(a).has_value());
    BOOST_TEST(!store.is_suspended(a));
    BOOST_TEST(!fs::exists(layout.suspended(a)));
    BOOST_CHECK(store.find_suspended(a).error().code == ErrorCode::not_found);
    BOOST_REQUIRE(store.begin_suspended(a, Bytes{6}));
    BOOST_TEST(store.drop_suspended(a).has_value()); // Also what was only begun.
    BOOST_TEST(store.begin_suspended(a, Bytes{6}).has_value());
}

BOOST_AUTO_TEST_CASE(each_mark_is_of_its_own_and_of_one_sandbox_and_may_be_set_and_taken_away_twice)
{
    make_sandbox(b);
    BOOST_TEST(store.mark_file_systems_frozen(a).has_value());
    BOOST_TEST(store.mark_file_systems_frozen(a).has_value());
    BOOST_TEST(store.are_file_systems_frozen(a));
    BOOST_TEST(!store.are_file_systems_frozen(b));
    BOOST_TEST(!store.is_moving(a));
    BOOST_TEST(store.mark_moving(a).has_value());
    store.unmark_file_systems_frozen(a);
    store.unmark_file_systems_frozen(a);
    BOOST_TEST(!store.are_file_systems_frozen(a));
    BOOST_TEST(store.is_moving(a));
    store.unmark_moving(a);
    BOOST_TEST(!store.is_moving(a));
    const auto nobody = common::mint<common::SandboxId>(); // Has no folder to put it in.
    BOOST_TEST(!store.mark_file_systems_frozen(nobody).has_value());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_dropped_is_not_being_written)
{
    BOOST_REQUIRE(store.begin_suspended(a, Bytes{0}));
    fs::create_directory(layout.suspended(a));
    make_unsyncable(layout.sandbox(a).folder);
    BOOST_TEST(!store.drop_suspended(a));
    fs::remove(layout.suspended(a));
    BOOST_TEST(store.begin_suspended(a, Bytes{0}).has_value());
}

BOOST_AUTO_TEST_CASE(a_suspended_state_of_another_sandbox_is_damaged)
{
    fill(*store.begin_suspended(a, Bytes{6}));
    BOOST_REQUIRE(store.commit_suspended(described({}, {})));
    make_sandbox(b);
    fs::rename(layout.suspended(a), layout.suspended(b));
    BOOST_TEST(names_damage(store.find_suspended(b), layout.suspended(b)));
}

BOOST_AUTO_TEST_SUITE_END()
