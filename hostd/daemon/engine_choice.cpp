#include "hostd/daemon/engine_choice.hpp"

#include "common/log/log.hpp"

#include <fmt/format.h>
#include <fstream>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

EngineChoice::EngineChoice(EngineWish wish, Engines engines, Trial trial)
    : wish_{wish}, engines_{engines}, trial_{std::move(trial)}
{}

EngineChoice::~EngineChoice() = default;

void EngineChoice::start()
{
    if (wish_ == EngineWish::portable) {
        return choose(EngineKind::portable, "state_engine says so");
    }
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void EngineChoice::run(const std::stop_token& stop)
{
    std::mutex mutex;
    std::condition_variable_any never;
    unsigned tries = 0;
    const auto is_later = [&](const Error& error) {
        tries += error.code == ErrorCode::unavailable ? 0 : 1;
        return error.code != ErrorCode::failed_precondition && tries < trial_.tries;
    };
    while (!stop.stop_requested()) {
        const auto versions = trial_.versions();
        auto verdict = versions ? verdict_of(*versions) : Result<std::string>{versions.error()};
        if (verdict) {
            return choose(EngineKind::fast, *verdict);
        }
        const auto& why = verdict.error();
        if (!is_later(why)) {
            return choose(EngineKind::portable, "fast is not used here: " + why.message);
        }
        {
            const common::MutexLock lock{mutex_};
            reason_ = "it could not be tried yet: " + why.message;
        }
        std::unique_lock lock{mutex};
        never.wait_for(lock, stop, trial_.retry, [] { return false; });
    }
}

Result<std::string> EngineChoice::verdict_of(const HypervisorFacts& versions) const
{
    const auto key = fmt::format(
        "libvirt {}, QEMU {}, {}", versions.libvirt_version, versions.qemu_version, trial_.machine);
    if (auto before = read_verdict(key); !before.empty()) {
        return before;
    }
    auto proven = trial_.prove();
    if (proven) {
        keep_verdict(key, *proven);
    }
    return proven;
}

/// Two lines: what it holds for, and the verdict. Nothing for anything else.
std::string EngineChoice::read_verdict(const std::string& key) const
{
    std::ifstream file{trial_.verdict};
    std::string of;
    std::string sentence;
    return std::getline(file, of) && of == key && std::getline(file, sentence) ? sentence
                                                                               : std::string{};
}

void EngineChoice::keep_verdict(const std::string& key, const std::string& sentence) const
{
    std::ofstream file{trial_.verdict, std::ios::trunc};
    file << key << '\n' << sentence << '\n';
    file.close();
    if (!file) {
        spdlog::warn("ignoring that {} could not be written: the trial is repeated at the next "
                     "start",
                     trial_.verdict.string());
    }
}

void EngineChoice::choose(EngineKind kind, std::string reason)
{
    if (kind == EngineKind::portable && wish_ == EngineWish::fast) {
        spdlog::error("no guest can be captured or loaded: {}", reason);
        const common::MutexLock lock{mutex_};
        reason_ = std::move(reason);
        return;
    }
    spdlog::info("state engine: {} ({})", to_string(kind), reason);
    const common::MutexLock lock{mutex_};
    chosen_ = kind;
    fast_proven_ = kind == EngineKind::fast;
    reason_ = std::move(reason);
}

Result<StateEngine*> EngineChoice::current()
{
    const common::MutexLock lock{mutex_};
    if (!chosen_) {
        return Error{ErrorCode::unavailable,
                     "this host cannot capture guests yet: " + reason_,
                     "engine_starting"};
    }
    StateEngine& engine = *chosen_ == EngineKind::fast ? engines_.fast : engines_.portable;
    return &engine;
}

Result<StateEngine*> EngineChoice::of(EngineKind kind)
{
    const common::MutexLock lock{mutex_};
    if (kind == EngineKind::portable) {
        return &engines_.portable;
    }
    if (fast_proven_) {
        return &engines_.fast;
    }
    return Error{chosen_ ? ErrorCode::failed_precondition : ErrorCode::unavailable,
                 fmt::format("it was captured by the engine '{}', which this host does not load "
                             "with: {}",
                             to_string(kind),
                             reason_),
                 chosen_ ? "state_incompatible" : "engine_starting"};
}

EngineChoice::Report EngineChoice::report() const
{
    const common::MutexLock lock{mutex_};
    return {chosen_ ? std::string{to_string(*chosen_)} : std::string{}, reason_};
}

} // namespace hostd::daemon
