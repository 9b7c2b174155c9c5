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

common::Result<Panes> panes_of(Context& context, const TerminalOptions& wanted)
{
    Panes panes;
    COMMON_TRY(panes.sandbox, sandbox_id(context.session, wanted.sandbox));
    panes.all.field = "panes";
    COMMON_TRY(panes.all.verbatim,
               context.session.get(fmt::format("/v1/sandboxes/{}/tmux/panes?user={}",
                                               panes.sandbox,
                                               client::encoded(wanted.user))));
    COMMON_TRY(panes.all.document, client::parse(panes.all.verbatim, context.session.url()));
    return panes;
}

common::Result<int> list_panes(Context& context, const TerminalOptions& wanted)
{
    COMMON_TRY(const auto panes, panes_of(context, wanted));
    show_list(context, panes.all, panes_table(panes.all.items()));
    return exit_ok;
}

/// The pane that is meant: by its id, as the active one of a session, or as the only one.
common::Result<Json> pane_meant(const Panes& panes, const TerminalOptions& wanted)
{
    const Json* found = nullptr;
    for (const auto& pane : panes.all.items()) {
        const bool named =
            wanted.pane == text_of(pane, "pane_id") ||
            (wanted.pane == text_of(pane, "session_name") && pane.value("active", false));
        if (named || (wanted.pane.empty() && panes.all.items().size() == 1)) {
            found = &pane;
        }
    }
    if (found != nullptr) {
        return *found;
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
    COMMON_TRY(const auto pane, pane_meant(panes, wanted));
    const auto id = text_of(pane, "pane_id");
    return watch_pane(context,
                      {fmt::format("/v1/sandboxes/{}/tmux/panes/watch?pane_id={}&user={}",
                                   panes.sandbox,
                                   client::encoded(id),
                                   client::encoded(wanted.user)),
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
        "only characters and their\nlooks reach your terminal. A lost connection is opened "
        "again for a minute.");
    line.runs(list, [wanted](Context& context) { return list_panes(context, *wanted); });
    line.runs(look, [wanted](Context& context) { return watch(context, *wanted); });
}

} // namespace cli
