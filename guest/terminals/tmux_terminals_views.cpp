#include "guest/terminals/checks.hpp"
#include "guest/terminals/tmux_terminals.hpp"

#include <algorithm>
#include <csignal>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

const Error nothing_there{ErrorCode::not_found, "no server", std::string{no_server}};

/// All there are; none without a server.
template <typename View>
void give_all(const Result<std::string>& printed,
              const Error& missing,
              const std::function<Result<std::vector<View>>(const std::string&)>& read,
              const Then<std::vector<View>>& then)
{
    if (printed) {
        return then(read(*printed));
    }
    // One that ends at this moment has nothing any more, either.
    if (printed.error().reason != no_server && printed.error().reason != "tmux_gone") {
        return then(printed.error());
    }
    then(missing.reason.empty() ? Result<std::vector<View>>{std::vector<View>{}} : missing);
}

} // namespace

void TmuxTerminals::sessions(Then<std::vector<SessionView>> then)
{
    const TmuxRecords records;
    TmuxWords words;
    words.command("list-sessions").add({"-F", records.session_format()});
    run(words, nothing_there, [records, then = std::move(then)](const Printed& printed) {
        give_all<SessionView>(
            printed, {}, [&](const std::string& text) { return records.sessions(text); }, then);
    });
}

void TmuxTerminals::windows(const std::string& session, Then<std::vector<WindowView>> then)
{
    const TmuxRecords records;
    TmuxWords words;
    words.command("list-windows").add({"-F", records.window_format()});
    Error missing{ErrorCode::internal, ""};
    if (session.empty()) {
        words.add("-a");
    } else if (auto checked = check_session(session); !checked) {
        return then(std::move(checked).error());
    } else {
        words.add({"-t", session_target(session)});
        missing = no_such_session(session);
    }
    run(words, nothing_there, [records, missing, then = std::move(then)](const Printed& printed) {
        give_all<WindowView>(
            printed, missing, [&](const std::string& text) { return records.windows(text); }, then);
    });
}

void TmuxTerminals::panes(const std::string& session, Then<std::vector<PaneView>> then)
{
    const TmuxRecords records;
    TmuxWords words;
    words.command("list-panes").add({"-F", records.pane_format()});
    Error missing{ErrorCode::internal, ""};
    if (session.empty()) {
        words.add("-a");
    } else if (auto checked = check_session(session); !checked) {
        return then(std::move(checked).error());
    } else {
        words.add({"-s", "-t", session_target(session)});
        missing = no_such_session(session);
    }
    list_panes(words, records, missing, 2, then);
}

void TmuxTerminals::list_panes(const TmuxWords& words,
                               const TmuxRecords& records,
                               const Error& missing,
                               int tries_left,
                               const Then<std::vector<PaneView>>& then)
{
    const auto unheard = [](const PaneView& pane) { return pane.ended && !pane.end; };
    run(words, nothing_there, [=, this](const Printed& printed) {
        const auto panes = printed ? records.panes(*printed) : Panes{std::vector<PaneView>{}};
        if (panes && std::ranges::any_of(*panes, unheard) && tries_left > 1) {
            // It can miss that a child ended, until another one does: here is one.
            TmuxWords child;
            child.command("run-shell").add("true");
            return run(child, nothing_there, [=, this](const Printed&) {
                list_panes(words, records, missing, tries_left - 1, then);
            });
        }
        give_all<PaneView>(
            printed, missing, [&](const std::string&) { return panes; }, then);
    });
}

void TmuxTerminals::resize(const std::string& pane, TerminalSize size, Then<> then)
{
    auto checked = check_size(size);
    if (checked) {
        checked = check_id(pane, '%');
    }
    if (!checked) {
        return then(std::move(checked));
    }
    TmuxWords words;
    words.command("resize-window")
        .add({"-t", pane, "-x", std::to_string(size.columns), "-y", std::to_string(size.rows)});
    run_for_nothing(words, no_such_pane(pane), [pane, then = std::move(then)](Result<> done) {
        // Its window is what tmux looks for.
        const bool missing = !done && done.error().reason == "no_such_window";
        then(missing ? Result<>{no_such_pane(pane)} : std::move(done));
    });
}

void TmuxTerminals::switch_to(const std::string& pane, Then<> then)
{
    if (auto checked = check_id(pane, '%'); !checked) {
        return then(std::move(checked));
    }
    TmuxWords words;
    words.command("select-pane").add({"-t", pane});
    words.command("select-window").add({"-t", pane});
    run_for_nothing(words, no_such_pane(pane), std::move(then));
}

void TmuxTerminals::kill(const TmuxWords& words,
                         const TmuxRecords& records,
                         std::function<bool(const PaneView&)> meant,
                         Error missing,
                         Then<std::string> then)
{
    run(words,
        missing,
        [this, records, meant = std::move(meant), missing, then = std::move(then)](
            const Printed& printed) {
            auto panes = printed ? records.panes(*printed) : Panes{printed.error()};
            if (!panes) {
                return then(std::move(panes).error());
            }
            std::erase_if(*panes, [&](const PaneView& pane) { return !meant(pane); });
            if (panes->empty()) {
                return then(missing);
            }
            end(*panes, [then, session = panes->front().session] { then(session); });
        });
}

void TmuxTerminals::end(const std::vector<PaneView>& panes, std::function<void()> then)
{
    std::vector<Endings::Leader> leaders;
    for (const auto& pane : panes) {
        if (pane.pid > 1) {
            leaders.push_back(
                {static_cast<pid_t>(pane.pid), Endings::Tie::told, program_.user.uid});
        }
        for (auto& [id, watch] : watches_) {
            if (watch->pane() == pane.id) {
                watch->killed();
            }
        }
    }
    endings_.end(std::move(leaders), std::move(then));
}

