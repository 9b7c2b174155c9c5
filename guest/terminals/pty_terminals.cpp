#include "guest/terminals/pty_terminals.hpp"

#include "guest/terminals/checks.hpp"

#include <algorithm>
#include <charconv>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error too_many(std::string what, std::string reason)
{
    return {ErrorCode::resource_exhausted, "no more " + what + " in this guest", std::move(reason)};
}

std::uint32_t pane_number(const std::string& id)
{
    std::uint32_t number = 0;
    std::from_chars(id.data() + 1, id.data() + id.size(), number);
    return number;
}

} // namespace

PtyTerminals::PtyTerminals(const common::Clock& clock,
                           User user,
                           std::string group,
                           const Limits& limits)
    : clock_{clock},
      user_{std::move(user)},
      group_{std::move(group)},
      limits_{limits},
      endings_{clock}
{}

PtyTerminals::~PtyTerminals()
{
    std::vector<Endings::Leader> leaders;
    for (const auto& [id, pane] : panes_) {
        leaders.push_back(pane.leader());
    }
    if (!leaders.empty()) {
        Endings::kill(leaders);
    }
}

Result<PtyTerminals::Found> PtyTerminals::find(const std::string& pane)
{
    COMMON_CHECK(check_id(pane, '%'));
    const auto found = panes_.find(pane_number(pane));
    if (found == panes_.end()) {
        return no_such_pane(pane);
    }
    return Found{found->first, &found->second};
}

std::size_t PtyTerminals::cells() const
{
    std::size_t cells = 0;
    for (const auto& [id, pane] : panes_) {
        const auto size = pane.screen().size();
        cells += std::size_t{size.columns} * size.rows;
    }
    return cells;
}

std::size_t PtyTerminals::watchers() const
{
    std::size_t count = ended_watches_.size();
    for (const auto& [id, pane] : panes_) {
        count += pane.watchers().size();
    }
    return count;
}

Result<std::uint32_t> PtyTerminals::start(const PaneProgram& program, TerminalSize size)
{
    if (panes_.size() >= limits_.panes) {
        return too_many("panes", "too_many_panes");
    }
    if (cells() + std::size_t{size.columns} * size.rows > limits_.cells) {
        return too_many("columns and rows", "too_many_cells");
    }
    COMMON_TRY(auto pane, PtyPane::start(program, user_, group_, size, limits_));
    const auto id = next_pane_++;
    panes_.emplace(id, std::move(pane));
    return id;
}

void PtyTerminals::create_session(const NewSession& wanted, Then<SessionView> then)
{
    const auto add = [&]() -> Result<SessionView> {
        COMMON_CHECK(check(wanted));
        if (!wanted.name.empty() && layout_.session(wanted.name) != nullptr) {
            return Error{
                ErrorCode::already_exists, "there is a session " + wanted.name, "session_exists"};
        }
        if (layout_.sessions().size() >= limits_.sessions) {
            return too_many("sessions", "too_many_sessions");
        }
        COMMON_TRY(const auto pane, start(wanted.program, wanted.size));
        auto& session = layout_.add_session(
            wanted.name.empty() ? layout_.free_name() : wanted.name,
            std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch())
                .count());
        auto name = wanted.window.empty() ? default_name(wanted.program, user_) : wanted.window;
        auto& window = layout_.add_window(session, std::move(name), wanted.size);
        PtyLayout::add_pane(window, pane);
        return view(session);
    };
    then(add());
}

Result<std::uint32_t> PtyTerminals::add_pane(const NewPane& wanted)
{
    COMMON_CHECK(check(wanted));
    auto* const session = layout_.session(wanted.session);
    if (session == nullptr) {
        return no_such_session(wanted.session);
    }
    auto* window = &PtyLayout::active_window(*session);
    if (!wanted.new_window && !wanted.window.empty()) {
        window = PtyLayout::window_named(*session, wanted.window);
        if (window == nullptr) {
            return no_such_window(wanted.window);
        }
    }
    COMMON_TRY(const auto pane, start(wanted.program, window->size));
    if (wanted.new_window) {
        auto name =
            wanted.new_window->empty() ? default_name(wanted.program, user_) : *wanted.new_window;
        window = &layout_.add_window(*session, std::move(name), window->size);
    }
    PtyLayout::add_pane(*window, pane);
    layout_.activate(pane);
    return pane;
}

