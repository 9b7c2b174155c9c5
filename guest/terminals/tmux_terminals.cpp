#include "guest/terminals/tmux_terminals.hpp"

#include "guest/terminals/checks.hpp"
#include "vt/characters.hpp"
#include "vt/parser.hpp"

#include <algorithm>
#include <set>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error exhausted(std::string what, std::string reason)
{
    return {ErrorCode::resource_exhausted, "no more " + what + " in this guest", std::move(reason)};
}

/// One view of those that were printed: of a command that prints one.
template <typename View>
Result<View> only(Result<std::vector<View>> views)
{
    if (!views) {
        return std::move(views).error();
    }
    if (views->size() != 1) {
        return Error{ErrorCode::internal, "tmux printed something else", "tmux_failed"};
    }
    return std::move(views->front());
}

/// What tmux shows, without the looks. Asked for without them it shows lines that were drawn as
/// the letters that stand for them.
class Plain final : public vt::Actions {
public:
    static std::string text(std::string_view captured)
    {
        Plain plain;
        vt::Parser parser;
        for (const char byte : captured) {
            parser.feed(byte, plain);
        }
        return std::move(plain.text_);
    }

private:
    void print(char32_t character) override
    {
        vt::append_utf8(text_, drawing_ ? vt::drawn_as(character) : character);
    }
    void control(char byte) override
    {
        if (byte == '\n') {
            text_ += byte;
        } else if (byte == 0x0e || byte == 0x0f) {
            drawing_ = byte == 0x0e;
        }
    }
    void escape(char /*intermediate*/, char /*final*/) override {}
    void sequence(const vt::ControlSequence& /*sequence*/) override {}
    void command(int /*number*/, std::string_view /*text*/) override {}

    std::string text_;
    bool drawing_ = false;
};

/// The last lines of a capture, without the blank ones at the end.
PaneText text_of(std::string_view printed, std::size_t last_lines)
{
    const auto whole = Plain::text(printed);
    std::vector<std::string_view> lines;
    for (std::size_t from = 0; from < whole.size();) {
        const auto to = std::min(whole.find('\n', from), whole.size());
        auto line = std::string_view{whole}.substr(from, to - from);
        line = line.substr(0, line.find_last_not_of(' ') + 1);
        lines.push_back(line);
        from = to + 1;
    }
    while (!lines.empty() && lines.back().empty()) {
        lines.pop_back();
    }
    PaneText text;
    std::size_t bytes = 0;
    auto first = lines.end();
    const auto wanted = last_lines == 0 ? lines.size() : std::min(last_lines, lines.size());
    while (text.lines < wanted && !text.truncated) {
        const auto size = (first - 1)->size() + 1;
        text.truncated = bytes + size > read_bytes_at_most;
        if (!text.truncated) {
            bytes += size;
            ++text.lines;
            --first;
        }
    }
    for (; first != lines.end(); ++first) {
        text.content.append(*first).append("\n");
    }
    return text;
}

} // namespace

TmuxTerminals::TmuxTerminals(const common::Clock& clock, TmuxProgram program, const Limits& limits)
    : clock_{clock},
      program_{std::move(program)},
      limits_{limits},
      runs_{clock, program_, limits},
      endings_{clock}
{}

void TmuxTerminals::run(const TmuxWords& words,
                        Error without_server,
                        std::function<void(Printed)> then,
                        std::string cwd)
{
    runs_.run(words.words(),
              std::move(cwd),
              [without_server = std::move(without_server),
               then = std::move(then)](Result<TmuxRuns::Outcome> outcome) {
                  if (!outcome) {
                      return then(std::move(outcome).error());
                  }
                  if (outcome->succeeded) {
                      return then(std::move(outcome->printed));
                  }
                  auto error = tmux_error(outcome->complaint);
                  then(error.reason == no_server ? without_server : std::move(error));
              });
}

void TmuxTerminals::run_for_nothing(const TmuxWords& words, Error without_server, Then<> then)
{
    run(words, std::move(without_server), [then = std::move(then)](const Printed& printed) {
        then(printed ? Result<>{} : Result<>{printed.error()});
    });
}

void TmuxTerminals::with_room(std::size_t cells, std::function<void(Panes)> then)
{
    panes("", [this, cells, then = std::move(then)](Panes panes) {
        if (!panes) {
            return then(std::move(panes));
        }
        if (panes->size() >= limits_.panes) {
            return then(exhausted("panes", "too_many_panes"));
        }
        std::size_t all = cells;
        for (const auto& pane : *panes) {
            all += std::size_t{pane.size.columns} * pane.size.rows;
        }
        if (all > limits_.cells) {
            return then(exhausted("columns and rows", "too_many_cells"));
        }
        then(std::move(panes));
    });
}

void TmuxTerminals::add_program(TmuxWords& words, const PaneProgram& program) const
{
    words.add("-c").add(literal(program.cwd.empty() ? program_.user.home : program.cwd));
    words.add("--");
    if (!program.env.empty()) {
        words.add("env"); // Older tmux have no -e for all of these commands.
        for (const auto& [name, value] : program.env) {
            words.add(name + "=" + value);
        }
    }
    for (const auto& word : argv_of(program, program_.user)) {
        words.add(word);
    }
}

