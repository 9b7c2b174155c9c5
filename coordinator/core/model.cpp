#include "coordinator/core/model.hpp"

#include "coordinator/core/guest_files.hpp"
#include "coordinator/core/guest_terminals.hpp"
#include "coordinator/core/host.hpp"

#include <array>

namespace coordinator {

std::string_view to_string(Phase phase) noexcept
{
    switch (phase) {
    case Phase::pending: return "pending";
    case Phase::placing: return "placing";
    case Phase::created: return "created";
    case Phase::starting: return "starting";
    case Phase::restoring: return "restoring";
    case Phase::running: return "running";
    case Phase::paused: return "paused";
    case Phase::stopping: return "stopping";
    case Phase::suspended: return "suspended";
    case Phase::stopped: return "stopped";
    case Phase::destroyed: return "destroyed";
    case Phase::lost: return "lost";
    case Phase::error: return "error";
    }
    return "error";
}

std::string_view to_string(State state) noexcept
{
    switch (state) {
    case State::created: return "CREATED";
    case State::starting: return "STARTING";
    case State::running: return "RUNNING";
    case State::stopped: return "STOPPED";
    case State::destroyed: return "DESTROYED";
    case State::error: return "ERROR";
    }
    return "ERROR";
}

State state_of(Phase phase) noexcept
{
    switch (phase) {
    case Phase::pending:
    case Phase::placing:
    case Phase::created: return State::created;
    case Phase::starting:
    case Phase::restoring: return State::starting;
    case Phase::running:
    case Phase::paused:
    case Phase::stopping: return State::running;
    case Phase::suspended:
    case Phase::stopped: return State::stopped;
    case Phase::destroyed: return State::destroyed;
    case Phase::lost:
    case Phase::error: return State::error;
    }
    return State::error;
}

std::string_view to_string(Desired desired) noexcept
{
    switch (desired) {
    case Desired::stopped: return "stopped";
    case Desired::running: return "running";
    case Desired::destroyed: return "destroyed";
    }
    return "stopped";
}

std::string_view to_string(Checkpoint::Status status) noexcept
{
    switch (status) {
    case Checkpoint::Status::taking: return "taking";
    case Checkpoint::Status::ready: return "ready";
    case Checkpoint::Status::deleting: return "deleting";
    case Checkpoint::Status::deleted: return "deleted";
    }
    return "deleted";
}

std::string_view to_string(DiskKind kind) noexcept
{
    switch (kind) {
    case DiskKind::durable: return "durable";
    case DiskKind::ephemeral: return "ephemeral";
    }
    return "";
}

std::string_view to_string(NetworkMode mode) noexcept
{
    switch (mode) {
    case NetworkMode::nat: return "nat";
    case NetworkMode::isolated: return "isolated";
    case NetworkMode::none: return "none";
    }
    return "none";
}

std::string_view to_string(HostHealth health) noexcept
{
    switch (health) {
    case HostHealth::joining: return "joining";
    case HostHealth::ready: return "ready";
    case HostHealth::suspect: return "suspect";
    case HostHealth::lost: return "lost";
    }
    return "lost";
}

std::string_view to_string(DrainProgress::State state) noexcept
{
    switch (state) {
    case DrainProgress::State::draining: return "draining";
    case DrainProgress::State::drained: return "drained";
    case DrainProgress::State::incomplete: return "incomplete";
    }
    return "incomplete";
}

std::string_view to_string(EvacuationProgress::State state) noexcept
{
    switch (state) {
    case EvacuationProgress::State::evacuating: return "evacuating";
    case EvacuationProgress::State::evacuated: return "evacuated";
    case EvacuationProgress::State::incomplete: return "incomplete";
    }
    return "incomplete";
}

namespace {

template <typename Enum, std::size_t N>
std::optional<Enum> named(const std::array<Enum, N>& all, std::string_view text) noexcept
{
    for (const auto value : all) {
        if (to_string(value) == text) {
            return value;
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<Phase> phase_from(std::string_view text) noexcept
{
    return named(std::array{Phase::pending,
                            Phase::placing,
                            Phase::created,
                            Phase::starting,
                            Phase::restoring,
                            Phase::running,
                            Phase::paused,
                            Phase::stopping,
                            Phase::suspended,
                            Phase::stopped,
                            Phase::destroyed,
                            Phase::lost,
                            Phase::error},
                 text);
}

std::optional<Checkpoint::Status> checkpoint_status_from(std::string_view text) noexcept
{
    using Status = Checkpoint::Status;
    return named(std::array{Status::taking, Status::ready, Status::deleting, Status::deleted},
                 text);
}

std::optional<State> state_from(std::string_view text) noexcept
{
    return named(std::array{State::created,
                            State::starting,
                            State::running,
                            State::stopped,
                            State::destroyed,
                            State::error},
                 text);
}

std::optional<Desired> desired_from(std::string_view text) noexcept
{
    return named(std::array{Desired::stopped, Desired::running, Desired::destroyed}, text);
}

std::optional<DiskKind> disk_kind_from(std::string_view text) noexcept
{
    return named(std::array{DiskKind::durable, DiskKind::ephemeral}, text);
}

std::optional<NetworkMode> network_mode_from(std::string_view text) noexcept
{
    return named(std::array{NetworkMode::nat, NetworkMode::isolated, NetworkMode::none}, text);
}

bool is_left(const Sandbox& sandbox, const common::HostName& host) noexcept
{
    return sandbox.left_host == host || sandbox.remains_on.contains(host);
}

bool is_visible(const Image& image, std::string_view tenant) noexcept
{
    return image.tenant.empty() || image.tenant == tenant;
}

std::string_view to_string(CommandMode mode) noexcept
{
    switch (mode) {
    case CommandMode::run: return "run";
    case CommandMode::live: return "live";
    case CommandMode::live_stdin: return "live_stdin";
    case CommandMode::terminal: return "terminal";
    case CommandMode::call: return "call";
    }
    return "";
}

std::optional<CommandMode> command_mode_from(std::string_view text) noexcept
{
    using enum CommandMode;
    return named(std::array{run, live, live_stdin, terminal, call}, text);
}

std::string_view to_string(FileAction action) noexcept
{
    switch (action) {
    case FileAction::exists: return "exists";
    case FileAction::list: return "list";
    case FileAction::lines: return "lines";
    case FileAction::hash: return "hash";
    case FileAction::edit: return "edit";
    case FileAction::mkdir: return "mkdir";
    case FileAction::move: return "move";
    case FileAction::copy: return "copy";
    case FileAction::remove: return "remove";
    case FileAction::read: return "read";
    case FileAction::write: return "write";
    case FileAction::watch: return "watch";
    }
    return "";
}

bool changes_files(FileAction action) noexcept
{
    using enum FileAction;
    return action == edit || action == mkdir || action == move || action == copy ||
           action == remove || action == write;
}

std::string_view to_string(TerminalAction action) noexcept
{
    switch (action) {
    case TerminalAction::sessions: return "sessions";
    case TerminalAction::windows: return "windows";
    case TerminalAction::panes: return "panes";
    case TerminalAction::create_session: return "create_session";
    case TerminalAction::create_pane: return "create_pane";
    case TerminalAction::read: return "read";
    case TerminalAction::send_keys: return "send_keys";
    case TerminalAction::resize: return "resize";
    case TerminalAction::switch_to: return "switch_to";
    case TerminalAction::kill_pane: return "kill_pane";
    case TerminalAction::kill_window: return "kill_window";
    case TerminalAction::kill_session: return "kill_session";
    case TerminalAction::watch: return "watch";
    }
    return "";
}

bool changes_terminals(TerminalAction action) noexcept
{
    using enum TerminalAction;
    return action != sessions && action != windows && action != panes && action != read &&
           action != watch;
}

} // namespace coordinator
