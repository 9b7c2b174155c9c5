#pragma once

#include "common/mutex.hpp"
#include "common/unique_fd.hpp"
#include "hostd/core/guests.hpp"
#include "hostd/guest/limits.hpp"

#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <variant>

namespace hostd::guest {

class Channel;
struct Watching;

/// Guests over unix sockets: one thread with one epoll for all channels. The
/// guests take turns of limits.turn_bytes, so that one that floods starves none.
/// An exec beyond limits.waiting_execs completes with `rate_limited` in the
/// caller's own thread. When this ends, execs that still run are not completed: the
/// agents keep their outcomes for the next hostd.
class GuestChannels final : public Guests {
public:
    explicit GuestChannels(const common::Clock& clock, ChannelLimits limits = {});
    ~GuestChannels() override;
    GuestChannels(const GuestChannels&) = delete;
    GuestChannels& operator=(const GuestChannels&) = delete;

    void observe(Observer observer) override;
    void attach(const common::SandboxId& id,
                const std::filesystem::path& socket,
                GuestIdentity identity) override;
    void detach(const common::SandboxId& id, std::optional<common::Error> why) override;
    void freeze(const common::SandboxId& id, Frozen done) override;
    void thaw(const common::SandboxId& id) override;
    void become(const common::SandboxId& id, GuestIdentity identity) override;
    void pause(const common::SandboxId& id) override;
    void resume(const common::SandboxId& id) override;
    void exec(const common::SandboxId& id, ExecSpec exec, Completion done) override;
    void observe_readers(ReaderObserver observer) override;
    void open_reader(const common::SandboxId& id,
                     const ExecReader& reader,
                     std::uint64_t from,
                     std::uint32_t credit) override;
    void grant_reader(const common::SandboxId& id,
                      const ExecReader& reader,
                      std::uint32_t bytes) override;
    void close_reader(const common::SandboxId& id, const ExecReader& reader) override;
    void watch_output(const common::SandboxId& id, OutputWatch watch) override;
    void unwatch_output(const common::SandboxId& id, std::uint64_t number) override;
    void close_readers() override;
    void input(const common::SandboxId& id,
               const common::OperationId& operation,
               ExecInput input,
               Taken done) override;
    void acknowledge(const common::SandboxId& id, const common::OperationId& operation) override;
    common::Result<> request_shutdown(const common::SandboxId& id) override;

private:
    struct Attach {
        common::SandboxId id;
        std::filesystem::path socket;
        GuestIdentity identity;
    };
    struct Detach {
        common::SandboxId id;
        std::optional<common::Error> why;
    };
    struct Freeze {
        common::SandboxId id;
        Frozen done;
    };
    struct Thaw {
        common::SandboxId id;
    };
    struct Become {
        common::SandboxId id;
        GuestIdentity identity;
    };
    struct Pause {
        common::SandboxId id;
    };
    struct Resume {
        common::SandboxId id;
    };
    struct Exec {
        common::SandboxId id;
        ExecSpec spec;
        Completion done;
    };
    struct Acknowledge {
        common::SandboxId id;
        common::OperationId operation;
    };
    struct Shutdown {
        common::SandboxId id;
    };
    /// About a live exec.
    struct Live {
        common::SandboxId id;
        std::function<void(Channel&)> act;
        std::function<void()> unknown; ///< Instead, if there is no such channel.
    };
    struct WatchOutput {
        common::SandboxId id;
        OutputWatch watch;
    };
    struct UnwatchOutput {
        common::SandboxId id;
        std::uint64_t number = 0;
    };
    struct CloseReaders {
        common::SandboxId id{}; ///< Of all.
    };
    using Request = std::variant<Attach,
                                 Detach,
                                 Freeze,
                                 Thaw,
                                 Become,
                                 Pause,
                                 Resume,
                                 Exec,
                                 Live,
                                 WatchOutput,
                                 UnwatchOutput,
                                 CloseReaders,
                                 Acknowledge,
                                 Shutdown>;
    struct Attached;

    void post(Request request) EXCLUDES(mutex_);
    void run();
    void serve_requests() EXCLUDES(mutex_);
    void serve(Request& request);
    bool serve_watch(Request& request);
    static void refuse(Request& request);
    static void serve_channel(Request& request, Channel& channel);
    void serve_sockets(int timeout_ms);
    /// Keeps epoll's interest and ready_ in step with what the channel has become.
    void settle(Attached& attached) EXCLUDES(mutex_);

    const common::Clock& clock_;
    const ChannelLimits limits_;
    common::UniqueFd epoll_;
    common::UniqueFd wake_;

    common::Mutex mutex_;
    std::deque<Request> inbox_ GUARDED_BY(mutex_);
    std::size_t waiting_execs_ GUARDED_BY(mutex_) = 0;
    std::set<common::SandboxId> ready_ GUARDED_BY(mutex_);
    bool stopping_ GUARDED_BY(mutex_) = false;

    // The thread's own.
    Observer observer_;
    ReaderObserver readers_ = [](const ReaderNews&) {};
    std::map<common::SandboxId, std::unique_ptr<Attached>> channels_;
    std::map<common::SandboxId, Watching> watches_; ///< Channels have pointers to them.
    std::thread thread_;
};

} // namespace hostd::guest
