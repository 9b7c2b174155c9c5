#pragma once

#include "vt/screen.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace guest::terminals {

using vt::CursorKeys;

/// The names of keys, as tmux's: Enter Tab BTab Escape Space BSpace Delete (DC) Insert (IC) Up Down
/// Left Right Home End PageUp (PgUp, PPage) PageDown (PgDn, NPage) F1 … F12, or one character;
/// before them any of C- (Control), M- (Meta) and S- (Shift).
bool is_key(std::string_view name);

/// The bytes that xterm sends for it; nothing if there is no such key.
std::optional<std::string> bytes_of(std::string_view name, CursorKeys cursor_keys);

} // namespace guest::terminals
