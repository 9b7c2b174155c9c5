#include "coordinator/daemon/standing_by.hpp"

#include "common/log/log.hpp"
#include "common/notify/notify.hpp"
#include "coordinator/http/reply.hpp"
#include "coordinator/http/wire/exchange.hpp"

namespace coordinator::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// How often it is looked whether the lease is free, and the leader alive.
constexpr std::chrono::milliseconds between_looks{200};

/// For the leader to come back after the database was away: it tries at least twice a second.
constexpr std::chrono::seconds deference{3};

standby::ProxyOptions proxy_options(const http::Options& http)
{
    standby::ProxyOptions options;
    options.address = http.address;
    options.port = http.port;
    options.max_connections = http.max_connections;
    options.max_unsent = http.max_unsent;
    options.first_byte_timeout = http.head_timeout;
    options.write_timeout = http.write_timeout;
    options.refusal = [](const Error& why) {
        return http::render_closing(http::error_reply(why, common::mint<common::RequestId>()));
    };
    return options;
}

} // namespace

StandingBy::StandingBy(const Settings& settings, const sigset_t& signals)
    : settings_{settings},
      store_{settings.store},
      signals_{signals},
      proxy_{proxy_options(settings.http)}
{
    store_.standing_by = [this](const store::LeaderSeen& leader) {
        return follow(leader) && !is_told_to_end(between_looks);
    };
}

Result<std::unique_ptr<store::PgStore>> StandingBy::wait()
{
    for (;;) {
        auto opened = store::PgStore::open(store_);
        if (signal_ != 0) {
            spdlog::info("signal {}: ending", signal_);
            return std::unique_ptr<store::PgStore>{};
        }
        if (failed_) {
            return *failed_;
        }
        if (opened) {
            proxy_.lead_to({});
            return opened;
        }
        if (opened.error().code != ErrorCode::unavailable) {
            return opened;
        }
        spdlog::warn("{}; trying again", opened.error().message);
        say(opened.error().message);
        COMMON_CHECK(listen());
        if (leader_) {
            store_.lease_deference = deference;
        }
        constexpr std::chrono::milliseconds pause{500};
        if (is_told_to_end(leader_ ? pause : 4 * pause)) {
            return std::unique_ptr<store::PgStore>{};
        }
    }
}

std::optional<std::string> StandingBy::sign_of_life()
{
    constexpr std::chrono::seconds patience{5};
    const auto probe = [this](auto heard) {
        proxy_.probe(std::move(heard));
        return true;
    };
    if (listening_ && !common::notify::answers(probe, patience)) {
        return std::nullopt;
    }
    const common::MutexLock lock{mutex_};
    return waits_for_;
}

void StandingBy::say(std::string waits_for)
{
    const common::MutexLock lock{mutex_};
    waits_for_ = std::move(waits_for);
}

void StandingBy::end()
{
    proxy_.stop();
}

/// False: it cannot.
bool StandingBy::follow(const store::LeaderSeen& leader)
{
    say(fmt::format("standing by: epoch {} leads", leader.epoch));
    if (const auto listens = listen(); !listens) {
        failed_ = listens.error();
        return false;
    }
    if (leader_ != leader) {
        leader_ = leader;
        spdlog::info("standing by: the coordinator of epoch {} leads, its API is at {}",
                     leader.epoch,
                     leader.http_address.empty() ? "an address that it does not say"
                                                 : leader.http_address);
    }
    proxy_.lead_to(leader.http_address);
    return true;
}

Result<> StandingBy::listen()
{
    if (!listening_) {
        COMMON_CHECK(proxy_.start());
        listening_ = true;
        common::notify::ready(sign_of_life().value_or("standing by"));
    }
    return {};
}

bool StandingBy::is_told_to_end(std::chrono::milliseconds within)
{
    const auto whole = std::chrono::floor<std::chrono::seconds>(within);
    const timespec pause{
        whole.count(),
        std::chrono::duration_cast<std::chrono::nanoseconds>(within - whole).count()};
    if (const auto signal = ::sigtimedwait(&signals_, nullptr, &pause); signal == SIGHUP) {
        read_log_level_again(settings_);
    } else if (signal > 0) {
        signal_ = signal;
    }
    return signal_ != 0;
}

} // namespace coordinator::daemon
