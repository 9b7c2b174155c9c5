#pragma once

#include "cli/listing.hpp"
#include "cli/terminal.hpp"
#include "client/event_parser.hpp"
#include "vt/screen.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cli {

/// What a pane of a guest shows, drawn on a terminal of our own. What its program writes goes to a
/// screen of ours, and only characters and looks of that to the terminal: nothing from inside a
/// sandbox makes it do anything else. For one thread at a time.
class PaneView {
public:
    /// False after the last event: ended() has it.
    bool take(const client::ServerEvent& event);
    [[nodiscard]] const std::optional<Json>& ended() const noexcept { return ended_; }

    /// What brings a terminal of this size from what the last call left there to what is shown now.
    /// Its last line is `status`. A screen that does not fit is shown around its cursor.
    std::string draw(const TerminalSize& size, const std::string& status);
    /// The terminal shows something else now.
    void forget() { drawn_.clear(); }

private:
    void feed(const Json& data);

    vt::Screen screen_{{24, 80}, {0, 0}};
    std::vector<std::string> drawn_; ///< The rows that are there.
    TerminalSize drawn_size_{};
    std::optional<Json> ended_;
};

} // namespace cli
