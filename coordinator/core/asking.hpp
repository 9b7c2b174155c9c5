#pragma once

// How callers of the core wait: the templates of Core. core.hpp includes it, at its end.

#include "coordinator/core/core.hpp"

namespace coordinator {

template <typename T>
common::Result<T> Core::ask(std::chrono::milliseconds limit,
                            std::function<void(const Reply<T>&)> begin)
{
    auto answer = Reply<T>::wait(limit + late_loop, [&](Reply<T> reply) {
        const auto taken = loop_->post([begin = std::move(begin), reply] { begin(reply); });
        if (!taken) {
            reply(ending_ ? no_answer()
                          : common::Error{common::ErrorCode::rate_limited,
                                          "the coordinator has too much to do",
                                          "coordinator_busy"});
        }
    });
    return answer ? *std::move(answer) : no_answer();
}

template <typename T>
void Core::give_up(const Reply<T>& reply, std::chrono::milliseconds after, common::Error error)
{
    const auto timer = loop_->after(after, [reply, error = std::move(error)] { reply(error); });
    reply.when_given([loop = loop_.get(), timer] { loop->cancel(timer); });
}

template <typename T>
bool Core::wait_for_host(const Reply<T>& reply,
                         const Caller& caller,
                         const common::SandboxId& id,
                         std::chrono::milliseconds most,
                         common::Error error)
{
    if (living(caller, id)) {
        if (auto may = callers_.may_wait(id); !may) {
            reply(std::move(may).error());
            return false;
        }
        const auto ticket = callers_.add(id, [reply, error] { reply(error); });
        reply.when_given([this, ticket] { callers_.remove(ticket); });
    }
    give_up(reply, most, std::move(error));
    return true;
}

template <typename T>
common::Result<T>
Core::ask_within(std::chrono::milliseconds patience,
                 const std::string& attempt,
                 const std::function<void(std::function<void(common::Result<T>)>)>& begin)
{
    return ask<T>(patience + settings_.grace,
                  [this, patience, attempt, begin](const Reply<T>& reply) {
                      give_up(reply, patience, no_answer_yet(attempt));
                      begin(reply);
                  });
}

template <typename T>
common::Result<T>
Core::ask_host(const Caller& caller,
               const common::SandboxId& id,
               std::chrono::milliseconds patience,
               const std::string& attempt,
               const std::function<void(std::function<void(common::Result<T>)>)>& begin)
{
    return ask<T>(patience + settings_.grace,
                  [this, caller, id, patience, attempt, begin](const Reply<T>& reply) {
                      const common::WorkingOn now{caller.request, id};
                      if (wait_for_host(reply, caller, id, patience, no_answer_yet(attempt))) {
                          touch(caller, id);
                          when_it_stays(caller, id, [begin, reply] { begin(reply); });
                      }
                  });
}

} // namespace coordinator
