#pragma once

#include "tests/unit/hostd_core/host_fakes.hpp"

namespace tests {

/// Checkpoints in a HostWorld.
class WorldCheckpoints final : public hostd::CheckpointStore {
public:
    explicit WorldCheckpoints(HostWorld& world) : world_{world} {}

    common::Result<hostd::StateFiles> begin(const common::SnapshotId& id, common::Bytes) override
    {
        COMMON_CHECK(world_.step("begin", {}, [&] { world_.drafts.insert(id.str()); }));
        return hostd::StateFiles{"/snapshots/" + id.str(), {}, {}, {}};
    }
    void discard(const common::SnapshotId& id) override
    {
        static_cast<void>(world_.step("discard", {}, [&] { world_.drafts.erase(id.str()); }));
    }
    common::Result<hostd::Checkpoint> commit(hostd::Checkpoint checkpoint) override
    {
        COMMON_CHECK(world_.step("commit", checkpoint.spec.id, [&] {
            world_.drafts.erase(checkpoint.id.str());
            world_.checkpoints[checkpoint.id] = checkpoint;
        }));
        return checkpoint;
    }
    common::Result<hostd::Branch> branch(const common::SandboxId& id,
                                         const std::filesystem::path&) override
    {
        COMMON_CHECK(world_.step("branch", id, [&] { ++branches; }));
        return hostd::Branch{"/layers/" + std::to_string(branches),
                             "/sandboxes/" + id.str() + "/top" + std::to_string(branches)};
    }
    common::Result<> unbranch(const hostd::Branch&) override
    {
        return world_.step("unbranch", {}, [&] { --branches; });
    }
    void leave(const hostd::Branch&) override { static_cast<void>(world_.step("leave", {})); }
    common::Result<> settle(const hostd::Branch&, const std::filesystem::path&) override
    {
        return world_.step("settle", {});
    }
    common::Result<std::filesystem::path> overlay_on(const common::SandboxId& sandbox,
                                                     const std::filesystem::path& layer) override
    {
        COMMON_CHECK(world_.step("overlay_on", sandbox));
        return std::filesystem::path{"/sandboxes/" + sandbox.str() + "/on" + layer.string()};
    }
    common::Result<hostd::Checkpoint> find(const common::SnapshotId& id) const override
    {
        COMMON_CHECK(world_.step("find_checkpoint", {}));
        return world_.locked([&]() -> common::Result<hostd::Checkpoint> {
            const auto found = world_.checkpoints.find(id);
            if (found == world_.checkpoints.end()) {
                return common::Error{common::ErrorCode::not_found, "no checkpoint"};
            }
            return found->second;
        });
    }
    std::vector<hostd::Checkpoint> list(std::vector<std::string>&) const override
    {
        return world_.locked([&] {
            std::vector<hostd::Checkpoint> all;
            for (const auto& [id, checkpoint] : world_.checkpoints) {
                all.push_back(checkpoint);
            }
            return all;
        });
    }
    common::Result<> verify(const common::SnapshotId&) const override
    {
        return world_.step("verify", {});
    }
    /// One file, of what world.offered says.
    common::Result<hostd::CheckpointOffer> offer(const common::SnapshotId& id) const override
    {
        COMMON_CHECK(world_.step("offer", {}));
        return world_.locked([&] {
            return hostd::CheckpointOffer{id.str(),
                                          {{"ram", "d1", common::Bytes{world_.offered.size()}}}};
        });
    }
    common::Result<std::string> read_piece(const common::SnapshotId&,
                                           const std::string&,
                                           std::uint64_t offset,
                                           std::uint32_t size) const override
    {
        COMMON_CHECK(world_.step("read_piece", {}));
        return world_.locked([&]() -> common::Result<std::string> {
            if (offset >= world_.offered.size()) {
                return common::Error{common::ErrorCode::not_found, "nothing there"};
            }
            return world_.offered.substr(offset, size);
        });
    }
    /// What came is the new one's name.
    common::Result<hostd::Checkpoint> fetch(const common::SandboxId& sandbox,
                                            const common::SnapshotId& id,
                                            const hostd::CheckpointOffer& offer,
                                            const Fetch& fetch) override
    {
        if (auto there = find(id)) {
            return there;
        }
        hostd::Checkpoint checkpoint;
        checkpoint.id = id;
        checkpoint.spec.id = sandbox;
        for (const auto& file : offer.files) {
            COMMON_CHECK(
                fetch({file.digest, file.size}, [&](std::string_view bytes) -> common::Result<> {
                    checkpoint.name += bytes;
                    return {};
                }));
        }
        COMMON_CHECK(world_.step("fetch", sandbox, [&] { world_.checkpoints[id] = checkpoint; }));
        return checkpoint;
    }
    common::Result<> remove(const common::SnapshotId& id) override
    {
        return world_.step("remove_checkpoint", {}, [&] { world_.checkpoints.erase(id); });
    }
    common::Result<hostd::StateFiles> begin_suspended(const common::SandboxId& id,
                                                      common::Bytes) override
    {
        COMMON_CHECK(world_.step("begin_suspended", id, [&] { world_.drafts.insert(id.str()); }));
        return hostd::StateFiles{"/suspended/" + id.str(), {}, {}, {}};
    }
    common::Result<hostd::Checkpoint> commit_suspended(hostd::Checkpoint checkpoint) override
    {
        const auto id = checkpoint.spec.id;
        COMMON_CHECK(world_.step("commit_suspended", id, [&] {
            world_.drafts.erase(id.str());
            world_.suspended[id] = checkpoint;
        }));
        return checkpoint;
    }
    common::Result<hostd::Checkpoint> find_suspended(const common::SandboxId& id) const override
    {
        COMMON_CHECK(world_.step("find_suspended", id));
        return world_.locked([&]() -> common::Result<hostd::Checkpoint> {
            const auto found = world_.suspended.find(id);
            if (found == world_.suspended.end()) {
                return common::Error{common::ErrorCode::not_found, "not suspended"};
            }
            return found->second;
        });
    }
    bool is_suspended(const common::SandboxId& id) const override
    {
        return world_.locked([&] { return world_.suspended.contains(id); });
    }
    common::Result<> drop_suspended(const common::SandboxId& id) override
    {
        return world_.step("drop_suspended", {}, [&] {
            world_.suspended.erase(id);
            world_.drafts.erase(id.str());
        });
    }
    common::Result<hostd::Chain> chain_below(const std::filesystem::path&) const override
    {
        COMMON_CHECK(world_.step("chain_below", {}));
        return world_.locked([&] { return hostd::Chain{world_.depth, "/images/tiny", {}}; });
    }
    common::Result<> has_room(common::Bytes) const override { return world_.step("has_room", {}); }
    common::Result<std::string> look_of(const std::filesystem::path& top) const override
    {
        COMMON_CHECK(world_.step("look_of", {}));
        return world_.locked([&] { return top.string() + " " + std::to_string(world_.written); });
    }
    common::Result<> mark_moving(const common::SandboxId& id) override
    {
        return world_.step("mark", {}, [&] { world_.moving.insert(id); });
    }
    void unmark_moving(const common::SandboxId& id) override
    {
        world_.locked([&] { return world_.moving.erase(id); });
    }
    bool is_moving(const common::SandboxId& id) const override
    {
        return world_.locked([&] { return world_.moving.contains(id); });
    }
    common::Result<> mark_file_systems_frozen(const common::SandboxId& id) override
    {
        return world_.step("mark_disk", {}, [&] { world_.disk_marks.insert(id); });
    }
    void unmark_file_systems_frozen(const common::SandboxId& id) override
    {
        world_.locked([&] { return world_.disk_marks.erase(id); });
    }
    bool are_file_systems_frozen(const common::SandboxId& id) const override
    {
        return world_.locked([&] { return world_.disk_marks.contains(id); });
    }
    common::Result<hostd::Swept> sweep(const std::set<std::filesystem::path>& tops,
                                       const std::set<common::SandboxId>&) override
    {
        swept_tops = tops.size(); // Who has waited for the step, or seen the count, sees this.
        ++sweeps;
        COMMON_CHECK(world_.step("sweep", {}));
        hostd::Swept swept;
        swept.again = world_.locked([&] { return world_.unremovable > 0 && world_.unremovable--; });
        return swept;
    }

