#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/local_file.hpp"
#include "cli/resolve.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cli {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

struct CopyOptions {
    std::string from;
    std::string to;
    std::string user;
    std::string owner;
    std::string editor;
    bool parents = false;
    bool keep = false;
};

/// "web:/etc/hosts" as docker and scp have it: what is before the first colon has no slash.
struct CopyEnd {
    std::string sandbox; ///< "": here.
    std::string path;    ///< "-": stdin or stdout.
};

Result<CopyEnd> copy_end_of(const std::string& text)
{
    const auto colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || text.find('/') < colon) {
        return CopyEnd{"", text};
    }
    CopyEnd end{text.substr(0, colon), text.substr(colon + 1)};
    if (!end.path.starts_with('/')) {
        return Error{ErrorCode::invalid_argument,
                     "\"" + text + "\": a path in a sandbox is absolute, as in web:/etc/hosts"};
    }
    return end;
}

std::string base_of(const std::string& path)
{
    return std::filesystem::path{path}.filename().string();
}

/// One file of a sandbox, as all requests about it name it.
class Remote {
public:
    Remote(Context& context, std::string id, const CopyOptions& wanted)
        : session_{context.session}, id_{std::move(id)}, user_{wanted.user}
    {}

    [[nodiscard]] std::string target(const std::string& path) const
    {
        return "/v1/sandboxes/" + id_ + "/files?path=" + client::encoded(path) +
               (user_.empty() ? "" : "&user=" + client::encoded(user_));
    }
    [[nodiscard]] Result<Json> ask(const char* action, const std::string& path) const
    {
        nlohmann::json body{{"path", path}};
        if (!user_.empty()) {
            body["user"] = user_;
        }
        COMMON_TRY(const auto text,
                   session_.post("/v1/sandboxes/" + id_ + "/file/" + action, body));
        return client::parse(text, session_.url());
    }
    [[nodiscard]] client::Session& session() const { return session_; }

private:
    client::Session& session_;
    std::string id_;
    std::string user_;
};

/// Tar goes through a command, and keeps what a copy file by file would lose.
Error folder_error(const std::string& what)
{
    return {ErrorCode::invalid_argument,
            what + " is a folder: copy it with tar, as in\n"
                   "  paddock exec web -- tar -C /srv -c app | tar -x\n"
                   "  tar -c app | paddock exec -i web -- tar -C /srv -x"};
}

Result<int>
upload(Context& context, const CopyOptions& wanted, const CopyEnd& from, const CopyEnd& to)
{
    COMMON_TRY(auto source, LocalSource::open(from.path));
    COMMON_TRY(auto id, sandbox_id(context.session, to.sandbox));
    const Remote remote{context, std::move(id), wanted};
    // What can be known is said before any byte is sent.
    COMMON_TRY(const auto there, remote.ask("exists", to.path));
    auto path = to.path;
    if (path.ends_with('/') || there.value("is_dir", false)) {
        if (from.path == "-") {
            return Error{ErrorCode::invalid_argument, to.path + " is a folder: name the file"};
        }
        path += (path.ends_with('/') ? "" : "/") + base_of(from.path);
    }
    auto target = remote.target(path);
    target += wanted.keep ? "&overwrite=false" : "";
    target += wanted.parents ? "&parents=true" : "";
    target += wanted.owner.empty() ? "" : "&owner=" + client::encoded(wanted.owner);
    if (const auto mode = source.mode()) {
        target += fmt::format("&mode={:04o}", *mode & 0777U);
    }
    COMMON_TRY(const auto text, cli::upload(context, target, source, base_of(path)));
    if (context.json()) {
        Console::print_json(text);
    }
    return exit_ok;
}

Result<int>
download(Context& context, const CopyOptions& wanted, const CopyEnd& from, const CopyEnd& to)
{
    if (!wanted.owner.empty()) {
        return Error{ErrorCode::invalid_argument,
                     "--owner is of a file in a sandbox, not of one here"};
    }
    COMMON_TRY(auto id, sandbox_id(context.session, from.sandbox));
    const Remote remote{context, std::move(id), wanted};
    COMMON_TRY(const auto there, remote.ask("exists", from.path));
    if (!there.value("exists", false)) {
        return Error{ErrorCode::not_found, "no file " + from.path + " in " + from.sandbox};
    }
    if (there.value("is_dir", false)) {
        return folder_error(from.sandbox + ":" + from.path);
    }
    auto path = to.path;
    if (path != "-" && (path.ends_with('/') || std::filesystem::is_directory(path))) {
        path = (std::filesystem::path{path} / base_of(from.path)).string();
    }
    COMMON_TRY(auto target, LocalTarget::open(path, wanted.keep));
    const auto info = there.value("info", Json::object());
    Progress progress{context.console, base_of(from.path), number_of(info, "size")};
    context.session.set_timeout(std::chrono::minutes{15});
    const auto headers =
        context.session.download(remote.target(from.path), [&](std::string_view piece) {
            progress.add(piece.size());
            return target.write(piece);
        });
    progress.end();
    if (!target.failure().empty()) {
        return Error{ErrorCode::failed_precondition, target.failure()};
    }
    COMMON_CHECK(headers);
    const auto mode = headers->find("x-file-mode");
    COMMON_CHECK(target.finish(mode == headers->end() ? "" : mode->second));
    if (context.json() && path != "-") {
        Console::print_json(nlohmann::json{{"path", path}, {"bytes", target.size()}}.dump());
    }
    return exit_ok;
}