void PtyTerminals::create_pane(const NewPane& wanted, Then<PaneView> then)
{
    const auto pane = add_pane(wanted);
    if (!pane) {
        return then(pane.error());
    }
    then(view(*pane));
}

void PtyTerminals::read(const std::string& pane, std::uint32_t last_lines, Then<PaneText> then)
{
    const auto found = find(pane);
    if (!found) {
        return then(found.error());
    }
    auto text = found->pane->screen().text(
        std::min<std::uint32_t>(last_lines, static_cast<std::uint32_t>(read_lines_at_most)),
        read_bytes_at_most);
    then(PaneText{pane, std::move(text.content), text.lines, text.truncated});
}

void PtyTerminals::send_keys(const std::string& pane, const std::vector<Key>& keys, Then<> then)
{
    const auto send = [&]() -> Result<> {
        COMMON_CHECK(check_keys(keys));
        COMMON_TRY(const auto found, find(pane));
        if (found.pane->end()) {
            return pane_ended(pane);
        }
        return found.pane->type(keys);
    };
    then(send());
}

Result<> PtyTerminals::resize_window(const std::string& pane, TerminalSize size)
{
    COMMON_CHECK(check_size(size));
    COMMON_TRY(const auto found, find(pane));
    auto& window = *layout_.place_of(found.id)->window;
    const auto cells_of = [&](TerminalSize each) {
        return std::size_t{each.columns} * each.rows * window.panes.size();
    };
    if (cells() - cells_of(window.size) + cells_of(size) > limits_.cells) {
        return too_many("columns and rows", "too_many_cells");
    }
    window.size = size;
    for (const auto each : window.panes) {
        panes_.at(each).resize(size);
    }
    return {};
}

void PtyTerminals::resize(const std::string& pane, TerminalSize size, Then<> then)
{
    then(resize_window(pane, size));
}

void PtyTerminals::switch_to(const std::string& pane, Then<> then)
{
    const auto found = find(pane);
    if (!found) {
        return then(found.error());
    }
    layout_.activate(found->id);
    then({});
}

/// The panes go at once, what runs in them in its time.
void PtyTerminals::end(const std::vector<std::uint32_t>& panes, std::function<void()> then)
{
    std::vector<Endings::Leader> leaders;
    for (const auto id : panes) {
        auto& pane = panes_.at(id);
        leaders.push_back(pane.leader());
        pane.end_watches({WatchPiece::Kind::ended, {}, {}, {}, "killed"});
        for (const auto& [watch, queue] : pane.watchers()) {
            ended_watches_.emplace(watch, queue);
        }
        layout_.remove_pane(id);
        panes_.erase(id); // Which hangs its terminal up.
    }
    endings_.end(std::move(leaders), std::move(then));
}

void PtyTerminals::kill_pane(const std::string& pane, Then<> then)
{
    const auto found = find(pane);
    if (!found) {
        return then(found.error());
    }
    end({found->id}, [then = std::move(then)] { then({}); });
}

void PtyTerminals::kill_window(const std::string& window, Then<> then)
{
    if (auto checked = check_id(window, '@'); !checked) {
        return then(std::move(checked));
    }
    const auto place = layout_.window(window);
    if (place.window == nullptr) {
        return then(no_such_window(window));
    }
    end(std::vector{place.window->panes}, [then = std::move(then)] { then({}); });
}

void PtyTerminals::kill_session(const std::string& session, Then<std::string> then)
{
    const auto found = meant(session);
    if (!found || session.empty()) {
        return then(found ? no_such_session(session) : found.error());
    }
    std::vector<std::uint32_t> panes;
    for (const auto& window : found->front()->windows) {
        panes.insert(panes.end(), window.panes.begin(), window.panes.end());
    }
    end(panes, [then = std::move(then), name = found->front()->name] { then(name); });
}

Result<WatchId> PtyTerminals::add_watch(const std::string& pane)
{
    COMMON_TRY(const auto found, find(pane));
    if (watchers() >= limits_.watchers) {
        return too_many("watchers", "too_many_watchers");
    }
    const auto id = next_watch_++;
    found.pane->watch(id);
    return id;
}

void PtyTerminals::watch(const std::string& pane, Then<WatchId> then)
{
    then(add_watch(pane));
}

} // namespace guest::terminals
