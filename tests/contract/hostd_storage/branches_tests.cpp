#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "tests/contract/hostd_storage/disks.hpp"

#include <csignal>
#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::storage;
using common::Bytes;

namespace {

/// A sandbox on an image; what it writes is written by qemu-io.
struct Branches : Disks {
    const common::SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
    const common::SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};
    const common::SnapshotId snapshot{"snp-aaaaaaaaaaaaaaaa"};
    DirCheckpointStore store{layout, runner, Bytes::mib(1)};
    Image image = *add(request("tiny", disk("d.qcow2", "content")));
    fs::path top = sandboxes.create(a, image)->overlay;

    static void write(const fs::path& file, const std::string& pattern, const std::string& at)
    {
        must({"qemu-io", "-f", "qcow2", "-c", "write -P " + pattern + " " + at + " 64k", file});
    }
    static void reads(const fs::path& file, const std::string& pattern, const std::string& at)
    {
        const auto read = common::process::run({{"qemu-io",
                                                 "-r",
                                                 "-f",
                                                 "qcow2",
                                                 "-c",
                                                 "read -P " + pattern + " " + at + " 64k",
                                                 file}});
        BOOST_REQUIRE(read);
        BOOST_TEST(read->status == 0);
        BOOST_TEST(read->out.find("verification failed") == std::string::npos);
    }
    fs::path branch_off()
    {
        const auto branch = store.branch(a, top);
        BOOST_REQUIRE_MESSAGE(branch.has_value(), (branch ? "" : branch.error().message));
        BOOST_REQUIRE(store.settle(*branch, top));
        top = branch->new_top;
        return branch->layer;
    }
    /// Of the disk alone.
    Checkpoint take()
    {
        Checkpoint checkpoint;
        checkpoint.id = snapshot;
        checkpoint.spec.id = a;
        checkpoint.spec.image = image.name;
        checkpoint.layer = branch_off();
        BOOST_REQUIRE(store.begin(snapshot, Bytes{0}));
        const auto taken = store.commit(checkpoint);
        BOOST_REQUIRE_MESSAGE(taken.has_value(), (taken ? "" : taken.error().message));
        return *taken;
    }
};

