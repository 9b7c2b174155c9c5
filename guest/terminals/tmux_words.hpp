#pragma once

#include "guest/terminals/views.hpp"

#include <string_view>

namespace guest::terminals {

/// The arguments of one or several tmux commands, as one call of the program takes them. Nothing
/// in them is taken for another command.
class TmuxWords {
public:
    /// Begins a command, after those before it.
    TmuxWords& command(std::string_view name);
    /// An option or a value of ours. What somebody else said goes the same way: where it is no
    /// option's value, after a "--".
    TmuxWords& add(std::string_view word);
    TmuxWords& add(std::initializer_list<std::string_view> words);

    [[nodiscard]] const std::vector<std::string>& words() const noexcept { return words_; }

private:
    std::vector<std::string> words_;
};

/// Said where tmux expands formats: it means itself.
std::string literal(std::string_view text);
/// A session as a target, exactly that one.
std::string session_target(std::string_view session);
/// Adds what types all of the keys into the pane.
void add_keys(TmuxWords& words, std::string_view pane, const std::vector<Key>& keys);

} // namespace guest::terminals
