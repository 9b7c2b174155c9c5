#pragma once

#include "cli/listing.hpp"
#include "client/event_parser.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cli {

/// Where what a live command says goes to. For one thread, which waits for whoever reads stdout and
/// stderr: so the command waits for them too.
class LiveOutput {
public:
    struct Options {
        bool json = false; ///< Each event as one line of JSON on `out`, as it came.
        int out = 1;
        int err = 2;
        std::function<void(const Json& exec)> on_start;
        std::function<void(const std::string& words)> tell; ///< People should know.
    };
    explicit LiveOutput(Options options) : options_{std::move(options)} {}

    /// False once there is no more to come, or nobody to take it.
    bool take(const client::ServerEvent& event);

    /// How the command ended, by its record.
    [[nodiscard]] const std::optional<Json>& ended() const noexcept { return ended_; }
    /// Why its output could not be written, an errno; 0 if it could.
    [[nodiscard]] int failure() const noexcept { return failure_; }

private:
    bool take_bytes(int fd, const Json& data);
    bool write(int fd, std::string_view bytes);

    const Options options_;
    std::optional<Json> ended_;
    int failure_ = 0;
};

} // namespace cli
