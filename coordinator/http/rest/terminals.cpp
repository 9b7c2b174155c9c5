#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/terminal_models.hpp"
#include "coordinator/http/rest/terminal_parsers.hpp"

namespace coordinator::http::rest {

using common::Result;

template <TerminalAction action>
Result<Reply> use_terminal(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto wanted, parse_terminal(action, request));
    COMMON_TRY(const auto answer, context.guests.terminals.ask(request.caller, id, wanted));
    return Reply{.body = text_of(terminal_answer_json(wanted, answer))};
}

Result<Reply> watch_pane(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto wanted, parse_terminal(TerminalAction::watch, request));
    COMMON_TRY(auto watch, context.guests.terminals.watch(request.caller, id, wanted));
    return event_stream(std::make_shared<PaneStream>(wanted.target, std::move(watch)));
}

template Result<Reply> use_terminal<TerminalAction::sessions>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::windows>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::panes>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::create_session>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::create_pane>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::read>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::send_keys>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::resize>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::switch_to>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::kill_pane>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::kill_window>(const Context&, const Request&);
template Result<Reply> use_terminal<TerminalAction::kill_session>(const Context&, const Request&);

} // namespace coordinator::http::rest
