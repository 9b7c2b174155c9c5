#include "guest/terminals/pty_layout.hpp"

#include <algorithm>

namespace guest::terminals {

PtyLayout::Session* PtyLayout::session(std::string_view name_or_id)
{
    const auto found = std::ranges::find_if(sessions_, [&](const Session& each) {
        return each.name == name_or_id || "$" + std::to_string(each.id) == name_or_id;
    });
    return found == sessions_.end() ? nullptr : &*found;
}

PtyLayout::Place PtyLayout::window(std::string_view id)
{
    for (auto& session : sessions_) {
        for (auto& window : session.windows) {
            if ("@" + std::to_string(window.id) == id) {
                return {&session, &window, 0};
            }
        }
    }
    return {};
}

PtyLayout::Window* PtyLayout::window_named(Session& session, std::string_view name)
{
    const auto found = std::ranges::find(session.windows, name, &Window::name);
    return found == session.windows.end() ? nullptr : &*found;
}

PtyLayout::Window& PtyLayout::active_window(Session& session)
{
    const auto found = std::ranges::find(session.windows, session.active, &Window::id);
    return found == session.windows.end() ? session.windows.front() : *found;
}

std::optional<PtyLayout::Place> PtyLayout::place_of(std::uint32_t pane)
{
    for (auto& session : sessions_) {
        for (auto& window : session.windows) {
            const auto found = std::ranges::find(window.panes, pane);
            if (found != window.panes.end()) {
                return Place{
                    &session, &window, static_cast<std::uint32_t>(found - window.panes.begin())};
            }
        }
    }
    return std::nullopt;
}

std::string PtyLayout::free_name()
{
    for (std::uint32_t number = next_session_;; ++number) {
        auto name = std::to_string(number);
        if (session(name) == nullptr) {
            return name;
        }
    }
}

PtyLayout::Session& PtyLayout::add_session(std::string name, std::int64_t created)
{
    Session session;
    session.id = next_session_++;
    session.name = std::move(name);
    session.created = created;
    sessions_.push_back(std::move(session));
    return sessions_.back();
}

PtyLayout::Window& PtyLayout::add_window(Session& session, std::string name, TerminalSize size)
{
    Window window;
    window.id = next_window_++;
    window.name = std::move(name);
    window.size = size;
    // The first index that is free, as tmux gives them.
    auto place = session.windows.begin();
    for (; place != session.windows.end() && place->index == window.index; ++place) {
        ++window.index;
    }
    session.active = window.id;
    return *session.windows.insert(place, std::move(window));
}

void PtyLayout::add_pane(Window& window, std::uint32_t pane)
{
    const auto after = std::ranges::find(window.panes, window.active);
    window.panes.insert(after == window.panes.end() ? after : after + 1, pane);
    window.active = pane;
}

void PtyLayout::activate(std::uint32_t pane)
{
    if (const auto place = place_of(pane)) {
        place->window->active = pane;
        place->session->active = place->window->id;
    }
}

void PtyLayout::remove_pane(std::uint32_t pane)
{
    const auto place = place_of(pane);
    if (!place) {
        return;
    }
    auto& [session, window, index] = *place;
    std::erase(window->panes, pane);
    if (!window->panes.empty()) {
        if (window->active == pane) {
            window->active = window->panes[std::min<std::size_t>(index, window->panes.size() - 1)];
        }
        return;
    }
    const auto gone = window->id;
    std::erase_if(session->windows, [gone](const Window& each) { return each.id == gone; });
    if (session->windows.empty()) {
        const auto id = session->id;
        std::erase_if(sessions_, [id](const Session& each) { return each.id == id; });
    } else if (session->active == gone) {
        session->active = session->windows.front().id;
    }
}

} // namespace guest::terminals
