#pragma once

#include "client/event_parser.hpp"
#include "client/session.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace client {

/// Reads one stream of server-sent events over as many connections as it takes: one that is lost is
/// asked for again from the last event that came, so that none is missed or comes twice. All calls
/// are the caller's thread's.
class EventFollower {
public:
    struct Options {
        Session::Options session;
        std::chrono::milliseconds patience{60'000}; ///< For a lost stream to come back.
        /// Once for each loss, and once it is back; with why.
        std::function<void(const std::string& why)> lost{};
        std::function<void()> back{};
    };
    struct Opening {
        std::string method = "GET";
        std::string path{};
        std::optional<std::string> body{};
    };
    /// False: that was enough.
    using Each = std::function<bool(const ServerEvent&)>;

    explicit EventFollower(Options options);

    /// Returns when `each` has had enough. `again` is the path to GET after a loss, or "" while
    /// nobody can know it: a loss is then `timeout` (outcome_unknown), and nothing is asked twice.
    /// A refusal is an error of its own; `unavailable` (connection_lost) once patience is over.
    common::Result<>
    follow(const Opening& first, const std::function<std::string()>& again, const Each& each);

private:
    struct Reading;
    Reading read(const Opening& opening, const Each& each);
    common::Result<> lose(const Reading& reading, const std::string& path);
    void pause();

    Options options_;
    std::string position_;  ///< The id of the last event.
    bool heard_ = false;    ///< There was one.
    std::size_t reads_ = 0; ///< Each at the next coordinator, if there are several.
    std::chrono::milliseconds next_pause_{};
    std::optional<std::chrono::steady_clock::time_point> lost_at_;
};

} // namespace client
