#include "guest/terminals/keys.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <array>

namespace guest::terminals {

namespace {

enum class Shape {
    plain,  ///< `bytes` as they are.
    letter, ///< ESC [ and a letter; ESC O with application keys; modifiers as ESC [ 1 ; m letter.
    ss3,    ///< ESC O and a letter, modifiers likewise.
    tilde,  ///< ESC [ number ~; modifiers as ESC [ number ; m ~.
};

struct KeyShape {
    std::string_view name;
    Shape shape;
    std::string_view bytes;
};

// xterm's ctlseqs, PC-style function keys.
constexpr std::array<KeyShape, 34> table{{
    {"Enter", Shape::plain, "\r"},    {"Tab", Shape::plain, "\t"},
    {"BTab", Shape::plain, "\x1b[Z"}, {"Escape", Shape::plain, "\x1b"},
    {"Space", Shape::plain, " "},     {"BSpace", Shape::plain, "\x7f"},
    {"Up", Shape::letter, "A"},       {"Down", Shape::letter, "B"},
    {"Right", Shape::letter, "C"},    {"Left", Shape::letter, "D"},
    {"Home", Shape::letter, "H"},     {"End", Shape::letter, "F"},
    {"Insert", Shape::tilde, "2"},    {"IC", Shape::tilde, "2"},
    {"Delete", Shape::tilde, "3"},    {"DC", Shape::tilde, "3"},
    {"PageUp", Shape::tilde, "5"},    {"PgUp", Shape::tilde, "5"},
    {"PPage", Shape::tilde, "5"},     {"PageDown", Shape::tilde, "6"},
    {"PgDn", Shape::tilde, "6"},      {"NPage", Shape::tilde, "6"},
    {"F1", Shape::ss3, "P"},          {"F2", Shape::ss3, "Q"},
    {"F3", Shape::ss3, "R"},          {"F4", Shape::ss3, "S"},
    {"F5", Shape::tilde, "15"},       {"F6", Shape::tilde, "17"},
    {"F7", Shape::tilde, "18"},       {"F8", Shape::tilde, "19"},
    {"F9", Shape::tilde, "20"},       {"F10", Shape::tilde, "21"},
    {"F11", Shape::tilde, "23"},      {"F12", Shape::tilde, "24"},
}};

struct Modifiers {
    bool control = false;
    bool meta = false;
    bool shift = false;

    [[nodiscard]] bool any() const { return control || meta || shift; }
    /// As xterm counts them: 2 is Shift, 3 Meta, 5 Control.
    [[nodiscard]] std::string number() const
    {
        return std::to_string(1 + (shift ? 1 : 0) + (meta ? 2 : 0) + (control ? 4 : 0));
    }
};

Modifiers take_modifiers(std::string_view& name)
{
    Modifiers modifiers;
    while (name.size() > 2 && name[1] == '-') {
        switch (name[0]) {
        case 'C': modifiers.control = true; break;
        case 'M': modifiers.meta = true; break;
        case 'S': modifiers.shift = true; break;
        default: return modifiers;
        }
        name.remove_prefix(2);
    }
    return modifiers;
}

/// What Control makes of a character; nothing if it makes nothing of it.
std::optional<char> with_control(char c)
{
    if (c >= 'a' && c <= 'z') {
        return static_cast<char>(c - 'a' + 1);
    }
    if (c >= '@' && c <= '_') {
        return static_cast<char>(c - '@');
    }
    switch (c) {
    case ' ': return '\0';
    case '?': return '\x7f';
    case '/': return '\x1f';
    default: return std::nullopt;
    }
}

std::optional<std::string> of_text(std::string text, const Modifiers& modifiers)
{
    if (modifiers.control) {
        const auto control = text.size() == 1 ? with_control(text.front()) : std::nullopt;
        if (!control) {
            return std::nullopt;
        }
        text = std::string(1, *control);
    }
    if (modifiers.meta) {
        text.insert(0, "\x1b");
    }
    return text;
}

std::string of_shape(const KeyShape& key, const Modifiers& modifiers, CursorKeys cursor_keys)
{
    const std::string bytes{key.bytes};
    if (key.shape == Shape::tilde) {
        return "\x1b[" + bytes + (modifiers.any() ? ";" + modifiers.number() : "") + "~";
    }
    if (modifiers.any()) {
        return "\x1b[1;" + modifiers.number() + bytes;
    }
    const bool ss3 = key.shape == Shape::ss3 || cursor_keys == CursorKeys::application;
    return (ss3 ? "\x1bO" : "\x1b[") + bytes;
}

} // namespace

bool is_key(std::string_view name)
{
    return bytes_of(name, CursorKeys::normal).has_value();
}

std::optional<std::string> bytes_of(std::string_view name, CursorKeys cursor_keys)
{
    const auto modifiers = take_modifiers(name);
    const auto found = std::ranges::find(table, name, &KeyShape::name);
    if (!name.empty() && found != table.end()) {
        if (found->shape != Shape::plain) {
            return of_shape(*found, modifiers, cursor_keys);
        }
        const bool space = found->name == "Space";
        if (modifiers.shift || (modifiers.control && !space)) {
            return std::nullopt; // tmux sends what few programs know.
        }
        return of_text(std::string{found->bytes}, modifiers);
    }
    const bool printed =
        !name.empty() && static_cast<unsigned char>(name.front()) >= 0x20 && name.front() != 0x7f;
    if (!printed || common::utf8_sequence(name) != name.size() || modifiers.shift) {
        return std::nullopt;
    }
    return of_text(std::string{name}, modifiers);
}

} // namespace guest::terminals
