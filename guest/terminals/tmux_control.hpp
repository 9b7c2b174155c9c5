#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace guest::terminals {

/// Reads what a tmux client in control mode (tmux -C) writes: replies to commands, and what happens
/// in between. Bounded; whoever sends too much, or nonsense, breaks it.
class TmuxControl {
public:
    struct Reply {
        bool succeeded = false;
        bool asked = false; ///< For a command that the client was given; they come in order.
        std::string lines;
    };
    struct Handlers {
        std::function<void(const Reply& reply)> reply;
        /// Bytes that a pane's program wrote.
        std::function<void(std::string_view pane, const std::string& bytes)> output;
        std::function<void()> exit;
    };

    explicit TmuxControl(Handlers handlers) : handlers_{std::move(handlers)} {}

    /// False: it cannot be read any further.
    bool feed(std::string_view bytes);

private:
    void take(std::string_view line);

    Handlers handlers_;
    std::string line_;
    std::optional<std::string> guard_; ///< Of the reply that has begun: its numbers.
    std::string lines_;
};

/// "\ooo" is a byte, everything else is itself.
std::string without_octal(std::string_view text);

} // namespace guest::terminals