Result<int> copy(Context& context, const CopyOptions& wanted)
{
    COMMON_TRY(const auto from, copy_end_of(wanted.from));
    COMMON_TRY(const auto to, copy_end_of(wanted.to));
    if (from.sandbox.empty() == to.sandbox.empty()) {
        return Error{ErrorCode::invalid_argument,
                     from.sandbox.empty()
                         ? "cp: one of the two is in a sandbox, as in web:/etc/hosts"
                         : "cp: from one sandbox to another goes through a file here, or\n"
                           "  paddock cp web:/a - | paddock cp - db:/a"};
    }
    return from.sandbox.empty() ? upload(context, wanted, from, to)
                                : download(context, wanted, from, to);
}

/// The person's editor, by a shell as others run it; false if it says that it failed.
bool run_editor(const std::string& editor, const std::string& path)
{
    const auto pid = ::fork();
    if (pid == 0) {
        const auto line = editor + " \"$1\"";
        ::execl("/bin/sh", "sh", "-c", line.c_str(), "sh", path.c_str(), nullptr);
        ::_exit(127);
    }
    // What is typed there is the editor's business.
    const auto interrupt = ::signal(SIGINT, SIG_IGN);
    const auto quit = ::signal(SIGQUIT, SIG_IGN);
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ::signal(SIGINT, interrupt);
    ::signal(SIGQUIT, quit);
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string editor_of(const CopyOptions& wanted)
{
    for (const char* name : {"VISUAL", "EDITOR"}) {
        const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread.
        if (wanted.editor.empty() && value != nullptr && *value != '\0') {
            return value;
        }
    }
    return wanted.editor.empty() ? "vi" : wanted.editor;
}

Result<int> edit(Context& context, const CopyOptions& wanted)
{
    COMMON_TRY(const auto end, copy_end_of(wanted.from));
    if (end.sandbox.empty()) {
        return Error{ErrorCode::invalid_argument, "edit: which file? As in web:/etc/hosts"};
    }
    COMMON_TRY(auto id, sandbox_id(context.session, end.sandbox));
    const Remote remote{context, std::move(id), wanted};
    COMMON_TRY(const auto folder, PrivateFolder::make());
    const auto here = folder->path() + "/" + base_of(end.path);
    COMMON_TRY(const auto there, remote.ask("exists", end.path));
    if (there.value("is_dir", false)) {
        return Error{ErrorCode::invalid_argument, end.path + " is a folder"};
    }
    const bool is_new = !there.value("exists", false);
    COMMON_TRY(auto target, LocalTarget::open(here, false));
    if (!is_new) {
        COMMON_CHECK(context.session.download(
            remote.target(end.path), [&](std::string_view piece) { return target.write(piece); }));
    }
    COMMON_CHECK(target.finish("0600"));
    COMMON_TRY(const auto before, digest_of(here));
    if (!run_editor(editor_of(wanted), here)) {
        return Error{ErrorCode::failed_precondition, "the editor failed: nothing was changed"};
    }
    COMMON_TRY(const auto after, digest_of(here));
    if (after == before) {
        Console::say("not changed\n");
        return exit_ok;
    }
    if (!is_new) {
        COMMON_TRY(const auto now, remote.ask("hash", end.path));
        if (text_of(now, "hash") != before) {
            const auto kept = base_of(end.path) + ".edited";
            std::filesystem::copy_file(
                here, kept, std::filesystem::copy_options::overwrite_existing);
            return Error{ErrorCode::failed_precondition,
                         end.path + " was changed meanwhile; what you wrote is in ./" + kept,
                         "file_changed"};
        }
    }
    COMMON_TRY(auto source, LocalSource::open(here));
    COMMON_CHECK(context.session.upload(remote.target(end.path) +
                                            (is_new ? "&overwrite=false" : "") + "&sha256=" + after,
                                        source.size(),
                                        [&](std::size_t size) { return source.read(size); }));
    return exit_ok;
}

} // namespace

void add_file_commands(CommandLine& line)
{
    auto wanted = std::make_shared<CopyOptions>();
    auto* cp = line.add(line.app,
                        "cp",
                        "Copy a file into a sandbox or out of one",
                        {"paddock cp notes.txt web:/tmp/         # into a folder, by its name",
                         "paddock cp web:/var/log/syslog .       # out of it",
                         "paddock cp -u root site.conf web:/etc/site.conf",
                         "paddock cp -u root --owner www-data app.py web:/srv/app.py",
                         "pg_dump shop | paddock cp - db:/tmp/shop.sql"});
    cp->group("Sandboxes");
    cp->add_option("FROM", wanted->from, "a file here, or SANDBOX:PATH; - is stdin")
        ->type_name("")
        ->required();
    cp->add_option("TO", wanted->to, "likewise; - is stdout")->type_name("")->required();
    cp->add_option("-u,--user", wanted->user, "as whom, in the sandbox (sandbox)")
        ->type_name("USER");
    cp->add_option("--owner", wanted->owner, "whose it is then, there; -u root may say so")
        ->type_name("USER");
    cp->add_flag("-p,--parents", wanted->parents, "make the folders that are missing there");
    cp->add_flag("-n,--no-clobber", wanted->keep, "fail if it is there already");
    line.runs(cp, [wanted](Context& context) { return copy(context, *wanted); });

    auto* change = line.add(line.app,
                            "edit",
                            "Change a file of a sandbox in your editor",
                            {"paddock edit web:/etc/hosts -u root",
                             "EDITOR='code --wait' paddock edit web:/home/sandbox/app.py"});
    change->group("Sandboxes");
    change->add_option("FILE", wanted->from, "as SANDBOX:PATH")->type_name("")->required();
    change->add_option("-u,--user", wanted->user, "as whom (sandbox)")->type_name("USER");
    change->add_option("--editor", wanted->editor, "instead of $VISUAL, $EDITOR or vi")
        ->type_name("COMMAND");
    line.runs(change, [wanted](Context& context) { return edit(context, *wanted); });
}

} // namespace cli
