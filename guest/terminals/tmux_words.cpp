#include "guest/terminals/tmux_words.hpp"

namespace guest::terminals {

TmuxWords& TmuxWords::command(std::string_view name)
{
    if (!words_.empty()) {
        words_.emplace_back(";");
    }
    words_.emplace_back(name);
    return *this;
}

TmuxWords& TmuxWords::add(std::string_view word)
{
    std::string said{word};
    if (said.ends_with(';')) {
        said.insert(said.size() - 1, "\\"); // Else it would end the command.
    }
    words_.push_back(std::move(said));
    return *this;
}

TmuxWords& TmuxWords::add(std::initializer_list<std::string_view> words)
{
    for (const auto word : words) {
        add(word);
    }
    return *this;
}

std::string literal(std::string_view text)
{
    std::string said;
    for (const char c : text) {
        said += c;
        if (c == '#') {
            said += c; // "#(…)" would run a command.
        }
    }
    return said;
}

std::string session_target(std::string_view session)
{
    return (session.starts_with('$') ? "" : "=") + std::string{session} + ":";
}

void add_keys(TmuxWords& words, std::string_view pane, const std::vector<Key>& keys)
{
    bool names_go_on = false;
    for (const auto& key : keys) {
        if (const auto* text = std::get_if<TypedText>(&key); text != nullptr) {
            if (!text->text.empty()) {
                words.command("send-keys").add({"-t", pane, "-l", "--", text->text});
                names_go_on = false;
            }
            continue;
        }
        if (!names_go_on) {
            words.command("send-keys").add({"-t", pane, "--"});
            names_go_on = true;
        }
        words.add(std::get<NamedKey>(key).name);
    }
}

} // namespace guest::terminals
