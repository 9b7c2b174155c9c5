#pragma once

#include "common/result.hpp"
#include "guest/terminals/views.hpp"

#include <string_view>

namespace guest::terminals {

/// Formats for tmux (-F), and how what it prints by them is read. What is between two fields is 128
/// random bits, made anew for each call: titles, names and paths are anything the guest's programs
/// like, and none of them can look like it. Everything is checked, since a server is the user's.
class TmuxRecords {
public:
    TmuxRecords();

    [[nodiscard]] std::string session_format() const;
    [[nodiscard]] std::string window_format() const;
    [[nodiscard]] std::string pane_format() const;

    /// `internal` with reason tmux_failed for what does not look like it.
    [[nodiscard]] common::Result<std::vector<SessionView>> sessions(std::string_view printed) const;
    [[nodiscard]] common::Result<std::vector<WindowView>> windows(std::string_view printed) const;
    [[nodiscard]] common::Result<std::vector<PaneView>> panes(std::string_view printed) const;

private:
    [[nodiscard]] std::string format(std::initializer_list<std::string_view> names) const;
    [[nodiscard]] common::Result<std::vector<std::vector<std::string>>>
    records(std::string_view printed, std::size_t fields) const;

    std::string mark_;
};

/// What tmux says of a program's end: pane_dead, pane_dead_status, pane_dead_signal and version.
struct TmuxEnd {
    std::string_view dead;
    std::string_view status;
    std::string_view signal;
    std::string_view version;
};

/// Nothing as long as it runs, or as tmux has yet to hear how it ended.
std::optional<PaneEnd> pane_end(const TmuxEnd& said);

/// What tmux complained of, with Terminals' reasons; and with `no_server` where nothing is wrong
/// but that there is none yet, or none any more.
common::Error tmux_error(std::string_view said);
constexpr std::string_view no_server = "no_server";

} // namespace guest::terminals
