#pragma once

#include "hostd/core/blob.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/content_digest.hpp"
#include "tests/contract/hostd_storage/disks.hpp"

#include <nlohmann/json.hpp>

// A checkpoint goes from one state folder to another, as from host to host, by the real qemu-img.
namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

/// The host that checkpoints come to, with the image that they lie on.
struct Target {
    explicit Target(const fs::path& folder, Runner run) : layout{*Layout::make(folder)}, runner{run}
    {
        BOOST_REQUIRE(layout.make_folders());
    }
    [[nodiscard]] bool is_empty() const
    {
        return fs::is_empty(layout.snapshots()) && fs::is_empty(layout.layers());
    }
    Layout layout;
    Runner runner;
    DirCheckpointStore store{layout, runner, Bytes::mib(1)};
    DirSandboxStore sandboxes{layout, runner, Bytes::mib(1)};
};

struct Moving : Disks {
    const common::SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
    const common::SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};
    const common::SnapshotId first{"snp-aaaaaaaaaaaaaaaa"};
    const common::SnapshotId second{"snp-bbbbbbbbbbbbbbbb"};
    DirCheckpointStore store{layout, runner, Bytes::mib(1)};
    const fs::path original = disk("d.qcow2", "content");
    Image image = *add(request("tiny", original));
    fs::path top = sandboxes.create(a, image)->overlay;
    Target target{temp.path() / "elsewhere/with a longer name", runner};
    std::vector<std::string> came; ///< Digests of what was fetched, in order.

    Moving()
    {
        ImageRegistrar other{target.layout, runner};
        BOOST_REQUIRE(other.add(request("tiny", original), [](Bytes, Bytes) {}));
    }
    static void write(const fs::path& file, const std::string& pattern, const std::string& at)
    {
        must({"qemu-io", "-f", "qcow2", "-c", "write -P " + pattern + " " + at + " 64k", file});
    }
    /// With memory: a MiB, most of it a hole.
    Checkpoint take(const common::SnapshotId& snapshot, bool memory = true)
    {
        const auto branch = store.branch(a, top);
        BOOST_REQUIRE(branch);
        BOOST_REQUIRE(store.settle(*branch, top));
        top = branch->new_top;
        const auto files = store.begin(snapshot, Bytes{0});
        BOOST_REQUIRE(files);
        if (memory) {
            std::ofstream{files->memory, std::ios::binary} << snapshot.str();
            fs::resize_file(files->memory, std::size_t{1} << 20U);
            std::ofstream{files->device} << "devices of " << snapshot.str();
            std::ofstream{files->domain} << "<domain/>" << snapshot.str();
        }
        Checkpoint checkpoint;
        checkpoint.id = snapshot;
        checkpoint.name = "n";
        checkpoint.spec.id = a;
        checkpoint.spec.tenant = "red";
        checkpoint.spec.image = image.name;
        checkpoint.spec.memory = Bytes::mib(1);
        checkpoint.has_memory = memory;
        checkpoint.created_at = common::from_unix_us(1'700'000'000'000'000);
        checkpoint.layer = branch->layer;
        const auto taken = store.commit(checkpoint);
        BOOST_REQUIRE_MESSAGE(taken.has_value(), (taken ? "" : taken.error().message));
        return *taken;
    }
    CheckpointOffer offer(const common::SnapshotId& snapshot)
    {
        const auto offered = store.offer(snapshot);
        BOOST_REQUIRE_MESSAGE(offered.has_value(), (offered ? "" : offered.error().message));
        return *offered;
    }
    /// Piece by piece, as the coordinator passes them on.
    CheckpointStore::Fetch from(const common::SnapshotId& snapshot)
    {
        return [this, snapshot](const BlobRef& file,
                                const CheckpointStore::Sink& sink) -> Result<> {
            constexpr std::uint32_t piece = 100'000; // Of no use to any block.
            came.push_back(file.digest);
            for (std::uint64_t at = 0; at < file.size.count();) {
                COMMON_TRY(const auto bytes, store.read_piece(snapshot, file.digest, at, piece));
                COMMON_CHECK(sink(bytes));
                at += bytes.size();
            }
            return {};
        };
    }
    Result<Checkpoint> move(const common::SnapshotId& snapshot)
    {
        return target.store.fetch(a, snapshot, offer(snapshot), from(snapshot));
    }
    Checkpoint moved(const common::SnapshotId& snapshot)
    {
        auto done = move(snapshot);
        BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
        return *std::move(done);
    }
    /// Nothing of it is asked for, and nothing of it is left.
    void is_refused(const CheckpointOffer& bad, const std::string& reason = "offer_refused")
    {
        came.clear();
        const auto refused = target.store.fetch(a, first, bad, from(first));
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().stable_reason() == reason, refused.error().message);
        BOOST_TEST(came.empty());
        BOOST_TEST(target.is_empty());
    }
    template <typename Change>
    void is_refused_with(Change change)
    {
        auto changed = offer(first);
        change(changed);
        is_refused(changed);
    }
    template <typename Change>
    void is_refused_with_manifest(Change change)
    {
        auto changed = offer(first);
        auto manifest = nlohmann::json::parse(changed.manifest);
        change(manifest);
        changed.manifest = manifest.dump();
        is_refused(changed);
    }
    /// The lowest layer of the first checkpoint is another file, which the offer tells the truth
    /// of.
    std::string reason_with_layer(const fs::path& file)
    {
        auto changed = offer(first);
        auto& layer = changed.files.front();
        layer.digest = *content_digest(file);
        layer.size = Bytes{fs::file_size(file)};
        auto manifest = nlohmann::json::parse(changed.manifest);
        manifest["layer_sha256"] = layer.digest;
        changed.manifest = manifest.dump();
        const auto got = target.store.fetch(
            a, first, changed, [&](const BlobRef& blob, const CheckpointStore::Sink& sink) {
                return blob.digest == layer.digest ? sink(content(file)) : from(first)(blob, sink);
            });
        BOOST_REQUIRE(!got);
        BOOST_TEST(target.is_empty());
        return std::string{got.error().stable_reason()};
    }
    static void are_equal(const fs::path& one, const fs::path& other)
    {
        must({"qemu-img", "compare", "-q", "-f", "qcow2", "-F", "qcow2", one, other});
    }
    std::size_t count_of_layers() const { return layers_in(target.layout)->size(); }
};

} // namespace hostd::storage
