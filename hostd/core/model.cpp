#include "hostd/core/model.hpp"

#include "common/digest/digest.hpp"
#include "hostd/core/state_engine.hpp"

#include <array>
#include <fmt/format.h>

namespace hostd {

std::string_view to_string(Phase phase) noexcept
{
    switch (phase) {
    case Phase::created: return "created";
    case Phase::starting: return "starting";
    case Phase::restoring: return "restoring";
    case Phase::running: return "running";
    case Phase::paused: return "paused";
    case Phase::stopping: return "stopping";
    case Phase::suspended: return "suspended";
    case Phase::stopped: return "stopped";
    case Phase::error: return "error";
    case Phase::destroyed: return "destroyed";
    }
    return "error";
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

std::string_view to_string(AgentKind kind) noexcept
{
    switch (kind) {
    case AgentKind::paddock: return "paddock";
    case AgentKind::qemu: return "qemu";
    case AgentKind::none: return "none";
    }
    return "none";
}

std::string_view to_string(Boot boot) noexcept
{
    switch (boot) {
    case Boot::kernel: return "kernel";
    case Boot::bios: return "bios";
    case Boot::uefi: return "uefi";
    }
    return "bios";
}

std::string_view to_string(Accel accel) noexcept
{
    switch (accel) {
    case Accel::kvm: return "kvm";
    case Accel::tcg: return "tcg";
    }
    return "tcg";
}

std::string_view to_string(FenceAction action) noexcept
{
    switch (action) {
    case FenceAction::keep: return "keep";
    case FenceAction::pause: return "pause";
    case FenceAction::stop: return "stop";
    }
    return "keep";
}

std::string_view to_string(EngineKind kind) noexcept
{
    switch (kind) {
    case EngineKind::fast: return "fast";
    case EngineKind::portable: return "portable";
    }
    return "portable";
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

std::optional<DiskKind> disk_kind_from(std::string_view text) noexcept
{
    return named(std::array{DiskKind::durable, DiskKind::ephemeral}, text);
}

std::optional<NetworkMode> network_mode_from(std::string_view text) noexcept
{
    return named(std::array{NetworkMode::nat, NetworkMode::isolated, NetworkMode::none}, text);
}

std::optional<AgentKind> agent_kind_from(std::string_view text) noexcept
{
    return named(std::array{AgentKind::paddock, AgentKind::qemu, AgentKind::none}, text);
}

std::optional<EngineKind> engine_kind_from(std::string_view text) noexcept
{
    return named(std::array{EngineKind::fast, EngineKind::portable}, text);
}

std::optional<Boot> boot_from(std::string_view text) noexcept
{
    return named(std::array{Boot::kernel, Boot::bios, Boot::uefi}, text);
}

std::optional<FenceAction> fence_action_from(std::string_view text) noexcept
{
    return named(std::array{FenceAction::keep, FenceAction::pause, FenceAction::stop}, text);
}

std::string digest_of(const SandboxSpec& spec)
{
    // Every text is preceded by its length, so that no two specs share an encoding.
    auto text = fmt::format("1\n{}\n{}:{}\n{}:{}\n{}:{}\n{}\n{}\n{}\n",
                            spec.id.str(),
                            spec.tenant.size(),
                            spec.tenant,
                            spec.name.size(),
                            spec.name,
                            spec.image.str().size(),
                            spec.image.str(),
                            spec.vcpus,
                            spec.memory.count(),
                            to_string(spec.network));
    if (spec.disk != DiskKind::durable) { // Those from before there was a choice keep theirs.
        text += fmt::format("{}\n", to_string(spec.disk));
    }
    return common::digest::to_hex(common::digest::of(text));
}

} // namespace hostd
