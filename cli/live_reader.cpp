#include "cli/live_reader.hpp"

#include "cli/live_output.hpp"
#include "client/event_follower.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <thread>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

/// What the reading thread does, from the first event to the last.
void read_all(const std::shared_ptr<LiveShared>& shared,
              const client::Session::Options& session,
              const LiveWish& wish)
{
    std::string path = wish.start.is_null() ? live_path(wish.sandbox, wish.exec) : "";
    LiveOutput output{{.json = shared->console.output == Output::json,
                       .on_start =
                           [&](const Json& exec) {
                               path = live_path(wish.sandbox, text_of(exec, "id"));
                               std::unique_lock lock{shared->mutex};
                               shared->begun = exec;
                               shared->wake();
                               // What it writes may ask the terminal, which answers at once.
                               shared->seen.wait(lock, [&] { return shared->may_write; });
                           },
                       .tell = [&](const std::string& words) { shared->tell(words); }}};
    client::EventFollower::Options options{.session = session,
                                           .lost =
                                               [&](const std::string& why) {
                                                   shared->tell("the connection is lost (" + why +
                                                                "): coming back …");
                                               },
                                           .back = [&] { shared->tell("connected again"); }};
    client::EventFollower::Opening first{
        "GET", path + (wish.from > 0 ? fmt::format("?from={}", wish.from) : ""), std::nullopt};
    if (!wish.start.is_null()) {
        first = {"POST", live_path(wish.sandbox, ""), wish.start.dump()};
    }
    auto done = client::EventFollower{std::move(options)}.follow(
        first,
        [&] { return path; },
        [&](const client::ServerEvent& event) {
            {
                const std::scoped_lock lock{shared->mutex};
                shared->is_writing = true;
            }
            const bool more = output.take(event);
            const std::scoped_lock lock{shared->mutex};
            shared->is_writing = false;
            shared->position = event.id;
            shared->written.notify_all();
            return more;
        });
    const std::scoped_lock lock{shared->mutex};
    shared->write_failure = output.failure();
    shared->ended = done ? common::Result<Json>{output.ended().value_or(Json{})}
                         : common::Result<Json>{std::move(done).error()};
    shared->wake();
}

} // namespace

LiveShared::LiveShared(const Console& of_process)
    : console{of_process}, news{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}
{}

void LiveShared::wake() const
{
    ::eventfd_write(news.get(), 1);
}

void LiveShared::tell(const std::string& words) const
{
    const bool raw = terminal.is_raw();
    const auto* end = raw ? "\r\n" : "\n";
    Console::say((raw ? end : "") + toned("paddock:", Tone::warn, console.err) + " " + words + end);
}

std::string live_path(const std::string& sandbox, const std::string& exec)
{
    return "/v1/sandboxes/" + sandbox + "/exec" + (exec.empty() ? "" : "/" + exec);
}

void read_live(const std::shared_ptr<LiveShared>& shared,
               const client::Session::Options& session,
               const LiveWish& wish)
{
    std::thread{[=] {
        try {
            read_all(shared, session, wish);
        } catch (const std::exception& bug) {
            const std::scoped_lock lock{shared->mutex};
            shared->ended = Error{ErrorCode::internal, bug.what()};
            shared->wake();
        }
    }}.detach();
}

} // namespace cli
