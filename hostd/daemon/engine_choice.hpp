#pragma once

#include "common/mutex.hpp"
#include "hostd/core/state_engine.hpp"
#include "hostd/daemon/settings.hpp"

#include <condition_variable>
#include <functional>
#include <string>
#include <thread>

namespace hostd::daemon {

/// Which engine captures on this host: `fast` once it was proven here, else `portable`. The trial
/// runs in a thread of its own and is not repeated for the same versions and machine: its verdict
/// is kept in a file. Any thread.
class EngineChoice final : public StateEngines {
public:
    struct Engines {
        StateEngine& fast;
        StateEngine& portable;
    };
    struct Trial {
        /// What was proven, in one sentence, or why not. Only `failed_precondition` is a verdict:
        /// all else (a libvirtd that is away, a full disk) is tried again, `tries` times if it
        /// did begin.
        std::function<common::Result<std::string>()> prove;
        std::function<common::Result<HypervisorFacts>()> versions;
        std::string machine;           ///< All else that the verdict holds for, in one line.
        std::filesystem::path verdict; ///< Where it is kept.
        std::chrono::milliseconds retry{2000};
        unsigned tries = 10;
    };
    EngineChoice(EngineWish wish, Engines engines, Trial trial);
    ~EngineChoice() override;
    EngineChoice(const EngineChoice&) = delete;
    EngineChoice& operator=(const EngineChoice&) = delete;

    void start();

    common::Result<StateEngine*> current() override EXCLUDES(mutex_);
    common::Result<StateEngine*> of(EngineKind kind) override EXCLUDES(mutex_);

    struct Report {
        std::string engine; ///< "" while it is not known.
        std::string reason;
    };
    [[nodiscard]] Report report() const EXCLUDES(mutex_);

private:
    void run(const std::stop_token& stop);
    common::Result<std::string> verdict_of(const HypervisorFacts& versions) const;
    [[nodiscard]] std::string read_verdict(const std::string& key) const;
    void keep_verdict(const std::string& key, const std::string& sentence) const;
    void choose(EngineKind kind, std::string reason) EXCLUDES(mutex_);

    const EngineWish wish_;
    const Engines engines_;
    const Trial trial_;

    mutable common::Mutex mutex_;
    std::optional<EngineKind> chosen_ GUARDED_BY(mutex_);
    bool fast_proven_ GUARDED_BY(mutex_) = false;
    std::string reason_ GUARDED_BY(mutex_) = "it is being tried";
    std::jthread thread_;
};

} // namespace hostd::daemon
