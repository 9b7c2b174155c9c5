#include "tests/contract/coordinator_store/postgres.hpp"

#include "common/process/process.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

/// libpqxx 6.4's connection_base::make_result throws before it owns the PGresult when the
/// connection was lost: some 2 KiB for each loss, which LeakSanitizer reports.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer asks for this name.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:PQmakeEmptyPGresult\n";
}

namespace tests {

namespace {

const std::string binaries = "/usr/lib/postgresql/15/bin/";

/// The server refuses to run as root.
std::vector<std::string> as_server_user(std::vector<std::string> argv)
{
    if (::geteuid() == 0) {
        argv.insert(argv.begin(),
                    {"setpriv",
                     "--reuid=postgres",
                     "--regid=postgres",
                     "--init-groups",
                     "--pdeathsig=SIGQUIT"});
    } else {
        argv.insert(argv.begin(), {"setpriv", "--pdeathsig=SIGQUIT"});
    }
    return argv;
}

std::string run(std::vector<std::string> argv, std::string input = {})
{
    auto result =
        common::process::run_checked({std::move(argv), std::move(input), std::chrono::seconds{60}});
    if (!result) {
        throw std::runtime_error{result.error().message + result.error().details};
    }
    return *std::move(result);
}

} // namespace

Postgres& Postgres::shared()
{
    static Postgres postgres;
    return postgres;
}

Postgres::Postgres()
{
    std::string pattern = std::filesystem::temp_directory_path() / "paddock-store-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error{"no temporary folder"};
    }
    base_ = pattern;
    run({"chmod", "755", base_});
    if (::geteuid() == 0) {
        run({"chown", "postgres:postgres", base_});
    }
    run(as_server_user({binaries + "initdb",
                        "-D",
                        base_ / "data",
                        "--auth=peer",
                        "--no-locale",
                        "--encoding=UTF8",
                        "--username=postgres",
                        "--no-sync"}));
    auto user = run({"id", "-un"});
    user.pop_back(); // The newline.
    std::ofstream{base_ / "data/pg_hba.conf"} << "local all all peer map=tests\n";
    std::ofstream ident{base_ / "data/pg_ident.conf"};
    for (const auto* role : {"postgres", "paddock", "paddock_owner"}) {
        ident << "tests " << user << " " << role << "\n";
    }
    ident.close();
    start();
    sql("CREATE ROLE paddock_owner LOGIN");
    sql("CREATE ROLE paddock LOGIN");
}

Postgres::~Postgres()
{
    if (pid_ > 0) {
        stop(SIGQUIT);
    }
    std::error_code ignored;
    std::filesystem::remove_all(base_, ignored);
}

void Postgres::start()
{
    auto argv = as_server_user({binaries + "postgres",
                                "-D",
                                base_ / "data",
                                "-c",
                                "listen_addresses=",
                                "-c",
                                "unix_socket_directories=" + base_.string(),
                                "-c",
                                "max_connections=40",
                                "-c",
                                // After a crash it would sync each file of each test's database.
                                "recovery_init_sync_method=syncfs"});
    std::vector<char*> pointers;
    for (auto& word : argv) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t files{};
    ::posix_spawn_file_actions_init(&files);
    const auto log = base_ / "log";
    ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    const auto failed =
        ::posix_spawnp(&pid_, pointers.front(), &files, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (failed != 0) {
        pid_ = -1;
        throw std::runtime_error{"PostgreSQL could not be started"};
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{120};
    for (;;) {
        const auto ready = common::process::run(
            {{binaries + "pg_isready", "-q", "-h", base_.string()}, {}, std::chrono::seconds{10}});
        if (ready && ready->status == 0) {
            return;
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error{"PostgreSQL did not get ready: see " + log.string()};
        }
    }
}

void Postgres::stop(int number)
{
    signal(number);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

void Postgres::signal(int number) const
{
    ::kill(pid_, number);
}

void Postgres::kill_backend(const std::string& pid)
{
    const auto number = std::stoi(pid);
    if (number > 1) {
        ::kill(number, SIGKILL);
    }
}

std::string
Postgres::sql(const std::string& text, const std::string& database, const std::string& user)
{
    auto out = run({binaries + "psql",
                    "-h",
                    base_.string(),
                    "-U",
                    user,
                    "-d",
                    database,
                    "-qXAt",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-c",
                    text});
    if (!out.empty() && out.back() == '\n') {
        out.pop_back();
    }
    return out;
}

std::string Postgres::fresh_database()
{
    if (pid_ < 0) {
        start(); // A case that failed may have left it stopped.
    }
    const auto name = "test" + std::to_string(++databases_);
    sql("CREATE DATABASE " + name + " OWNER paddock_owner");
    return name;
}

std::string Postgres::url(const std::string& database, const std::string& user) const
{
    return "host=" + base_.string() + " dbname=" + database + " user=" + user;
}

coordinator::store::StoreSettings Postgres::settings(const std::string& database) const
{
    coordinator::store::StoreSettings settings;
    settings.database_url = url(database, "paddock");
    settings.database_owner_url = url(database, "paddock_owner");
    settings.write_patience = std::chrono::seconds{20};
    settings.idle_check = std::chrono::milliseconds{100};
    return settings;
}

} // namespace tests
