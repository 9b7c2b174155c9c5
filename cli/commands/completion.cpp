#include "cli/completion.hpp"

#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"

namespace cli {

namespace {

// The shells only pass on what was typed: what it may become is this program's to say.
constexpr const char* bash_script = R"SH(# paddock: source <(paddock completion bash)
_paddock() {
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _paddock paddock
)SH";

constexpr const char* zsh_script = R"SH(#compdef paddock
# paddock: source <(paddock completion zsh), behind compinit
_paddock() {
    local -a found
    found=(${(f)"$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    compadd -a found
}
compdef _paddock paddock
)SH";

constexpr const char* fish_script = R"SH(# paddock: paddock completion fish | source
function __paddock_complete
    set -l words (commandline -opc)
    $words[1] __complete -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c paddock -f -a '(__paddock_complete)'
)SH";

void add_names(client::Session& session,
               const std::string& path,
               const char* list,
               const std::vector<const char*>& fields,
               std::vector<std::string>& names)
{
    const auto listing = list_all(session, path, "", list);
    if (!listing) {
        return; // Nobody wants to read why while typing.
    }
    for (const auto& item : listing->items()) {
        for (const auto* field : fields) {
            if (auto name = text_of(item, field); !name.empty()) {
                names.push_back(std::move(name));
            }
        }
    }
}

std::vector<std::string>
look_up(client::Session& session, const std::string& kind, const std::vector<std::string>& words)
{
    std::vector<std::string> names;
    if (kind == of_sandbox) {
        add_names(session, "/v1/sandboxes", "sandboxes", {"sandbox_name", "id"}, names);
    } else if (kind == of_image) {
        add_names(session, "/v1/images", "images", {"name"}, names);
    } else if (kind == of_host) {
        add_names(session, "/v1/hosts", "hosts", {"name"}, names);
    } else if (kind == of_template) {
        add_names(session, "/v1/templates", "templates", {"name"}, names);
    } else if (kind == of_pool) {
        add_names(session, "/v1/pools", "pools", {"name"}, names);
    } else if (kind == of_exec && !words.empty()) {
        if (const auto id = sandbox_id(session, words.front())) { // `exec web --attach`
            add_names(session, "/v1/sandboxes/" + *id + "/exec", "execs", {"id"}, names);
        }
    } else if (kind == of_snapshot && !words.empty()) {
        // The sandbox is the word before it: `snapshot get web`, `images create new web`.
        if (const auto id = sandbox_id(session, words.back())) {
            add_names(session, "/v1/sandboxes/" + *id + "/snapshots", "snapshots", {"name"}, names);
        }
    }
    return names;
}

common::Result<int>
complete(Context& context, const CLI::App& app, const std::vector<std::string>& words)
{
    context.session.set_timeout(std::chrono::seconds{2}); // Whoever types does not wait longer.
    const auto found = completions(app, words, [&](const auto& kind, const auto& before) {
        return look_up(context.session, kind, before);
    });
    for (const auto& one : found) {
        Console::print(one + "\n");
    }
    return exit_ok;
}

common::Result<int> print_script(const std::string& shell)
{
    Console::print(shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script);
    return exit_ok;
}

} // namespace

void add_completion(CommandLine& line)
{
    auto* command =
        line.add(line.app,
                 "completion",
                 "What a shell needs to complete commands, options and names",
                 {"source <(paddock completion bash)      # in ~/.bashrc",
                  "source <(paddock completion zsh)       # in ~/.zshrc, behind compinit",
                  "paddock completion fish | source       # in config.fish"});
    command->group("Help");
    auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "bash, zsh or fish")
        ->type_name("")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    line.runs(command, [shell](Context&) { return print_script(*shell); });

    auto* asked = line.add(line.app, "__complete", "", {});
    asked->group("");
    auto words = std::make_shared<std::vector<std::string>>();
    asked->add_option("WORDS", *words, "");
    line.runs(asked,
              [words, &line](Context& context) { return complete(context, line.app, *words); });
}

} // namespace cli
