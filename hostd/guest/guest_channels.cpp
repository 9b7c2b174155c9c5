#include "hostd/guest/guest_channels.hpp"

#include "hostd/guest/attached_channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error no_session(const common::SandboxId& id)
{
    return {ErrorCode::unavailable,
            "the agent of " + id.str() + " is not connected",
            "agent_not_ready"};
}

} // namespace

GuestChannels::GuestChannels(const common::Clock& clock, ChannelLimits limits)
    : clock_{clock},
      limits_{limits},
      epoll_{::epoll_create1(EPOLL_CLOEXEC)},
      wake_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}
{
    epoll_event event{};
    event.events = EPOLLIN;
    if (!epoll_ || !wake_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
        throw std::system_error{errno, std::generic_category(), "epoll for the guest channels"};
    }
}

GuestChannels::~GuestChannels()
{
    {
        const common::MutexLock lock{mutex_};
        stopping_ = true;
    }
    static_cast<void>(::eventfd_write(wake_.get(), 1));
    if (thread_.joinable()) {
        thread_.join();
    }
}

void GuestChannels::observe(Observer observer)
{
    observer_ = std::move(observer);
    thread_ = std::thread{[this] { run(); }};
}

void GuestChannels::post(Request request)
{
    {
        const common::MutexLock lock{mutex_};
        inbox_.push_back(std::move(request));
    }
    static_cast<void>(::eventfd_write(wake_.get(), 1)); // Full means awake already.
}

void GuestChannels::attach(const common::SandboxId& id,
                           const std::filesystem::path& socket,
                           GuestIdentity identity)
{
    post(Attach{id, socket, std::move(identity)});
}

void GuestChannels::detach(const common::SandboxId& id, std::optional<Error> why)
{
    post(Detach{id, std::move(why)});
}

void GuestChannels::freeze(const common::SandboxId& id, Frozen done)
{
    post(Freeze{id, std::move(done)});
}

void GuestChannels::thaw(const common::SandboxId& id)
{
    post(Thaw{id});
}

void GuestChannels::become(const common::SandboxId& id, GuestIdentity identity)
{
    post(Become{id, std::move(identity)});
}

void GuestChannels::pause(const common::SandboxId& id)
{
    post(Pause{id});
}

void GuestChannels::resume(const common::SandboxId& id)
{
    post(Resume{id});
}

void GuestChannels::exec(const common::SandboxId& id, ExecSpec exec, Completion done)
{
    bool room = false;
    {
        const common::MutexLock lock{mutex_};
        room = waiting_execs_ < limits_.waiting_execs;
        waiting_execs_ += room ? 1 : 0;
    }
    if (!room) {
        return done(
            Error{ErrorCode::rate_limited, "too many commands wait for the guests", "host_busy"});
    }
    post(Exec{id, std::move(exec), std::move(done)});
}

void GuestChannels::observe_readers(ReaderObserver observer)
{
    readers_ = std::move(observer);
}

void GuestChannels::open_reader(const common::SandboxId& id,
                                const ExecReader& reader,
                                std::uint64_t from,
                                std::uint32_t credit)
{
    post(Live{
        id,
        [reader, from, credit](Channel& channel) { channel.open_reader(reader, from, credit); },
        [this, reader] {
            readers_({reader, ReaderNews::Kind::gone, false, 0, {}});
        }});
}

void GuestChannels::grant_reader(const common::SandboxId& id,
                                 const ExecReader& reader,
                                 std::uint32_t bytes)
{
    post(Live{
        id, [reader, bytes](Channel& channel) { channel.grant_reader(reader, bytes); }, [] {}});
}

void GuestChannels::close_reader(const common::SandboxId& id, const ExecReader& reader)
{
    post(Live{id, [reader](Channel& channel) { channel.close_reader(reader); }, [] {}});
}

void GuestChannels::close_readers()
{
    post(CloseReaders{});
}

void GuestChannels::input(const common::SandboxId& id,
                          const common::OperationId& operation,
                          ExecInput input,
                          Taken done)
{
    post(Live{id,
              [operation, input = std::move(input), done](Channel& channel) {
                  channel.input(operation, input, done);
              },
              [id, done] { done(no_session(id)); }});
}

void GuestChannels::acknowledge(const common::SandboxId& id, const common::OperationId& operation)
{
    post(Acknowledge{id, operation});
}

Result<> GuestChannels::request_shutdown(const common::SandboxId& id)
{
    {
        const common::MutexLock lock{mutex_};
        if (!ready_.contains(id)) {
            return no_session(id);
        }
    }
    post(Shutdown{id});
    return {};
}

void GuestChannels::run()
{
    for (;;) {
        serve_requests();
        const auto now = clock_.steady();
        auto next = now + std::chrono::seconds{5};
        for (auto& [id, attached] : channels_) {
            next = std::min(next, attached->channel.on_time(now));
            settle(*attached);
        }
        {
            const common::MutexLock lock{mutex_};
            if (stopping_) {
                break;
            }
        }
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - clock_.steady());
        serve_sockets(static_cast<int>(std::max<std::int64_t>(wait.count(), 0)));
    }
    channels_.clear();
}