    std::atomic<int> branches{0};
    std::atomic<std::size_t> swept_tops{0};
    std::atomic<unsigned> sweeps{0};

private:
    HostWorld& world_;
};

/// The one engine of a HostWorld, `fast`.
class WorldEngine final : public hostd::StateEngine, public hostd::StateEngines {
public:
    explicit WorldEngine(HostWorld& world) : world_{world} {}

    common::Result<hostd::StateEngine*> current() override
    {
        return world_.locked([&]() -> common::Result<hostd::StateEngine*> {
            if (!world_.engine_known) {
                return common::Error{
                    common::ErrorCode::unavailable, "being tried", "engine_starting"};
            }
            return this;
        });
    }
    common::Result<hostd::StateEngine*> of(hostd::EngineKind kind) override
    {
        if (kind != hostd::EngineKind::fast) {
            return common::Error{
                common::ErrorCode::failed_precondition, "not here", "state_incompatible"};
        }
        return this;
    }
    hostd::EngineKind kind() const noexcept override { return hostd::EngineKind::fast; }

    hostd::Captured capture(const hostd::CaptureRequest& request) override
    {
        using hostd::CaptureRequest;
        hostd::Captured captured;
        captured.paused = std::chrono::milliseconds{100};
        // The disk comes first, and stays branched when the memory fails.
        if (request.new_top) {
            if (auto branched = world_.step("capture_disk",
                                            request.id,
                                            [&] { world_.tops[request.id] = *request.new_top; });
                !branched) {
                captured.error = std::move(branched).error();
                captured.unsure = captured.error->code == common::ErrorCode::unavailable;
                return captured;
            }
            captured.branched = true;
        }
        auto done = world_.step("capture", request.id, [&] {
            if (request.then == CaptureRequest::Then::stay_paused) {
                world_.domains.at(request.id).state = hostd::DomainState::paused;
            }
        });
        if (!done) {
            captured.error = std::move(done).error();
        }
        return captured;
    }
    common::Result<> load(const hostd::LoadRequest& request) override
    {
        return world_.step("load", request.domain.sandbox.id, [&] { put(request); });
    }
    common::Result<> replace(const hostd::LoadRequest& request) override
    {
        const auto& id = request.domain.sandbox.id;
        return world_.step("replace", id, [&] {
            world_.older[id] = world_.domains.at(id);
            world_.older[id].state = hostd::DomainState::paused;
            put(request);
        });
    }

private:
    void put(const hostd::LoadRequest& request)
    {
        const auto& id = request.domain.sandbox.id;
        world_.domains[id] = request.domain;
        world_.domains[id].state = hostd::DomainState::running;
        world_.tops[id] = request.domain.files.overlay;
        world_.have_run.insert(id);
        world_.loaded_from[id] = request.files.folder.string();
    }
    HostWorld& world_;
};

class RecordingUplink final : public hostd::Uplink {
public:
    void answer(hostd::Answer answer) override { answers.add(std::move(answer)); }
    void status(hostd::SandboxStatus status) override { statuses.add(std::move(status)); }
    void inventory(std::vector<hostd::SandboxStatus> all,
                   std::vector<hostd::Checkpoint> checkpoints) override
    {
        {
            const std::scoped_lock lock{mutex_};
            checkpoints_ = std::move(checkpoints);
        }
        inventories.add(std::move(all));
    }
    void activity(std::vector<common::SandboxId> active) override
    {
        activities.add(std::move(active));
    }
    void reader_news(hostd::ReaderNews one) override { news.add(std::move(one)); }
    void want_piece(hostd::PieceWish wish) override { wishes.add(std::move(wish)); }
    void give_piece(hostd::Piece piece) override { given.add(std::move(piece)); }
    std::vector<hostd::Checkpoint> checkpoints()
    {
        const std::scoped_lock lock{mutex_};
        return checkpoints_;
    }

