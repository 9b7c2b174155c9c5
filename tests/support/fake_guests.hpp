#pragma once

#include "common/mutex.hpp"
#include "hostd/core/guests.hpp"

#include <map>
#include <set>

namespace tests {

/// Guests without guests: a test says hello for them and ends their execs. Keeps
/// the port's promises about repeats. Any thread.
class FakeGuests final : public hostd::Guests {
public:
    void observe(Observer observer) override { observer_ = std::move(observer); }

    void attach(const common::SandboxId& id,
                const std::filesystem::path&,
                hostd::GuestIdentity identity) override
    {
        bool hello = false;
        {
            const common::MutexLock lock{mutex_};
            attached_.insert_or_assign(id, std::move(identity));
            hello = say_hello_;
        }
        if (hello) {
            ready(id);
        }
    }
    void detach(const common::SandboxId& id, std::optional<common::Error> why) override
    {
        std::vector<Completion> ended;
        {
            const common::MutexLock lock{mutex_};
            attached_.erase(id);
            paused_.erase(id);
            ready_.erase(id);
            frozen_.erase(id);
            std::erase_if(waiting_, [&](auto& entry) {
                if (entry.second.sandbox != id) {
                    return false;
                }
                ended.push_back(std::move(entry.second.done));
                return true;
            });
        }
        for (const auto& done : ended) {
            done(why.value_or(
                common::Error{common::ErrorCode::timeout, "it is gone", "outcome_unknown"}));
        }
    }
    void freeze(const common::SandboxId& id, Frozen done) override
    {
        bool still = false;
        {
            const common::MutexLock lock{mutex_};
            still = freezes_ && ready_.contains(id) && !paused_.contains(id);
            if (still) {
                frozen_.insert(id);
                ++frozen_times_[id];
            }
        }
        if (still) {
            return done(std::chrono::microseconds{1000});
        }
        done(common::Error{common::ErrorCode::unavailable, "it goes on", "guest_not_frozen"});
    }
    void thaw(const common::SandboxId& id) override
    {
        const common::MutexLock lock{mutex_};
        frozen_.erase(id);
    }
    void become(const common::SandboxId& id, hostd::GuestIdentity identity) override
    {
        bool hello = false;
        {
            const common::MutexLock lock{mutex_};
            attached_.insert_or_assign(id, std::move(identity));
            paused_.erase(id);
            frozen_.erase(id);
            hello = say_hello_;
        }
        if (hello) {
            ready(id);
        }
    }
    void pause(const common::SandboxId& id) override
    {
        const common::MutexLock lock{mutex_};
        paused_.insert(id);
    }
    void resume(const common::SandboxId& id) override
    {
        const common::MutexLock lock{mutex_};
        paused_.erase(id);
        frozen_.erase(id); // It becomes who it is, which thaws.
    }
    void exec(const common::SandboxId& id, hostd::ExecSpec exec, Completion done) override
    {
        {
            const common::MutexLock lock{mutex_};
            if (ready_.contains(id)) {
                ++execs_[exec.operation];
                if (!answer_execs_) {
                    waiting_[exec.operation] = {id, std::move(done)};
                    return;
                }
            } else {
                exec.shell.clear();
            }
        }
        if (exec.shell.empty()) {
            return done(
                common::Error{common::ErrorCode::unavailable, "no session", "agent_not_ready"});
        }
        hostd::ExecOutcome outcome;
        outcome.stdout_bytes = exec.shell;
        done(outcome);
    }
    void observe_readers(ReaderObserver observer) override { readers_ = std::move(observer); }
    void open_reader(const common::SandboxId&,
                     const hostd::ExecReader& reader,
                     std::uint64_t,
                     std::uint32_t) override
    {
        readers_({reader, hostd::ReaderNews::Kind::gone, false, 0, {}});
    }
    void grant_reader(const common::SandboxId&, const hostd::ExecReader&, std::uint32_t) override {}
    void close_reader(const common::SandboxId&, const hostd::ExecReader&) override {}
    void watch_output(const common::SandboxId& id, hostd::OutputWatch watch) override
    {
        const common::MutexLock lock{mutex_};
        watched_.insert_or_assign(id, std::move(watch));
    }
    void unwatch_output(const common::SandboxId& id, std::uint64_t number) override
    {
        const common::MutexLock lock{mutex_};
        if (watched_.contains(id) && watched_.at(id).number == number) {
            watched_.erase(id);
        }
    }
    void close_readers() override {}
    void input(const common::SandboxId& id,
               const common::OperationId&,
               hostd::ExecInput,
               Taken done) override
    {
        done(common::Error{
            common::ErrorCode::not_found, id.str() + " runs no such", "no_such_exec"});
    }
    void acknowledge(const common::SandboxId&, const common::OperationId& operation) override
    {
        const common::MutexLock lock{mutex_};
        acknowledged_.insert(operation);
    }
    common::Result<> request_shutdown(const common::SandboxId& id) override
    {
        const common::MutexLock lock{mutex_};
        if (!ready_.contains(id)) {
            return common::Error{common::ErrorCode::unavailable, "no session", "agent_not_ready"};
        }
        shut_down_.insert(id);
        return {};
    }

