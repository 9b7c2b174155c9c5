#include "coordinator/daemon/daemon.hpp"

#include "common/clock.hpp"
#include "common/curve/keys.hpp"
#include "common/log/log.hpp"
#include "common/notify/notify.hpp"
#include "common/version.hpp"
#include "coordinator/core/core.hpp"
#include "coordinator/core/playbooks.hpp"
#include "coordinator/core/templates.hpp"
#include "coordinator/daemon/standing_by.hpp"
#include "coordinator/daemon/tokens.hpp"
#include "coordinator/guest/files.hpp"
#include "coordinator/guest/terminals.hpp"
#include "coordinator/http/server.hpp"
#include "coordinator/link/host_router.hpp"
#include "coordinator/store/pg_store.hpp"

#include <csignal>
#include <fmt/format.h>
#include <sys/resource.h>

namespace coordinator::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// SIGTERM, SIGINT and SIGHUP wait to be taken by one thread; every thread started later inherits
/// that. A peer that hangs up is an error of write(), not a signal.
sigset_t block_signals()
{
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGINT);
    ::sigaddset(&set, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    static_cast<void>(::signal(SIGPIPE, SIG_IGN));
    return set;
}

/// Who is started from a shell may have 1024 descriptors; `http_connections` alone are more. No
/// harm if it fails: whoever comes when there are none left waits.
void allow_all_descriptors()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    }
}

Result<common::curve::KeyPair> read_server_key(const Settings& settings)
{
    auto keys = common::curve::read_key_pair(settings.server_key);
    if (!keys && keys.error().code == ErrorCode::not_found) {
        return Error{ErrorCode::not_found,
                     keys.error().message + "; make one: paddock-coordinator keygen --out " +
                         settings.server_key.parent_path().string()};
    }
    return keys;
}

/// Ends with a signal, or with the error of a store that will never write again: another
/// coordinator took over, and the hosts are its.
Result<> wait_for_end(const sigset_t& signals,
                      const Settings& settings,
                      store::PgStore& store,
                      const link::HostRouter& router)
{
    constexpr timespec pause{0, 200'000'000}; // Reads of one that is deposed are old.
    while (true) {
        if (const auto signal = ::sigtimedwait(&signals, nullptr, &pause); signal == SIGHUP) {
            read_log_level_again(settings);
        } else if (signal > 0) {
            spdlog::info("signal {}: ending", signal);
            return {};
        }
        if (const auto lease = store.lease();
            !lease && lease.error().code == ErrorCode::failed_precondition) {
            return lease;
        } else if (const auto later = router.later_epoch(); !lease && later != 0) {
            // Whoever can write need not believe a host. One that cannot has nothing to lose.
            return Error{ErrorCode::failed_precondition,
                         fmt::format("a host knows of a coordinator of epoch {}, and the database "
                                     "does not answer: {}",
                                     later,
                                     lease.error().message),
                         "not_the_leader"};
        }
    }
}

/// Of one that leads, for the service manager: the core thread counts the hosts. Nothing: it does
/// not answer.
std::optional<std::string> sign_of_life(Service& core)
{
    const auto health = core.health();
    std::string line = fmt::format("leads, epoch {}", health.epoch);
    for (const auto& component : health.components) {
        if (component.name == "core" && !component.ready) {
            return std::nullopt;
        }
        if (!component.detail.empty()) {
            line += fmt::format("; {}: {}", component.name, component.detail);
        }
    }
    return line;
}

} // namespace

Result<> run_daemon(Settings settings)
{
    const auto signals = block_signals();
    allow_all_descriptors();
    COMMON_CHECK(common::log::init(settings.log_level, settings.log_format));
    COMMON_TRY(auto keys, read_server_key(settings));
    link::Enrolment enrolment{settings.enrolment_file};
    COMMON_CHECK(enrolment.load());
    if (settings.http.auth == http::Auth::tokens) {
        COMMON_TRY(settings.http.tokens, read_tokens(settings.token_file));
    }
    common::SystemClock clock;
    settings.store.report = [](const std::string& what) { spdlog::warn("database: {}", what); };
    StandingBy standing_by{settings, signals};
    std::optional<common::notify::Watchdog> until_it_leads{
        std::in_place, [&standing_by] { return standing_by.sign_of_life(); }};
    COMMON_TRY(const auto store, standing_by.wait());
    if (!store) {
        common::notify::stopping("ending");
        return {};
    }

    link::HostRouter router{{.address = settings.link_address, .keys = std::move(keys)}, enrolment};
    blobs::DirBlobs blobs{settings.blobs};
    Core core{*store, router, blobs, clock, settings.core};
    Playbooks playbooks{*store, clock, settings.playbooks};
    Plans plans{*store, clock, settings.plans};
    Templates templates{*store, clock, settings.templates};
    RequestKeys request_keys{store->keys(), clock, settings.keys};
    guest::Files files{
        core.live_execs(),
        [&core](const Caller& caller, const common::SandboxId& id) -> Result<FilePolicy> {
            COMMON_TRY(auto sandbox, core.get(caller, id));
            return std::move(sandbox.files);
        }};
    guest::Terminals terminals{core.live_execs()};
    http::Server server{settings.http,
                        core,
                        {playbooks, plans, templates, blobs},
                        {files, terminals},
                        clock,
                        request_keys};
    COMMON_TRY(const auto epoch, core.start());
    COMMON_CHECK(request_keys.start());
    COMMON_CHECK(router.start(epoch));
    until_it_leads.reset();
    standing_by.end();
    COMMON_CHECK(server.start());
    common::notify::ready(fmt::format("leads, epoch {}", epoch));
    const common::notify::Watchdog watchdog{[&core] { return sign_of_life(core); }};
    spdlog::info("paddock-coordinator {} leads, epoch {}: API on {}:{}, hosts on {}",
                 common::version,
                 epoch,
                 settings.http.address,
                 server.port(),
                 settings.link_address);

    auto ended = wait_for_end(signals, settings, *store, router);
    common::notify::stopping(ended ? "ending" : ended.error().message);
    // Of one that is deposed nobody waits for more than is said already.
    const std::chrono::milliseconds patience{ended ? 3000 : 0};
    if (!server.drain(patience)) {
        spdlog::info("requests are still under way: they are told to ask again");
    }
    core.stop();
    // What it told them is on its way, after a write for those that came with a key.
    static_cast<void>(server.drain(patience / 2));
    server.stop();
    request_keys.stop();
    router.stop();
    return ended;
}

Result<> verify_audit(const Settings& settings)
{
    COMMON_TRY(const auto check, store::verify_audit(settings.store));
    fmt::print("ok: {} audit rows, each fits the one before; head {}\n", check.rows, check.head);
    return {};
}

} // namespace coordinator::daemon