    Arrivals<hostd::Answer> answers;
    Arrivals<hostd::SandboxStatus> statuses;
    Arrivals<std::vector<hostd::SandboxStatus>> inventories;
    Arrivals<std::vector<common::SandboxId>> activities;
    Arrivals<hostd::ReaderNews> news;
    Arrivals<hostd::PieceWish> wishes;
    Arrivals<hostd::Piece> given;

private:
    std::mutex mutex_;
    std::vector<hostd::Checkpoint> checkpoints_; ///< Of the last inventory.
};

class WorldNetwork final : public hostd::Network {
public:
    explicit WorldNetwork(HostWorld& world) : world_{world} {}
    common::Result<> ensure(const std::vector<hostd::NetLease>& in_use) override
    {
        return world_.step("ensure", {}, [&] { ensured = in_use.size(); });
    }
    common::Result<hostd::NetLease> allocate(const common::SandboxId& id,
                                             hostd::NetworkMode) override
    {
        const auto n = ++last_;
        hostd::NetLease lease{"paddock",
                              "52:54:00:00:00:" + std::to_string(10 + n),
                              "10.0.0." + std::to_string(n),
                              "pd" + std::to_string(n)};
        COMMON_CHECK(world_.step("network", id, [&] { world_.leases[id] = lease; }));
        return lease;
    }
    common::Result<hostd::NetLease> add_tap(const hostd::NetLease& lease,
                                            std::uint64_t incarnation) override
    {
        auto second = lease;
        second.tap += "." + std::to_string(incarnation);
        COMMON_CHECK(world_.step("add_tap", {}, [&] {
            world_.taps.insert(lease.tap);
            world_.taps.insert(second.tap);
        }));
        return second;
    }
    common::Result<> forget_tap(const hostd::NetLease& lease) override
    {
        return world_.step("forget_tap", {}, [&] { world_.taps.erase(lease.tap); });
    }
    common::Result<> release(const hostd::NetLease& lease) override
    {
        return world_.step("release", {}, [&] {
            std::erase_if(world_.leases,
                          [&](const auto& held) { return held.second.mac == lease.mac; });
            world_.taps.erase(lease.tap);
        });
    }
    common::Result<> tell_dhcp() override
    {
        return world_.step("tell_dhcp", {}, [&] { ++told; });
    }
    common::Result<std::string> observed_ip(const hostd::NetLease& lease) const override
    {
        return world_.locked([&] { return world_.ips[lease.mac]; });
    }
    std::string cidr() const override { return "10.0.0.0/24"; }

    std::atomic<std::size_t> ensured{0};
    std::atomic<unsigned> told{0};

private:
    HostWorld& world_;
    std::atomic<unsigned> last_{0};
};

} // namespace tests
