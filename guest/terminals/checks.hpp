#pragma once

#include "common/result.hpp"
#include "guest/terminals/views.hpp"

#include <string_view>

namespace guest::terminals {

/// What a request says, before anybody acts on it: each with the reason that Terminals names.

/// Of a session or window: letters, digits, '_' and '-', not first a '-', at most 64. tmux changes
/// or interprets all else.
common::Result<> check_name(std::string_view name);
/// `kind` and a number: '$' for sessions, '@' for windows, '%' for panes.
common::Result<> check_id(std::string_view id, char kind);
/// A session's name or id.
common::Result<> check_session(std::string_view session);
common::Result<> check_size(TerminalSize size);
common::Result<> check_program(const PaneProgram& program);
common::Result<> check(const NewSession& wanted);
common::Result<> check(const NewPane& wanted);
/// Names that are in the table of keys.hpp, texts that are UTF-8 without NUL, within bounds.
common::Result<> check_keys(const std::vector<Key>& keys);

/// What is run: `line` by /bin/sh, or the login shell.
std::vector<std::string> argv_of(const PaneProgram& program, const User& user);
/// What a window is called if nobody says so.
std::string default_name(const PaneProgram& program, const User& user);

common::Error no_such_pane(std::string_view pane);
common::Error no_such_window(std::string_view window);
common::Error no_such_session(std::string_view session);
common::Error pane_ended(std::string_view pane);

} // namespace guest::terminals