void TmuxTerminals::create_session(const NewSession& wanted, Then<SessionView> then)
{
    if (auto checked = check(wanted); !checked) {
        return then(std::move(checked).error());
    }
    const auto cells = std::size_t{wanted.size.columns} * wanted.size.rows;
    with_room(cells, [this, wanted, then = std::move(then)](const Panes& panes) {
        if (!panes) {
            return then(panes.error());
        }
        std::set<std::string> names;
        for (const auto& pane : *panes) {
            names.insert(pane.session);
        }
        if (names.size() >= limits_.sessions && !names.contains(wanted.name)) {
            return then(exhausted("sessions", "too_many_sessions"));
        }
        new_session(wanted, 3, then);
    });
}

void TmuxTerminals::new_session(const NewSession& wanted,
                                int tries_left,
                                const Then<SessionView>& then)
{
    const TmuxRecords records;
    TmuxWords words;
    // What ended is kept to be read; no line of the screen is tmux's own.
    words.command("start-server");
    words.command("set-option").add({"-g", "status", "off"});
    words.command("set-option")
        .add({"-g", "history-limit", std::to_string(limits_.scrollback_lines)});
    words.command("set-window-option").add({"-g", "remain-on-exit", "on"});
    words.command("set-window-option").add({"-gq", "remain-on-exit-format", ""});
    words.command("new-session").add({"-d", "-P", "-F", records.session_format()});
    words.add({"-x", std::to_string(wanted.size.columns)});
    words.add({"-y", std::to_string(wanted.size.rows)});
    if (!wanted.name.empty()) {
        words.add({"-s", wanted.name});
    }
    words.add(
        {"-n",
         wanted.window.empty() ? default_name(wanted.program, program_.user) : wanted.window});
    add_program(words, wanted.program);
    run(
        words,
        Error{ErrorCode::unavailable, "tmux's server does not start", "tmux_gone"},
        [this, records, wanted, tries_left, then](const Printed& printed) {
            // One that ends, for want of sessions, takes who comes at that moment along.
            if (!printed && printed.error().reason == "tmux_gone" && tries_left > 1) {
                return new_session(wanted, tries_left - 1, then);
            }
            then(printed ? only(records.sessions(*printed)) : printed.error());
        },
        wanted.program.cwd);
}

void TmuxTerminals::create_pane(const NewPane& wanted, Then<PaneView> then)
{
    if (auto checked = check(wanted); !checked) {
        return then(std::move(checked).error());
    }
    with_room(0, [this, wanted, then = std::move(then)](const Panes& panes) {
        if (!panes) {
            return then(panes.error());
        }
        if (panes->empty()) {
            return then(no_such_session(wanted.session));
        }
        const TmuxRecords records;
        const auto target = session_target(wanted.session);
        TmuxWords words;
        if (wanted.new_window) {
            words.command("new-window").add({"-P", "-F", records.pane_format(), "-t", target});
            words.add({"-n",
                       wanted.new_window->empty() ? default_name(wanted.program, program_.user)
                                                  : *wanted.new_window});
        } else {
            words.command("split-window").add({"-P", "-F", records.pane_format()});
            words.add(wanted.split == Split::below ? "-v" : "-h");
            words.add({"-t", target + (wanted.window.empty() ? "" : "=" + wanted.window)});
        }
        add_program(words, wanted.program);
        run(
            words,
            no_such_session(wanted.session),
            [records, then](const Printed& printed) {
                then(printed ? only(records.panes(*printed)) : printed.error());
            },
            wanted.program.cwd);
    });
}

void TmuxTerminals::read(const std::string& pane, std::uint32_t last_lines, Then<PaneText> then)
{
    if (auto checked = check_id(pane, '%'); !checked) {
        return then(std::move(checked).error());
    }
    const auto wanted = std::min<std::size_t>(last_lines, read_lines_at_most);
    TmuxWords words;
    words.command("capture-pane").add({"-p", "-e", "-t", pane});
    if (wanted > 0) {
        words.add({"-S", "-" + std::to_string(wanted)});
    }
    run(words, no_such_pane(pane), [pane, wanted, then = std::move(then)](const Printed& printed) {
        if (!printed) {
            return then(printed.error());
        }
        auto text = text_of(*printed, wanted);
        text.pane = pane;
        then(std::move(text));
    });
}

void TmuxTerminals::send_keys(const std::string& pane, const std::vector<Key>& keys, Then<> then)
{
    auto checked = check_keys(keys);
    if (checked) {
        checked = check_id(pane, '%');
    }
    if (!checked) {
        return then(std::move(checked));
    }
    // tmux drops the keys of a program that has ended, without a word.
    TmuxWords words;
    words.command("display-message").add({"-p", "-t", pane, "#{pane_dead}"});
    add_keys(words, pane, keys);
    run(words, no_such_pane(pane), [pane, then = std::move(then)](const Printed& printed) {
        if (!printed) {
            return then(printed.error());
        }
        if (*printed == "1\n") {
            return then(pane_ended(pane));
        }
        then(*printed == "0\n" ? Result<>{} : Result<>{no_such_pane(pane)});
    });
}

} // namespace guest::terminals
