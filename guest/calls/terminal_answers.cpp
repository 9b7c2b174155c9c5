#include "guest/calls/terminal_answers.hpp"

#include "guest/calls/call_error.hpp"

#include <algorithm>
#include <array>

namespace guest::calls {

using common::Error;
using common::ErrorCode;
using common::Result;
using namespace terminals;
using proto::TerminalCall;
using proto::TerminalReply;

namespace {

using Answer = std::function<void(TerminalReply)>;

/// Titles and folders are a program's own words.
constexpr std::size_t longest_title = 1000;
constexpr std::size_t longest_path = 4096;

std::uint16_t narrow(std::uint32_t size)
{
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(size, UINT16_MAX));
}

TerminalSize size_of(const TerminalCall& call)
{
    return {narrow(call.rows), narrow(call.columns)};
}

PaneProgram program_of(const TerminalCall& call)
{
    return {call.line, call.cwd, call.env};
}

NewSession new_session(const TerminalCall& call)
{
    NewSession wanted{call.name, call.window, program_of(call)};
    if (call.rows != 0 || call.columns != 0) {
        wanted.size = size_of(call);
    }
    return wanted;
}

NewPane new_pane(const TerminalCall& call)
{
    NewPane wanted;
    wanted.session = call.target;
    if (call.new_window) {
        wanted.new_window = call.window;
    } else {
        wanted.window = call.window;
    }
    wanted.split = call.beside ? Split::beside : Split::below;
    wanted.program = program_of(call);
    return wanted;
}

std::vector<Key> keys_of(const TerminalCall& call)
{
    std::vector<Key> keys;
    for (const auto& [name, text] : call.keys) {
        keys.push_back(name.empty() ? Key{TypedText{text}} : Key{NamedKey{name}});
    }
    return keys;
}

std::optional<proto::TerminalEnd> end_of(const std::optional<PaneEnd>& end)
{
    return end ? std::optional{proto::TerminalEnd{end->exit_code, end->signal}} : std::nullopt;
}

// One for each kind of answer: where it stands in the reply.

void place(TerminalReply& reply, const SessionView& view)
{
    reply.sessions.push_back({view.id,
                              view.name.substr(0, longest_title),
                              view.created,
                              view.windows,
                              view.attached,
                              view.column,
                              view.row});
}

void place(TerminalReply& reply, const WindowView& view)
{
    reply.windows.push_back({view.id,
                             view.session.substr(0, longest_title),
                             view.index,
                             view.name.substr(0, longest_title),
                             view.active,
                             view.panes,
                             view.size.rows,
                             view.size.columns});
}

void place(TerminalReply& reply, const PaneView& view)
{
    reply.panes.push_back({view.id,
                           view.session.substr(0, longest_title),
                           view.window_index,
                           view.window.substr(0, longest_title),
                           view.index,
                           view.title.substr(0, longest_title),
                           view.path.substr(0, longest_path),
                           view.pid,
                           view.active,
                           view.size.rows,
                           view.size.columns,
                           view.ended,
                           end_of(view.end)});
}

void place(TerminalReply& reply, const PaneText& text)
{
    reply.text = text.content;
    reply.lines = text.lines;
    reply.truncated = text.truncated;
}

void place(TerminalReply& reply, const std::string& name)
{
    reply.name = name.substr(0, longest_title);
}

template <typename View>
void place(TerminalReply& reply, const std::vector<View>& views)
{
    const auto count = std::min(views.size(), proto::most_terminals);
    reply.truncated = count < views.size();
    std::for_each_n(views.begin(), count, [&reply](const View& view) { place(reply, view); });
}

template <typename T = void>
Then<T> then(const Answer& answer)
{
    return [answer](const Result<T>& result) {
        if (!result) {
            return answer(terminal_refusal(result.error()));
        }
        TerminalReply reply;
        if constexpr (!std::is_void_v<T>) {
            place(reply, *result);
        }
        answer(std::move(reply));
    };
}

using Act = void (*)(Terminals& on, const TerminalCall& call, const Answer& answer);
struct Named {
    std::string_view name;
    Act act;
};

constexpr std::array acts{
    Named{"sessions",
          [](Terminals& on, const TerminalCall&, const Answer& answer) {
              on.sessions(then<std::vector<SessionView>>(answer));
          }},
    Named{"windows",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.windows(call.target, then<std::vector<WindowView>>(answer));
          }},
    Named{"panes",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.panes(call.target, then<std::vector<PaneView>>(answer));
          }},
    Named{"create_session",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.create_session(new_session(call), then<SessionView>(answer));
          }},
    Named{"create_pane",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.create_pane(new_pane(call), then<PaneView>(answer));
          }},
    Named{"read",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.read(call.target, call.last_lines, then<PaneText>(answer));
          }},
    Named{"send_keys",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.send_keys(call.target, keys_of(call), then<>(answer));
          }},
    Named{"resize",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.resize(call.target, size_of(call), then<>(answer));
          }},
    Named{"switch_to",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.switch_to(call.target, then<>(answer));
          }},
    Named{"kill_pane",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.kill_pane(call.target, then<>(answer));
          }},
    Named{"kill_window",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.kill_window(call.target, then<>(answer));
          }},
    Named{"kill_session",
          [](Terminals& on, const TerminalCall& call, const Answer& answer) {
              on.kill_session(call.target, then<std::string>(answer));
          }},
};

constexpr std::string_view word_of(WatchPiece::Kind kind)
{
    switch (kind) {
    case WatchPiece::Kind::screen: return "screen";
    case WatchPiece::Kind::output: return "output";
    case WatchPiece::Kind::size: return "size";
    case WatchPiece::Kind::ended: break;
    }
    return "ended";
}

} // namespace

TerminalReply terminal_refusal(const Error& error)
{
    TerminalReply reply;
    reply.error = call_error(error);
    return reply;
}

void act(Terminals& terminals, const TerminalCall& call, Answer answer)
{
    const auto found = std::ranges::find(acts, std::string_view{call.what}, &Named::name);
    if (found == acts.end()) {
        return answer(terminal_refusal(
            {ErrorCode::unimplemented, "this agent cannot " + call.what, "agent_too_old"}));
    }
    found->act(terminals, call, answer);
}

proto::TerminalNews news_of(WatchPiece piece)
{
    return {std::string{word_of(piece.kind)},
            std::move(piece.bytes),
            piece.size.rows,
            piece.size.columns,
            end_of(piece.end),
            std::move(piece.reason)};
}

} // namespace guest::calls
