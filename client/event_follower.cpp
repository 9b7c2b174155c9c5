#include "client/event_follower.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace client {

using common::Error;
using common::ErrorCode;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds first_pause{200};
constexpr milliseconds longest_pause{2000};
constexpr int leaderless_attempts = 6; ///< While another coordinator takes over: 5 s.
constexpr int first_attempts = 3;      ///< For a stream that there never was, as Session has it.
/// A sign of life comes every 15 s; what is started may have to wait for its sandbox to boot.
constexpr std::chrono::seconds silence{60};
constexpr std::chrono::minutes start{15};
/// An event is at most 128 KiB of output, each byte six of JSON, or a row of the audit.
constexpr std::size_t most_event = std::size_t{8} << 20U;
constexpr std::size_t most_refusal = std::size_t{1} << 20U;

bool is_events(const ApiClient::Reply& head)
{
    const auto type = head.headers.find("content-type");
    return head.status == 200 && type != head.headers.end() &&
           type->second.starts_with("text/event-stream");
}

/// What may be over by itself.
bool passes(const Error& error)
{
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout ||
           error.code == ErrorCode::rate_limited || error.code == ErrorCode::resource_exhausted ||
           // A coordinator that has just begun is told by its hosts what runs.
           error.reason == "no_such_exec";
}

} // namespace

struct EventFollower::Reading {
    bool enough = false;
    bool heard = false; ///< At least one event.
    ApiClient::Reply reply{};
    std::optional<Error> error{}; ///< A refusal, or what is no event.
};

EventFollower::EventFollower(Options options) : options_{std::move(options)}
{
    if (!options_.session.pause) {
        options_.session.pause = [](milliseconds time) { std::this_thread::sleep_for(time); };
    }
}

EventFollower::Reading EventFollower::read(const Opening& opening, const Each& each)
{
    const auto& session = options_.session;
    ApiClient http{session.url, session.token, reads_++};
    http.notice_dead_peers();
    http.set_timeout(opening.method == "GET" ? milliseconds{silence} : milliseconds{start});
    ApiClient::Headers headers{{"X-Request-ID", session.request_id},
                               {"Accept", "text/event-stream"}};
    if (!position_.empty()) {
        headers["Last-Event-ID"] = position_;
    }
    Reading reading;
    std::string refusal;
    EventParser parser{most_event};
    const auto give = [&](const ServerEvent& event) {
        if (reading.enough) {
            return;
        }
        if (!std::exchange(reading.heard, true) && lost_at_ && options_.back) {
            options_.back();
        }
        heard_ = true;
        lost_at_.reset();
        next_pause_ = first_pause;
        reading.enough = !each(event);
        position_ = event.id;
    };
    const auto take = [&](const ApiClient::Reply& head, std::string_view piece) {
        if (!is_events(head)) {
            refusal += piece;
            return refusal.size() <= most_refusal;
        }
        if (auto taken = parser.take(piece, give); !taken) {
            reading.error = std::move(taken).error();
        }
        return !reading.enough && !reading.error;
    };
    reading.reply = http.stream(opening.method, opening.path, opening.body, headers, take);
    reading.reply.body = std::move(refusal);
    if (reading.reply.status != 0 && !is_events(reading.reply)) {
        reading.error = error_of(reading.reply, session.url);
    }
    return reading;
}

void EventFollower::pause()
{
    next_pause_ = std::max(next_pause_, first_pause);
    options_.session.pause(next_pause_);
    next_pause_ = std::min(next_pause_ * 2, longest_pause);
}

common::Result<> EventFollower::lose(const Reading& reading, const std::string& path)
{
    const auto why = reading.error               ? reading.error->message
                     : reading.reply.status != 0 ? std::string{"it was cut off"}
                     : reading.reply.sent        ? std::string{"no answer"}
                                                 : std::string{"nobody listens"};
    if (path.empty()) {
        return Error{ErrorCode::timeout,
                     fmt::format("no answer from {} ({}): it may have been done, and may still be",
                                 options_.session.url,
                                 why),
                     "outcome_unknown"};
    }
    if (reading.error && !passes(*reading.error)) {
        return *reading.error;
    }
    if (!lost_at_) {
        lost_at_ = Clock::now();
        if (options_.lost) {
            options_.lost(why);
        }
    }
    if (Clock::now() - *lost_at_ >= options_.patience) {
        return Error{ErrorCode::unavailable,
                     fmt::format("{} could not be read on for {} s: {}",
                                 options_.session.url,
                                 options_.patience.count() / 1000,
                                 why),
                     "connection_lost"};
    }
    return {};
}

common::Result<> EventFollower::follow(const Opening& first,
                                       const std::function<std::string()>& again,
                                       const Each& each)
{
    auto opening = first;
    for (int attempt = 1;; ++attempt) {
        const auto reading = read(opening, each);
        if (reading.enough) {
            return {};
        }
        if (reading.heard && reading.error) {
            return *reading.error; // What was no event will be none the next time.
        }
        if (heard_) {
            opening = {"GET", again(), std::nullopt};
            COMMON_CHECK(lose(reading, opening.path));
        } else if (reading.error && reading.error->reason == "no_leader" &&
                   attempt < leaderless_attempts) {
            // Nothing was begun.
        } else if (reading.error) {
            return *reading.error;
        } else if (attempt >= first_attempts || (reading.reply.sent && first.method != "GET")) {
            if (reading.reply.sent && first.method != "GET") {
                return lose(reading, "");
            }
            return Error{ErrorCode::unavailable,
                         fmt::format("cannot reach the coordinator at {} ({})",
                                     options_.session.url,
                                     reading.reply.failure),
                         "unreachable"};
        }
        pause();
    }
}

} // namespace client