    /// The agent of `id` says hello.
    void ready(const common::SandboxId& id)
    {
        {
            const common::MutexLock lock{mutex_};
            ready_.insert(id);
        }
        hostd::GuestEvent event{};
        event.kind = hostd::GuestEvent::Kind::ready;
        event.sandbox = id;
        event.boot_id = "boot";
        observer_(event);
    }
    void addresses(const common::SandboxId& id, std::vector<std::string> list)
    {
        hostd::GuestEvent event{};
        event.kind = hostd::GuestEvent::Kind::addresses;
        event.sandbox = id;
        event.addresses = std::move(list);
        observer_(event);
    }
    /// Whether an attached guest says hello by itself; it does from the start.
    void say_hello(bool yes)
    {
        const common::MutexLock lock{mutex_};
        say_hello_ = yes;
    }
    /// Whether an exec ends by itself, echoing its line.
    void answer_execs(bool yes)
    {
        const common::MutexLock lock{mutex_};
        answer_execs_ = yes;
    }
    /// Ends the exec that waits.
    void finish(const common::OperationId& operation, common::Result<hostd::ExecOutcome> outcome)
    {
        Completion done;
        {
            const common::MutexLock lock{mutex_};
            done = std::move(waiting_.at(operation).done);
            waiting_.erase(operation);
        }
        done(std::move(outcome));
    }
    [[nodiscard]] unsigned execs(const common::OperationId& operation)
    {
        const common::MutexLock lock{mutex_};
        return execs_[operation];
    }
    [[nodiscard]] bool attached(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return attached_.contains(id);
    }
    [[nodiscard]] bool paused(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return paused_.contains(id);
    }
    /// Whether its agent can make a guest stand still; it can from the start.
    void freezes(bool yes)
    {
        const common::MutexLock lock{mutex_};
        freezes_ = yes;
    }
    [[nodiscard]] bool frozen(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return frozen_.contains(id);
    }
    [[nodiscard]] unsigned frozen_times(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return frozen_times_[id];
    }
    /// Who the attached guest was told to be.
    [[nodiscard]] hostd::GuestIdentity identity(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return attached_.at(id);
    }
    [[nodiscard]] bool was_shut_down(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return shut_down_.contains(id);
    }
    /// Who watches its live execs.
    [[nodiscard]] std::optional<hostd::OutputWatch> watched(const common::SandboxId& id)
    {
        const common::MutexLock lock{mutex_};
        return watched_.contains(id) ? std::optional{watched_.at(id)} : std::nullopt;
    }
    [[nodiscard]] bool acknowledged(const common::OperationId& operation)
    {
        const common::MutexLock lock{mutex_};
        return acknowledged_.contains(operation);
    }

private:
    struct Waiting {
        common::SandboxId sandbox;
        Completion done;
    };

    Observer observer_;
    ReaderObserver readers_;
    common::Mutex mutex_;
    bool say_hello_ GUARDED_BY(mutex_) = true;
    bool freezes_ GUARDED_BY(mutex_) = true;
    std::set<common::SandboxId> frozen_ GUARDED_BY(mutex_);
    std::map<common::SandboxId, unsigned> frozen_times_ GUARDED_BY(mutex_);
    bool answer_execs_ GUARDED_BY(mutex_) = true;
    std::map<common::SandboxId, hostd::GuestIdentity> attached_ GUARDED_BY(mutex_);
    std::set<common::SandboxId> paused_ GUARDED_BY(mutex_);
    std::set<common::SandboxId> ready_ GUARDED_BY(mutex_);
    std::set<common::SandboxId> shut_down_ GUARDED_BY(mutex_);
    std::set<common::OperationId> acknowledged_ GUARDED_BY(mutex_);
    std::map<common::SandboxId, hostd::OutputWatch> watched_ GUARDED_BY(mutex_);
    std::map<common::OperationId, unsigned> execs_ GUARDED_BY(mutex_);
    std::map<common::OperationId, Waiting> waiting_ GUARDED_BY(mutex_);
};

} // namespace tests
