#pragma once

#include "common/result.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace coordinator {

/// How long callers wait beyond the core's own deadlines: a loop that is late still says why.
constexpr std::chrono::seconds late_loop{5};

/// The one answer that a blocked caller waits for. Copies share it; the first call
/// counts, later ones do nothing, so that a deadline and a late answer need not
/// know of each other. Given on the core's thread only.
template <typename T>
class Reply {
public:
    void operator()(common::Result<T> result) const
    {
        if (!std::exchange(state_->given, true)) {
            if (const auto then = std::exchange(state_->then, {})) {
                then(std::move(result));
            } else {
                state_->promise.set_value(std::move(result));
            }
            for (const auto& done : std::exchange(state_->when_given, {})) {
                done();
            }
        }
    }
    /// `done` runs as soon as it is given, at once if it was. On the core's thread.
    void when_given(std::function<void()> done) const
    {
        if (given()) {
            return done();
        }
        state_->when_given.push_back(std::move(done));
    }
    /// One that nobody waits for: `then` is told, where the answer is given.
    static Reply telling(std::function<void(common::Result<T>)> then)
    {
        Reply reply;
        reply.state_->then = std::move(then);
        return reply;
    }
    [[nodiscard]] bool given() const noexcept { return state_->given; }

    /// Runs `begin` with a Reply and waits for it; nothing if none came within `limit`
    /// or every copy of the Reply is gone.
    template <typename Begin>
    static std::optional<common::Result<T>> wait(std::chrono::milliseconds limit, Begin begin)
    {
        std::future<common::Result<T>> future;
        {
            Reply reply;
            future = reply.state_->promise.get_future();
            begin(std::move(reply));
        }
        if (future.wait_for(limit) != std::future_status::ready) {
            return std::nullopt;
        }
        try {
            return future.get();
        } catch (const std::future_error&) {
            return std::nullopt; // The core ended with the question open.
        }
    }

private:
    struct State {
        std::promise<common::Result<T>> promise;
        std::function<void(common::Result<T>)> then;
        bool given = false;
        std::vector<std::function<void()>> when_given;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace coordinator
