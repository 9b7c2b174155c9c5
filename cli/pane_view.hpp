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
    /// An event of its stream.
    struct Piece {
        enum class What { nothing, screen, size, output, ended } what = What::nothing;
        vt::Size size{};
        std::string bytes{};
        Json end{};
    };
    /// Whatever the event says.
    static Piece piece_of(const client::ServerEvent& event);

    void take(Piece piece);
    /// A bounded part of what was taken goes to the screen, whatever it is: about a millisecond's
    /// work. False: all is there.
    bool feed_some();
    /// How its program ended.
    [[nodiscard]] const std::optional<Json>& ended() const noexcept { return ended_; }

    /// What brings a terminal of this size from what the last call left there to what is shown now.
    /// Its last line is `status`. A screen that does not fit is shown around its cursor.
    std::string draw(const TerminalSize& size, const std::string& status);
    /// The terminal shows something else now.
    void forget() { drawn_.clear(); }

private:
    vt::Screen screen_{{24, 80}, {0, 0}};
    std::string unfed_;
    std::size_t fed_ = 0;            ///< Of it.
    std::vector<std::string> drawn_; ///< The rows that are there.
    TerminalSize drawn_size_{};
    std::optional<Json> ended_;
};

} // namespace cli
