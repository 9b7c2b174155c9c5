#pragma once

#include "guest/spawn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace guest::terminals {

/// Which panes are in which window of which session, and which is the active one. A value: it
/// knows no programs.
class PtyLayout {
public:
    struct Window {
        std::uint32_t id = 0;
        std::uint32_t index = 0;
        std::string name;
        TerminalSize size;
        std::vector<std::uint32_t> panes; ///< Never empty, but between two calls.
        std::uint32_t active = 0;
    };
    struct Session {
        std::uint32_t id = 0;
        std::string name;
        std::int64_t created = 0;
        std::vector<Window> windows; ///< By index.
        std::uint32_t active = 0;    ///< A window's id.
    };
    struct Place {
        Session* session = nullptr;
        Window* window = nullptr;
        std::uint32_t index = 0;
    };

    [[nodiscard]] std::vector<Session>& sessions() noexcept { return sessions_; }
    [[nodiscard]] const std::vector<Session>& sessions() const noexcept { return sessions_; }

    /// By name or id ("$0"); nullptr: none.
    Session* session(std::string_view name_or_id);
    /// By id ("@0"); both nullptr: none.
    Place window(std::string_view id);
    static Window* window_named(Session& session, std::string_view name);
    static Window& active_window(Session& session);
    std::optional<Place> place_of(std::uint32_t pane);

    /// "0", "1", …: the first that is free.
    std::string free_name();
    Session& add_session(std::string name, std::int64_t created);
    Window& add_window(Session& session, std::string name, TerminalSize size);
    static void add_pane(Window& window, std::uint32_t pane);
    void activate(std::uint32_t pane);
    /// The last one takes its window with it, and that its session.
    void remove_pane(std::uint32_t pane);

private:
    std::vector<Session> sessions_;
    std::uint32_t next_session_ = 0;
    std::uint32_t next_window_ = 0;
};

} // namespace guest::terminals