/// Holds a disk open for writing as QEMU does, with QEMU's locks, until it is destroyed.
class Holder {
public:
    Holder(const fs::path& file, const fs::path& folder)
    {
        const auto socket = "--export=type=nbd,id=e,node-name=n,writable=on";
        const auto server = "--nbd-server=addr.type=unix,addr.path=" + (folder / "nbd").string();
        const auto node =
            "--blockdev=driver=qcow2,node-name=n,file.driver=file,file.filename=" + file.string();
        const auto pid_file = folder / "pid";
        const auto pid_option = "--pidfile=" + pid_file.string();
        // With --daemonize the call returns once the disk is open and its locks are held.
        Disks::must({"qemu-storage-daemon", "--daemonize", node, server, socket, pid_option});
        std::ifstream{pid_file} >> pid_;
        BOOST_REQUIRE(pid_ > 1);
    }
    ~Holder() { ::kill(pid_, SIGKILL); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

private:
    pid_t pid_ = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(branches_tests, Branches)

BOOST_AUTO_TEST_CASE(a_branch_is_made_while_qemu_writes_to_the_top)
{
    write(top, "0x11", "0");
    const Holder holder{top, temp.path()};
    // Its lock is real: nobody else may write.
    const auto locked =
        common::process::run({{"qemu-io", "-f", "qcow2", "-c", "write -P 0x22 0 64k", top}});
    BOOST_REQUIRE(locked);
    BOOST_TEST(locked->status != 0);
    const auto branch = store.branch(a, top);
    BOOST_REQUIRE_MESSAGE(branch.has_value(), (branch ? "" : branch.error().message));
    BOOST_TEST(store.unbranch(*branch).has_value());
    BOOST_TEST(store.branch(a, top).has_value());
}

BOOST_AUTO_TEST_CASE(qemu_reads_an_overlay_of_ours_as_we_mean_it)
{
    const auto layer = branch_off();
    const auto info = nlohmann::json::parse(*run_qemu_img(runner, inspect(top)));
    BOOST_TEST(info["backing-filename"] == layer.string());
    BOOST_TEST(info["backing-filename-format"] == "qcow2");
    BOOST_TEST(info["virtual-size"] == image.virtual_size.count());
    const auto header = read_qcow2_header(top);
    BOOST_REQUIRE(header);
    BOOST_TEST(header->backing == layer);
    BOOST_TEST(header->virtual_bytes == image.virtual_size.count());
    const auto chain = chain_of(layout, top);
    BOOST_REQUIRE(chain);
    BOOST_TEST((*chain == std::vector{top, layer, image.disk}));
}

BOOST_AUTO_TEST_CASE(what_is_written_after_a_branch_is_not_in_the_layer_nor_in_a_clone)
{
    write(top, "0x11", "0");
    write(top, "0x11", "64k");
    const auto taken = take();
    write(top, "0x22", "0");
    BOOST_REQUIRE(sandboxes.create_empty(b));
    const auto clone = store.overlay_on(b, taken.layer);
    BOOST_REQUIRE(clone);
    reads(*clone, "0x11", "0");
    write(*clone, "0x33", "64k");
    reads(*clone, "0x33", "64k");
    reads(top, "0x22", "0");
    reads(top, "0x11", "64k");
    BOOST_TEST(store.verify(snapshot).has_value());
    // And restored in its own folder.
    const auto restored = store.overlay_on(a, taken.layer);
    BOOST_REQUIRE(restored);
    reads(*restored, "0x11", "0");
    reads(*restored, "0x11", "64k");
}

BOOST_AUTO_TEST_CASE(a_chain_of_many_layers_holds_what_each_of_them_wrote)
{
    for (int layer = 0; layer < 5; ++layer) {
        write(top, std::to_string(layer + 1), std::to_string(64 * layer) + "k");
        branch_off();
    }
    for (int layer = 0; layer < 5; ++layer) {
        reads(top, std::to_string(layer + 1), std::to_string(64 * layer) + "k");
    }
    BOOST_TEST(chain_of(layout, top)->size() == 7U);
    must({"qemu-img", "check", "-q", "-f", "qcow2", top});
}

BOOST_AUTO_TEST_CASE(a_layer_that_somebody_wrote_to_is_refused)
{
    write(top, "0x11", "0");
    const auto taken = take();
    BOOST_REQUIRE(store.find(snapshot));
    write(taken.layer, "0x22", "0");
    const auto found = store.find(snapshot);
    BOOST_REQUIRE(!found);
    BOOST_TEST(found.error().reason == "checkpoint_damaged");
    BOOST_TEST(found.error().message.find(taken.layer.string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(sweeping_spares_what_a_sibling_reads)
{
    write(top, "0x11", "0");
    const auto taken = take();
    BOOST_REQUIRE(sandboxes.create_empty(b));
    const auto clone = *store.overlay_on(b, taken.layer);
    BOOST_REQUIRE(store.remove(snapshot));
    BOOST_REQUIRE(sandboxes.remove(a));
    const auto kept = store.sweep({clone}, {b});
    BOOST_REQUIRE(kept);
    BOOST_TEST(kept->files == 0U);
    BOOST_TEST(kept->kept.empty());
    reads(clone, "0x11", "0");
    BOOST_REQUIRE(sandboxes.remove(b));
    BOOST_TEST(store.sweep({}, {})->files == 2U);
    BOOST_TEST(fs::is_empty(layout.layers()));
}

BOOST_AUTO_TEST_CASE(an_image_below_a_layer_is_in_use)
{
    take();
    BOOST_REQUIRE(sandboxes.remove(a));
    BOOST_REQUIRE(store.sweep({}, {}));
    BOOST_TEST(registrar.remove(image.name).error().reason == "image_in_use");
    BOOST_REQUIRE(store.remove(snapshot));
    BOOST_REQUIRE(store.sweep({}, {}));
    BOOST_TEST(registrar.remove(image.name).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
