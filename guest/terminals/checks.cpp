#include "guest/terminals/checks.hpp"

#include "common/utf8.hpp"
#include "guest/terminals/keys.hpp"

#include <algorithm>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t name_at_most = 64;
constexpr std::size_t variables_at_most = 64;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

Error invalid(std::string message, std::string reason)
{
    return {ErrorCode::invalid_argument, std::move(message), std::move(reason)};
}

bool is_text(std::string_view text)
{
    return common::is_utf8(text) && text.find('\0') == std::string_view::npos;
}

} // namespace

Result<> check_name(std::string_view name)
{
    const bool good = !name.empty() && name.size() <= name_at_most && name.front() != '-' &&
                      std::ranges::all_of(name, [](char c) { return is_word(c) || c == '-'; });
    if (!good) {
        return invalid("a name has 1 to 64 letters, digits, '_' and '-', and no '-' first",
                       "invalid_name");
    }
    return {};
}

Result<> check_id(std::string_view id, char kind)
{
    const bool good = id.size() >= 2 && id.size() <= 10 && id.front() == kind &&
                      std::ranges::all_of(id.substr(1), is_digit);
    if (!good) {
        return invalid(std::string{"an id is '"} + kind + "' and a number", "invalid_id");
    }
    return {};
}

Result<> check_session(std::string_view session)
{
    return session.starts_with('$') ? check_id(session, '$') : check_name(session);
}

Result<> check_size(TerminalSize size)
{
    if (size.columns == 0 || size.rows == 0 || size.columns > columns_at_most ||
        size.rows > rows_at_most) {
        return invalid("a terminal has 1 to 500 columns and 1 to 200 rows", "invalid_size");
    }
    return {};
}

Result<> check_program(const PaneProgram& program)
{
    if (program.line.find('\0') != std::string::npos) {
        return invalid("a command line has no NUL", "invalid_program");
    }
    if (!program.cwd.empty() &&
        (program.cwd.front() != '/' || program.cwd.size() > folder_at_most ||
         program.cwd.find('\0') != std::string::npos)) {
        return invalid("a folder is an absolute path of at most 1024 bytes", "invalid_program");
    }
    std::size_t bytes = program.line.size();
    for (const auto& [name, value] : program.env) {
        bytes += name.size() + value.size();
        if (name.empty() || is_digit(name.front()) || !std::ranges::all_of(name, is_word) ||
            value.find('\0') != std::string::npos) {
            return invalid("a variable's name has letters, digits and '_', its value no NUL",
                           "invalid_program");
        }
    }
    if (program.env.size() > variables_at_most || bytes > command_at_most) {
        return invalid("at most 64 variables, and with the command 8192 bytes", "invalid_program");
    }
    return {};
}

Result<> check(const NewSession& wanted)
{
    if (!wanted.name.empty()) {
        COMMON_CHECK(check_name(wanted.name));
    }
    if (!wanted.window.empty()) {
        COMMON_CHECK(check_name(wanted.window));
    }
    COMMON_CHECK(check_size(wanted.size));
    return check_program(wanted.program);
}

Result<> check(const NewPane& wanted)
{
    COMMON_CHECK(check_session(wanted.session));
    const auto& window = wanted.new_window ? *wanted.new_window : wanted.window;
    if (!window.empty()) {
        COMMON_CHECK(check_name(window));
    }
    return check_program(wanted.program);
}

Result<> check_keys(const std::vector<Key>& keys)
{
    std::size_t bytes = 0;
    for (const auto& key : keys) {
        if (const auto* named = std::get_if<NamedKey>(&key); named != nullptr) {
            if (!is_key(named->name)) {
                return invalid("no key is called '" + named->name.substr(0, 32) + "'",
                               "invalid_keys");
            }
            continue;
        }
        const auto& text = std::get<TypedText>(key).text;
        bytes += text.size();
        if (!is_text(text)) {
            return invalid("text is UTF-8 without NUL", "invalid_keys");
        }
    }
    if (keys.empty()) {
        return invalid("no keys", "invalid_keys");
    }
    if (keys.size() > keys_at_most || bytes > text_at_most) {
        return Error{ErrorCode::too_large,
                     "at most 256 keys and texts of 8192 bytes together",
                     "too_many_keys"};
    }
    return {};
}

std::vector<std::string> argv_of(const PaneProgram& program, const User& user)
{
    if (!program.line.empty()) {
        return {"/bin/sh", "-c", program.line};
    }
    return {user.shell.empty() ? "/bin/sh" : user.shell, "-l"};
}

std::string default_name(const PaneProgram& program, const User& user)
{
    // The first word of the line, or the shell, without its path and whatever no name may have.
    std::string name = program.line.substr(0, program.line.find(' '));
    if (program.line.empty()) {
        name = user.shell;
    }
    name = name.substr(name.find_last_of('/') + 1); // npos + 1 is 0.
    std::erase_if(name, [](char c) { return !is_word(c); });
    return name.empty() ? "sh" : name.substr(0, name_at_most);
}

Error no_such_pane(std::string_view pane)
{
    return {ErrorCode::not_found, "no pane " + std::string{pane}, "no_such_pane"};
}

Error no_such_window(std::string_view window)
{
    return {ErrorCode::not_found, "no window " + std::string{window}, "no_such_window"};
}

Error no_such_session(std::string_view session)
{
    return {ErrorCode::not_found, "no session " + std::string{session}, "no_such_session"};
}

Error pane_ended(std::string_view pane)
{
    return {ErrorCode::failed_precondition,
            "the program of pane " + std::string{pane} + " has ended",
            "pane_ended"};
}

} // namespace guest::terminals
