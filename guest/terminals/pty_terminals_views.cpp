#include "guest/terminals/checks.hpp"
#include "guest/terminals/pty_terminals.hpp"

#include <algorithm>

namespace guest::terminals {

using common::Result;

SessionView PtyTerminals::view(PtyLayout::Session& session)
{
    SessionView view;
    view.id = "$" + std::to_string(session.id);
    view.name = session.name;
    view.created = session.created;
    view.windows = static_cast<std::uint32_t>(session.windows.size());
    const auto watched = [this](std::uint32_t id) { return !panes_.at(id).watchers().empty(); };
    view.attached = std::ranges::any_of(session.windows, [&](const PtyLayout::Window& window) {
        return std::ranges::any_of(window.panes, watched);
    });
    const auto& screen = panes_.at(PtyLayout::active_window(session).active).screen();
    view.column = static_cast<std::uint16_t>(screen.column());
    view.row = static_cast<std::uint16_t>(screen.row());
    return view;
}

WindowView PtyTerminals::view(const PtyLayout::Session& session, const PtyLayout::Window& window)
{
    WindowView view;
    view.id = "@" + std::to_string(window.id);
    view.session = session.name;
    view.index = window.index;
    view.name = window.name;
    view.active = session.active == window.id;
    view.panes = static_cast<std::uint32_t>(window.panes.size());
    view.size = window.size;
    return view;
}

PaneView PtyTerminals::view(std::uint32_t id)
{
    const auto place = *layout_.place_of(id);
    const auto& pane = panes_.at(id);
    PaneView view;
    view.id = "%" + std::to_string(id);
    view.session = place.session->name;
    view.window_index = place.window->index;
    view.window = place.window->name;
    view.index = place.index;
    view.title = pane.screen().title();
    view.path = pane.path();
    view.pid = pane.pid();
    view.active = place.window->active == id;
    view.size = pane.screen().size();
    view.ended = pane.end().has_value();
    view.end = pane.end();
    return view;
}

Result<std::vector<PtyLayout::Session*>> PtyTerminals::meant(const std::string& session)
{
    std::vector<PtyLayout::Session*> found;
    if (session.empty()) {
        for (auto& each : layout_.sessions()) {
            found.push_back(&each);
        }
        return found;
    }
    COMMON_CHECK(check_session(session));
    auto* const one = layout_.session(session);
    if (one == nullptr) {
        return no_such_session(session);
    }
    found.push_back(one);
    return found;
}

void PtyTerminals::sessions(Then<std::vector<SessionView>> then)
{
    std::vector<SessionView> views;
    for (auto& session : layout_.sessions()) {
        views.push_back(view(session));
    }
    then(std::move(views));
}

void PtyTerminals::windows(const std::string& session, Then<std::vector<WindowView>> then)
{
    const auto found = meant(session);
    if (!found) {
        return then(found.error());
    }
    std::vector<WindowView> views;
    for (const auto* each : *found) {
        for (const auto& window : each->windows) {
            views.push_back(view(*each, window));
        }
    }
    then(std::move(views));
}

void PtyTerminals::panes(const std::string& session, Then<std::vector<PaneView>> then)
{
    const auto found = meant(session);
    if (!found) {
        return then(found.error());
    }
    std::vector<PaneView> views;
    for (const auto* each : *found) {
        for (const auto& window : each->windows) {
            for (const auto pane : window.panes) {
                views.push_back(view(pane));
            }
        }
    }
    then(std::move(views));
}

std::optional<WatchPiece> PtyTerminals::next(WatchId watch, std::size_t bytes_at_most)
{
    auto gone = ended_watches_.find(watch);
    auto* queue = gone == ended_watches_.end() ? nullptr : &gone->second;
    for (auto& [id, pane] : panes_) {
        queue = queue == nullptr ? pane.watched(watch) : queue;
    }
    auto piece = queue == nullptr ? std::nullopt : queue->next(bytes_at_most);
    if (piece && piece->kind == WatchPiece::Kind::ended) {
        unwatch(watch);
    }
    return piece;
}

void PtyTerminals::unwatch(WatchId watch)
{
    ended_watches_.erase(watch);
    for (auto& [id, pane] : panes_) {
        pane.unwatch(watch);
    }
}

void PtyTerminals::descriptors(const std::function<void(int fd, short events)>& poll) const
{
    for (const auto& [id, pane] : panes_) {
        pane.descriptors(poll);
    }
}

void PtyTerminals::serve()
{
    for (auto& [id, pane] : panes_) {
        pane.serve(clock_.steady());
    }
}

std::optional<common::SteadyTime> PtyTerminals::on_time()
{
    auto next = endings_.on_time();
    for (auto& [id, pane] : panes_) {
        if (const auto due = pane.on_time(clock_.steady())) {
            next = next ? std::min(*next, *due) : *due;
        }
    }
    return next;
}

bool PtyTerminals::reaped(pid_t pid, int wait_status)
{
    for (auto& [id, pane] : panes_) {
        if (pane.pid() == pid && !pane.end()) {
            pane.reaped(wait_status, clock_.steady());
            return true;
        }
    }
    return endings_.reaped(pid);
}

bool PtyTerminals::idle() const
{
    return panes_.empty() && ended_watches_.empty() && endings_.empty();
}

} // namespace guest::terminals
