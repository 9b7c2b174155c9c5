#pragma once

#include "coordinator/core/live_execs.hpp"
#include "guest/calls/services.hpp"
#include "guest/spawn.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tests {

/// Calls of the real services, each in its own process as an agent runs them; what is between the
/// two of them in earnest is left out. One call at a time.
class ServiceExecs final : public coordinator::LiveExecs {
public:
    ~ServiceExecs() override { settle(); }

    common::Result<coordinator::Command> begin(const coordinator::Caller&,
                                               const common::SandboxId&,
                                               coordinator::LiveRequest request) override
    {
        settle();
        std::fflush(nullptr); // A sanitizer has the child write what is ours.
        asked = request;
        guest::Program program;
        program.user = {"root", 0, 0, {0}, "/", "/bin/sh"};
        COMMON_TRY(auto work, services_.at(request.call)(request.request, program.user, ""));
        program.service = std::move(work.run);
        program.passed = work.with.get();
        COMMON_TRY(child_, guest::spawn(program, guest::Stdin::pipe));
        if (!request.has_stdin) {
            child_.in.reset();
        }
        record_ = {};
        record_.id = common::mint<common::CommandId>();
        record_.status = "running";
        feed_ = std::make_shared<coordinator::ExecFeed>(
            record_,
            coordinator::ExecFeed::Ways{[](const coordinator::ExecEvent&) {},
                                        [pid = child_.pid] { ::kill(pid, SIGTERM); }});
        reader_ = std::thread{[this, feed = feed_] { pump(*feed); }};
        return record_;
    }
    common::Result<std::vector<coordinator::Command>> list(const coordinator::Caller&,
                                                           const common::SandboxId&) override
    {
        return std::vector<coordinator::Command>{};
    }
    common::Result<std::shared_ptr<coordinator::ExecFeed>> read(const coordinator::Caller&,
                                                                const common::SandboxId&,
                                                                const common::CommandId&,
                                                                std::uint64_t) override
    {
        return feed_;
    }
    void is_not_blocked(const common::CommandId&) override {}
    void receives(const common::CommandId&) override {}
    common::Result<coordinator::OutputWatch> watch(const coordinator::Caller&,
                                                   const common::SandboxId&) override
    {
        return common::Error{common::ErrorCode::unimplemented, "nobody watches calls"};
    }
    common::Result<> input(const coordinator::Caller&,
                           const common::SandboxId&,
                           const common::CommandId&,
                           coordinator::LiveInput given) override
    {
        auto piece = std::get<coordinator::StdinPiece>(std::move(given));
        if (damage && piece.data.size() > 10) {
            piece.data[8] ^= 1;
        }
        std::string_view bytes = piece.data;
        while (!bytes.empty()) {
            const auto count = ::write(child_.in.get(), bytes.data(), bytes.size());
            if (count > 0) {
                bytes.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno == EAGAIN) {
                pollfd room{child_.in.get(), POLLOUT, 0};
                ::poll(&room, 1, 1000);
            } else {
                return common::Error{
                    common::ErrorCode::failed_precondition, "ended", "stdin_closed"};
            }
        }
        if (piece.eof) {
            child_.in.reset();
        }
        return {};
    }
    /// Until the process has ended; with what.
    int settle()
    {
        child_.in.reset();
        if (reader_.joinable()) {
            reader_.join();
        }
        return status_;
    }

    coordinator::LiveRequest asked;
    std::atomic<bool> damage{false};
    /// What is read of a call's output; the rest waits in its pipe, and the call with it.
    std::atomic<std::size_t> read_at_most{SIZE_MAX};

private:
    void pump(coordinator::ExecFeed& feed)
    {
        std::uint64_t position = 0;
        std::string buffer(65536, '\0');
        while (true) {
            if (position >= read_at_most) {
                std::this_thread::yield();
                continue;
            }
            pollfd waited{child_.out.get(), POLLIN, 0};
            ::poll(&waited, 1, -1);
            const auto count = ::read(child_.out.get(), buffer.data(), buffer.size());
            if (count <= 0 && errno == EAGAIN && count != 0) {
                continue;
            }
            if (count <= 0) {
                break;
            }
            const auto size = static_cast<std::size_t>(count);
            feed.put(coordinator::ExecOutput{false, position, buffer.substr(0, size)});
            position += size;
        }
        int status = 0;
        ::waitpid(child_.pid, &status, 0);
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        auto record = record_;
        record.status = "finished";
        record.exit_code = status_;
        feed.put(coordinator::ExecEnded{position, record});
    }

    const guest::Services services_ = guest::calls::services();
    guest::Child child_;
    coordinator::Command record_;
    std::shared_ptr<coordinator::ExecFeed> feed_;
    std::thread reader_;
    int status_ = 0;
};

} // namespace tests