void TmuxTerminals::kill_pane(const std::string& pane, Then<> then)
{
    if (auto checked = check_id(pane, '%'); !checked) {
        return then(std::move(checked));
    }
    const TmuxRecords records;
    TmuxWords words;
    words.command("list-panes").add({"-t", pane, "-F", records.pane_format()});
    words.command("kill-pane").add({"-t", pane});
    kill(
        words,
        records,
        [pane](const PaneView& each) { return each.id == pane; },
        no_such_pane(pane),
        [pane, then = std::move(then)](const Result<std::string>& done) {
            const bool missing = !done && done.error().reason == "no_such_window";
            then(done      ? Result<>{}
                 : missing ? Result<>{no_such_pane(pane)}
                           : Result<>{done.error()});
        });
}

void TmuxTerminals::kill_window(const std::string& window, Then<> then)
{
    if (auto checked = check_id(window, '@'); !checked) {
        return then(std::move(checked));
    }
    const TmuxRecords records;
    TmuxWords words;
    words.command("list-panes").add({"-t", window, "-F", records.pane_format()});
    words.command("kill-window").add({"-t", window});
    kill(
        words,
        records,
        [](const PaneView&) { return true; },
        no_such_window(window),
        [then = std::move(then)](const Result<std::string>& done) {
            then(done ? Result<>{} : Result<>{done.error()});
        });
}

void TmuxTerminals::kill_session(const std::string& session, Then<std::string> then)
{
    if (auto checked = check_session(session); !checked) {
        return then(std::move(checked).error());
    }
    const TmuxRecords records;
    const auto target = session_target(session);
    TmuxWords words;
    words.command("list-panes").add({"-s", "-t", target, "-F", records.pane_format()});
    words.command("kill-session").add({"-t", target});
    kill(
        words,
        records,
        [](const PaneView&) { return true; },
        no_such_session(session),
        std::move(then));
}

void TmuxTerminals::watch(const std::string& pane, Then<WatchId> then)
{
    if (auto checked = check_id(pane, '%'); !checked) {
        return then(std::move(checked).error());
    }
    if (watches_.size() + watches_to_come_ >= limits_.watchers) {
        return then(Error{
            ErrorCode::resource_exhausted, "no more watchers in this guest", "too_many_watchers"});
    }
    ++watches_to_come_;
    TmuxWords words;
    words.command("display-message").add({"-p", "-t", pane, "#{pane_id} #{session_id}"});
    run(words, no_such_pane(pane), [this, pane, then = std::move(then)](const Printed& printed) {
        --watches_to_come_;
        start_watch(pane, printed, then);
    });
}

void TmuxTerminals::start_watch(const std::string& pane,
                                const Printed& printed,
                                const Then<WatchId>& then)
{
    if (!printed) {
        return then(printed.error());
    }
    const auto session = printed->starts_with(pane + " ") && printed->ends_with('\n')
                             ? printed->substr(pane.size() + 1, printed->size() - pane.size() - 2)
                             : "";
    if (!check_id(session, '$')) {
        return then(no_such_pane(pane));
    }
    auto watch = TmuxWatch::start(clock_, program_, session, pane, limits_);
    if (!watch) {
        return then(std::move(watch).error());
    }
    const auto id = next_watch_++;
    watches_.emplace(id, *std::move(watch));
    then(id);
}

std::optional<WatchPiece> TmuxTerminals::next(WatchId watch, std::size_t bytes_at_most)
{
    const auto found = watches_.find(watch);
    if (found == watches_.end()) {
        return std::nullopt;
    }
    found->second->catch_up();
    auto piece = found->second->queue().next(bytes_at_most);
    if (piece && piece->kind == WatchPiece::Kind::ended) {
        unwatch(watch);
    }
    return piece;
}

void TmuxTerminals::unwatch(WatchId watch)
{
    const auto found = watches_.find(watch);
    if (found != watches_.end()) {
        if (!found->second->was_reaped()) {
            ended_clients_.push_back(found->second->pid());
        }
        watches_.erase(found);
    }
}

void TmuxTerminals::descriptors(const std::function<void(int fd, short events)>& poll) const
{
    runs_.descriptors(poll);
    for (const auto& [id, watch] : watches_) {
        watch->descriptors(poll);
    }
}

void TmuxTerminals::serve()
{
    runs_.serve();
    for (auto& [id, watch] : watches_) {
        watch->serve();
    }
}

std::optional<common::SteadyTime> TmuxTerminals::on_time()
{
    auto next = runs_.on_time();
    const auto soonest = [&next](std::optional<common::SteadyTime> due) {
        next = next && due ? std::min(*next, *due) : next ? next : due;
    };
    soonest(endings_.on_time());
    for (auto& [id, watch] : watches_) {
        soonest(watch->on_time());
    }
    return next;
}

bool TmuxTerminals::reaped(pid_t pid, int wait_status)
{
    if (std::erase(ended_clients_, pid) > 0) {
        return true;
    }
    for (auto& [id, watch] : watches_) {
        if (watch->pid() == pid && !watch->was_reaped()) {
            watch->reaped();
            return true;
        }
    }
    return runs_.reaped(pid, wait_status);
}

bool TmuxTerminals::idle() const
{
    return runs_.empty() && watches_.empty() && endings_.empty();
}

} // namespace guest::terminals
