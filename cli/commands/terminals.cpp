#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/pane_watch.hpp"
#include "cli/resolve.hpp"
#include "cli/show.hpp"

#include <fmt/format.h>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

struct TerminalOptions {
    std::string sandbox;
    std::string pane;
    std::string user = "sandbox";
};

struct Panes {
    std::string sandbox; ///< Its id.
    Listing all;
};

std::string path_of(const std::string& sandbox, const char* what)
{
    return fmt::format("/v1/sandboxes/{}/tmux/{}", sandbox, what);
}

std::string of_user(const TerminalOptions& wanted)
{
    return "?user=" + client::encoded(wanted.user);
}

common::Result<Panes> panes_of(Context& context, const TerminalOptions& wanted)
{
    Panes panes;
    COMMON_TRY(panes.sandbox, sandbox_id(context.session, wanted.sandbox));
    panes.all.field = "panes";
    // One that is suspended is woken first.
    COMMON_TRY(panes.all.verbatim,
               long_call(context,
                         {.what = "asking " + wanted.sandbox},
                         [&session = context.session,
                          path = path_of(panes.sandbox, "panes") + of_user(wanted)] {
                             return session.get(path);
                         }));
    COMMON_TRY(panes.all.document, client::parse(panes.all.verbatim, context.session.url()));
    return panes;
}

common::Result<int> list_panes(Context& context, const TerminalOptions& wanted)
{
    COMMON_TRY(const auto panes, panes_of(context, wanted));
    show_list(context, panes.all, panes_table(panes.all.items()));
    return exit_ok;
}

/// The index of the window that a session shows.
common::Result<std::string>
window_shown(Context& context, const Panes& panes, const TerminalOptions& wanted)
{
    COMMON_TRY(const auto body,
               context.session.get(path_of(panes.sandbox, "windows") + of_user(wanted) +
                                   "&session=" + client::encoded(wanted.pane)));
    const auto windows = Json::parse(body, nullptr, false); // A list.
    for (const auto& window : windows) {
        if (window.is_object() && window.value("active", false)) {
            return text_of(window, "index");
        }
    }
    return std::string{};
}

/// The pane that is meant: by its id, as the one that a session shows, or as the only one.
common::Result<Json> pane_meant(Context& context, const Panes& panes, const TerminalOptions& wanted)
{
    std::vector<Json> shown; // Each window has an active one.
    for (const auto& pane : panes.all.items()) {
        if (wanted.pane == text_of(pane, "pane_id") ||
            (wanted.pane.empty() && panes.all.items().size() == 1)) {
            return pane;
        }
        if (wanted.pane == text_of(pane, "session_name") && pane.value("active", false)) {
            shown.push_back(pane);
        }
    }
    if (shown.size() > 1) {
        COMMON_TRY(const auto index, window_shown(context, panes, wanted));
        std::erase_if(shown,
                      [&](const Json& pane) { return text_of(pane, "window_index") != index; });
    }
    if (!shown.empty()) {
        return shown.front();
    }
    return Error{ErrorCode::not_found,
                 fmt::format("{} has {}",
                             wanted.sandbox,
                             !wanted.pane.empty()        ? "no pane or session " + wanted.pane
                             : panes.all.items().empty() ? "no terminal of " + wanted.user + "'s"
                                                         : "several panes: say which"),
                 "unknown_pane",
                 {},
                 fmt::format("see: paddock terminals {}", wanted.sandbox)};
}

common::Result<int> watch(Context& context, const TerminalOptions& wanted)
{
    COMMON_TRY(const auto panes, panes_of(context, wanted));
    COMMON_TRY(const auto pane, pane_meant(context, panes, wanted));
    const auto id = text_of(pane, "pane_id");
    return watch_pane(context,
                      {path_of(panes.sandbox, "panes/watch") + of_user(wanted) +
                           "&pane_id=" + client::encoded(id),
                       fmt::format("{} {} {}", wanted.sandbox, text_of(pane, "session_name"), id)});
}

} // namespace

void add_terminal_commands(CommandLine& line)
{
    auto wanted = std::make_shared<TerminalOptions>();
    auto* list = line.add(line.app,
                          "terminals",
                          "The terminals in a sandbox: its sessions' panes",
                          {"paddock terminals web"});
    auto* look =
        line.add(line.app,
                 "watch",
                 "Look at a terminal in a sandbox, as it changes",
                 {"paddock watch web", "paddock watch web work", "paddock watch web %1 -o json"});
    for (auto* command : {list, look}) {
        command->group("Sandboxes");
        add_sandbox(command, wanted->sandbox);
        command->add_option("--user", wanted->user, "whose (sandbox)")->type_name("USER");
    }
    look->add_option("PANE", wanted->pane, "its id, or a session's name (the only one)")
        ->type_name("");
    look->footer(
        look->get_footer() +
        "\n\nNothing that you type gets there; q or Ctrl-C leaves. Of what its program writes "
        "only characters and their\nlooks reach your terminal. It ends with the program, and when "
        "the "
        "sandbox is suspended or stopped; a lost\nconnection is opened again for a minute.");
    line.runs(list, [wanted](Context& context) { return list_panes(context, *wanted); });
    line.runs(look, [wanted](Context& context) { return watch(context, *wanted); });
}

} // namespace cli
