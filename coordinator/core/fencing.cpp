#include "coordinator/core/fencing.hpp"

#include "common/log/log.hpp"

namespace coordinator {

using common::Result;

namespace {

constexpr std::size_t most_beats = 64; ///< Of one host: more wait only while the database is away.
constexpr std::chrono::seconds lift_again_after{2};

} // namespace

void Core::Fencing::heard(const HostBeat& beat)
{
    if (beat.seq == 0 || beat.facts.fence_action.empty()) {
        return; // A hostd from before there were acknowledgements.
    }
    auto& beats = beats_[beat.host];
    if (!beats.empty() && beats.back().instance != beat.instance) {
        beats.clear(); // It has started anew.
    }
    if (beats.size() >= most_beats) {
        beats.pop_front();
    }
    beats.push_back({beat.instance, beat.seq, core_.clock_.steady()});
}

void Core::Fencing::reported(const Sandbox& record, const SandboxReport& report)
{
    const bool stands_still = report.fenced && report.phase != Phase::stopped;
    auto& still = still_[record.host];
    if (stands_still) {
        still.sandboxes.insert(report.id);
    } else if (still.sandboxes.erase(report.id) > 0 && report.phase == Phase::running) {
        tell(record, "sandbox.unfence", "running");
    }
    // Told again and again, for instance after a restart of this process.
    if (report.fenced && record.error != report.error) {
        tell(record, "sandbox.fence", std::string{to_string(report.phase)});
    }
}

bool Core::Fencing::is_still(const Sandbox& sandbox) const
{
    const auto found = still_.find(sandbox.host);
    return found != still_.end() && found->second.sandboxes.contains(sandbox.id);
}

void Core::Fencing::tell(const Sandbox& record, std::string_view action, const std::string& phase)
{
    AuditRow row{AuditRow::Kind::outcome,
                 std::string{action},
                 {"host:" + record.host.str(), record.tenant, common::mint<common::RequestId>()},
                 {},
                 record.host.str(),
                 record.id.str(),
                 "ok",
                 detail_of({{"phase", phase}})};
    core_.save_outcome({std::move(row)}, [](const Result<>&) {});
}

void Core::Fencing::tick()
{
    for (auto& [host, beats] : beats_) {
        acknowledge(host, beats);
    }
    for (auto& [host, still] : still_) {
        if (!still.sandboxes.empty() && still.again <= core_.clock_.steady()) {
            lift(host, still);
        }
    }
}

/// The last one that is confirmed, and with it those before it.
void Core::Fencing::acknowledge(const common::HostName& host, std::deque<Beat>& beats)
{
    const auto confirmed = core_.store_.confirmed();
    std::optional<Beat> last;
    while (!beats.empty() && beats.front().heard <= confirmed) {
        last = std::move(beats.front());
        beats.pop_front();
    }
    if (last) {
        HostCommand command;
        command.what = HeardOnHost{last->instance, last->seq};
        if (core_.link_.send(host, std::move(command))) {
            still_[host].again = {}; // What it was told before, it may have refused.
            ask_again(host);
        }
    }
}

void Core::Fencing::ask_again(const common::HostName& host)
{
    const auto refused = refused_.extract(host);
    if (refused.empty()) {
        return;
    }
    for (const auto& id : refused.mapped()) {
        if (const auto found = core_.pending_.find(id); found != core_.pending_.end()) {
            core_.send_again(Op{found->second});
        }
    }
}

/// It is this host's and nobody else's, and is to run.
bool Core::Fencing::may_go_on(const common::HostName& host, const common::SandboxId& id) const
{
    const auto* sandbox = core_.fleet_.find(id);
    return sandbox != nullptr && sandbox->phase != Phase::destroyed && sandbox->host == host &&
           sandbox->moving_to.empty() && !moving_.is_moving(id) &&
           sandbox->desired == Desired::running;
}

void Core::Fencing::lift(const common::HostName& host, Still& still)
{
    const auto* known = core_.fleet_.host(host);
    if (known == nullptr || known->host.health != HostHealth::ready || !known->inventoried) {
        return;
    }
    LiftFenceOnHost lift;
    for (const auto& id : still.sandboxes) {
        if (may_go_on(host, id)) {
            lift.sandboxes.push_back(id);
        }
    }
    std::erase_if(still.sandboxes, [this, &host](const auto& id) {
        const auto* sandbox = core_.fleet_.find(id);
        return sandbox == nullptr || sandbox->phase == Phase::destroyed || sandbox->host != host;
    });
    if (lift.sandboxes.empty()) {
        return;
    }
    still.again = core_.clock_.steady() + lift_again_after;
    spdlog::info(
        "host {} had no leader: {} of its sandboxes go on", host.str(), lift.sandboxes.size());
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = common::mint<common::RequestId>();
    command.what = std::move(lift);
    static_cast<void>(core_.link_.send(host, std::move(command)));
}

} // namespace coordinator