void GuestChannels::serve_sockets(int timeout_ms)
{
    std::array<epoll_event, 64> events{};
    const auto count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        // Channels go away only in serve_requests(): the pointer is good.
        auto* attached = static_cast<Attached*>(event.data.ptr);
        if (attached == nullptr) {
            eventfd_t ignored = 0;
            static_cast<void>(::eventfd_read(wake_.get(), &ignored));
            continue;
        }
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            attached->channel.on_readable();
        }
        if ((event.events & EPOLLOUT) != 0 && attached->channel.fd() >= 0) {
            attached->channel.on_writable();
        }
        settle(*attached);
    }
}

void GuestChannels::serve_requests()
{
    std::deque<Request> requests;
    {
        const common::MutexLock lock{mutex_};
        requests.swap(inbox_);
        waiting_execs_ = 0;
    }
    for (auto& request : requests) {
        serve(request);
    }
}

void GuestChannels::serve(Request& request)
{
    if (std::holds_alternative<CloseReaders>(request)) {
        for (auto& [id, attached] : channels_) {
            attached->channel.watch(nullptr);
            attached->channel.close_readers();
            settle(*attached);
        }
        watches_.clear();
        return;
    }
    if (serve_watch(request)) {
        return;
    }
    const auto& id =
        std::visit([](const auto& one) -> const common::SandboxId& { return one.id; }, request);
    const auto found = channels_.find(id);
    if (auto* attach = std::get_if<Attach>(&request); attach != nullptr) {
        if (found == channels_.end()) {
            auto attached = std::make_unique<Attached>(Attached{Channel{id,
                                                                        attach->socket,
                                                                        std::move(attach->identity),
                                                                        clock_,
                                                                        limits_,
                                                                        observer_,
                                                                        readers_}});
            if (const auto watching = watches_.find(id); watching != watches_.end()) {
                attached->channel.watch(&watching->second);
            }
            channels_.emplace(id, std::move(attached));
        }
        return;
    }
    if (found == channels_.end()) {
        return refuse(request);
    }
    auto& channel = found->second->channel;
    if (auto* detach = std::get_if<Detach>(&request); detach != nullptr) {
        channel.abandon(std::move(detach->why));
        settle(*found->second);
        channels_.erase(found);
        return;
    }
    serve_channel(request, channel);
    settle(*found->second);
}

void GuestChannels::refuse(Request& request)
{
    if (auto* exec = std::get_if<Exec>(&request); exec != nullptr) {
        exec->done(no_session(exec->id));
    } else if (auto* freeze = std::get_if<Freeze>(&request); freeze != nullptr) {
        auto error = no_session(freeze->id);
        error.reason = "guest_not_frozen";
        freeze->done(std::move(error));
    } else if (auto* live = std::get_if<Live>(&request); live != nullptr) {
        live->unknown();
    }
}

void GuestChannels::serve_channel(Request& request, Channel& channel)
{
    if (auto* exec = std::get_if<Exec>(&request); exec != nullptr) {
        channel.exec(std::move(exec->spec), std::move(exec->done));
    } else if (auto* live = std::get_if<Live>(&request); live != nullptr) {
        live->act(channel);
    } else if (auto* ack = std::get_if<Acknowledge>(&request); ack != nullptr) {
        channel.acknowledge(ack->operation);
    } else if (auto* freeze = std::get_if<Freeze>(&request); freeze != nullptr) {
        channel.freeze(std::move(freeze->done));
    } else if (std::holds_alternative<Thaw>(request)) {
        channel.thaw();
    } else if (auto* become = std::get_if<Become>(&request); become != nullptr) {
        channel.become(std::move(become->identity));
    } else if (std::holds_alternative<Pause>(request)) {
        channel.pause();
    } else if (std::holds_alternative<Resume>(request)) {
        channel.resume();
    } else {
        channel.request_shutdown();
    }
}

void GuestChannels::settle(Attached& attached)
{
    auto& channel = attached.channel;
    if (attached.ready != channel.ready()) {
        attached.ready = channel.ready();
        const common::MutexLock lock{mutex_};
        if (attached.ready) {
            ready_.insert(channel.id());
        } else {
            ready_.erase(channel.id());
        }
    }
    if (channel.fd() < 0) {
        return; // Closing took it out of epoll.
    }
    epoll_event event{};
    event.events = channel.wants_write() ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &attached;
    if (attached.watched == channel.connection() && attached.interest == event.events) {
        return;
    }
    const int change = attached.watched == channel.connection() ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    static_cast<void>(::epoll_ctl(epoll_.get(), change, channel.fd(), &event));
    attached.watched = channel.connection();
    attached.interest = event.events;
}

} // namespace hostd::guest
