#pragma once

#include "cli/terminal.hpp"
#include "client/session.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cli {

/// What goes to a live command: its stdin, and beside it signals and sizes, which do not wait for a
/// command that reads nothing. Each of the two has a thread of its own, one request under way at a
/// time, and what comes meanwhile goes with the next one. The threads are left when this ends: the
/// process has to end by std::_Exit.
class LiveInput {
public:
    struct Options {
        std::string path; ///< "/v1/sandboxes/<id>/exec/<id>"
        std::function<std::unique_ptr<client::Session>()> session; ///< One for each thread.
        /// By somebody who sees what arrived: of typing that may be lost he is told, and goes on.
        /// Of a file or a pipe no part may be missing: it ends, and the command is sent SIGHUP, for
        /// an end of its stdin would look like the end of all of it.
        bool is_typed = false;
        std::function<void()> on_change;                    ///< Of has_room(), from any thread.
        std::function<void(const std::string& words)> tell; ///< From any thread.
        std::chrono::milliseconds patience{60'000};         ///< For what is away to come back.
    };
    /// Of stdin, which waits here: what one request takes.
    static constexpr std::size_t most_waiting = std::size_t{64} << 10U;

    explicit LiveInput(Options options);
    ~LiveInput();
    LiveInput(const LiveInput&) = delete;
    LiveInput& operator=(const LiveInput&) = delete;

    /// So many bytes of stdin may be written; none once the command takes no more.
    [[nodiscard]] std::size_t room() const;
    void write(std::string_view bytes);
    /// Stdin ends, behind what was written.
    void close();
    void signal(const std::string& name);
    void resize(TerminalSize size);

    /// Waits until all of it is given; false if it takes longer.
    bool flush(std::chrono::milliseconds patience) const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace cli
