#pragma once

#include "coordinator/core/live_execs.hpp"

#include <atomic>
#include <mutex>
#include <vector>

namespace test_support {

/// One live exec, whose feed the test fills.
class FakeLiveExecs final : public coordinator::LiveExecs {
public:
    FakeLiveExecs()
    {
        record.id = common::mint<common::CommandId>();
        record.command = "cat";
        record.user = "sandbox";
        record.status = "running";
        record.mode = coordinator::CommandMode::live_stdin;
        feed = std::make_shared<coordinator::ExecFeed>(
            record,
            coordinator::ExecFeed::Ways{[this](const coordinator::ExecEvent& event) {
                                            if (const auto* output =
                                                    std::get_if<coordinator::ExecOutput>(&event)) {
                                                taken += output->data.size();
                                            }
                                        },
                                        [this] { closed = true; }});
    }
    common::Result<coordinator::Command> begin(const coordinator::Caller&,
                                               const common::SandboxId&,
                                               coordinator::LiveRequest request) override
    {
        const std::scoped_lock lock{mutex_};
        begun_.push_back(std::move(request));
        return record;
    }
    common::Result<std::vector<coordinator::Command>> list(const coordinator::Caller&,
                                                           const common::SandboxId&) override
    {
        return std::vector{record};
    }
    common::Result<std::shared_ptr<coordinator::ExecFeed>> read(const coordinator::Caller&,
                                                                const common::SandboxId&,
                                                                const common::CommandId&,
                                                                std::uint64_t from) override
    {
        read_from = from;
        return feed;
    }
    void is_not_blocked(const common::CommandId&) override { not_blocked = true; }
    void receives(const common::CommandId&) override { receiving = true; }
    common::Result<coordinator::OutputWatch> watch(const coordinator::Caller&,
                                                   const common::SandboxId&) override
    {
        return coordinator::OutputWatch{watched, watched_running};
    }
    common::Result<> input(const coordinator::Caller&,
                           const common::SandboxId&,
                           const common::CommandId&,
                           coordinator::LiveInput given) override
    {
        const std::scoped_lock lock{mutex_};
        inputs_.push_back(std::move(given));
        return {};
    }

    coordinator::Command record;
    std::shared_ptr<coordinator::ExecFeed> feed;
    std::atomic<bool> watch_closed{false};
    std::shared_ptr<coordinator::WatchFeed> watched =
        coordinator::WatchFeed::make([this] { watch_closed = true; });
    std::set<common::CommandId> watched_running;
    std::atomic<std::uint64_t> taken{0};
    std::atomic<bool> closed{false};
    std::atomic<bool> not_blocked{false};
    std::atomic<bool> receiving{false};
    std::atomic<std::uint64_t> read_from{0};
    std::vector<coordinator::LiveInput> inputs()
    {
        const std::scoped_lock lock{mutex_};
        return inputs_;
    }
    std::vector<coordinator::LiveRequest> begun()
    {
        const std::scoped_lock lock{mutex_};
        return begun_;
    }

private:
    std::mutex mutex_;
    std::vector<coordinator::LiveInput> inputs_;
    std::vector<coordinator::LiveRequest> begun_;
};

} // namespace test_support
