#include "coordinator/http/rest/terminal_models.hpp"

#include "coordinator/http/rest/event_text.hpp"

namespace coordinator::http::rest {

namespace {

Json session_json(const TerminalSession& session)
{
    return {{"id", session.id},
            {"name", session.name},
            {"windows", session.windows},
            {"created", common::to_rfc3339(session.created)},
            {"attached", session.attached},
            {"last_pane_x", session.column},
            {"last_pane_y", session.row}};
}

Json window_json(const TerminalWindow& window)
{
    return {{"id", window.id},
            {"session_name", window.session},
            {"index", window.index},
            {"name", window.name},
            {"active", window.active},
            {"panes", window.panes},
            {"width", window.columns},
            {"height", window.rows}};
}

void put_end(Json& json, const std::optional<TerminalEnd>& end)
{
    if (end) {
        json["exit_code"] = end->exit_code;
        if (end->signal != 0) {
            json["signal"] = end->signal;
        }
    }
}

Json pane_json(const TerminalPane& pane)
{
    Json json{{"pane_id", pane.id},
              {"session_name", pane.session},
              {"window_index", pane.window_index},
              {"window_name", pane.window},
              {"pane_index", pane.index},
              {"pane_title", pane.title},
              {"current_path", pane.path},
              {"pane_pid", pane.pid},
              {"active", pane.active},
              {"pane_width", pane.columns},
              {"pane_height", pane.rows},
              {"ended", pane.ended}};
    put_end(json, pane.end);
    return json;
}

template <typename T>
Json list_of(const std::vector<T>& all, Json (*to_item)(const T&))
{
    auto json = Json::array();
    for (const auto& each : all) {
        json.push_back(to_item(each));
    }
    return json;
}

Json made_session_json(const TerminalAnswer& answer)
{
    const auto session = answer.sessions.empty() ? TerminalSession{} : answer.sessions.front();
    return {{"session_id", session.id}, {"session_name", session.name}};
}

Json made_pane_json(const TerminalAnswer& answer)
{
    const auto pane = answer.panes.empty() ? TerminalPane{} : answer.panes.front();
    return {{"pane_id", pane.id},
            {"session_name", pane.session},
            {"window_index", pane.window_index},
            {"pane_index", pane.index}};
}

} // namespace

Json terminal_answer_json(const TerminalRequest& request, const TerminalAnswer& answer)
{
    switch (request.action) {
    case TerminalAction::sessions: return list_of(answer.sessions, &session_json);
    case TerminalAction::windows: return list_of(answer.windows, &window_json);
    case TerminalAction::panes: return {{"panes", list_of(answer.panes, &pane_json)}};
    case TerminalAction::create_session: return made_session_json(answer);
    case TerminalAction::create_pane: return made_pane_json(answer);
    case TerminalAction::read:
        return {{"pane_id", request.target},
                {"content", answer.text},
                {"lines", answer.lines},
                {"truncated", answer.truncated}};
    case TerminalAction::send_keys: return {{"pane_id", request.target}, {"sent", true}};
    case TerminalAction::resize: return {{"pane_id", request.target}, {"resized", true}};
    case TerminalAction::switch_to: return {{"pane_id", request.target}, {"switched", true}};
    case TerminalAction::kill_pane: return {{"pane_id", request.target}, {"success", true}};
    case TerminalAction::kill_window: return {{"window_id", request.target}, {"success", true}};
    case TerminalAction::kill_session: return {{"session_name", answer.name}, {"success", true}};
    case TerminalAction::watch: break;
    }
    return Json::object();
}

std::string PaneStream::take(std::size_t size)
{
    std::string text;
    if (!std::exchange(begun_, true)) {
        text = event_text("connected", 0, Json{{"pane_id", pane_}});
    }
    while (!told_end_ && text.size() < size) {
        const auto piece = watch_->take();
        if (!piece && !watch_->ended()) {
            break;
        }
        Json json = Json::object();
        if (!piece || piece->what == "ended") {
            told_end_ = true;
            if (piece) {
                put_end(json, piece->end);
            }
            set_if(json, "reason", piece ? piece->reason : "watch_broken");
            text += event_text("ended", told_ + 1, json);
            break;
        }
        if (piece->what != "output") {
            json["rows"] = piece->rows;
            json["cols"] = piece->columns;
        }
        if (piece->what != "size") {
            set_bytes(json, piece->bytes);
        }
        text += event_text(piece->what, ++told_, json);
    }
    return text;
}

std::string PaneStream::sign_of_life() const
{
    return event_text("keepalive", told_, Json::object());
}

} // namespace coordinator::http::rest
