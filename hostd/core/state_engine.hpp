#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <optional>

namespace hostd {

/// How the state of a guest is captured and loaded. `fast` reads and writes QEMU's and
/// libvirt's own formats and is proven on the versions at hand before it is used; `portable`
/// uses only libvirt's public calls.
enum class EngineKind { fast, portable };
std::string_view to_string(EngineKind kind) noexcept;
std::optional<EngineKind> engine_kind_from(std::string_view text) noexcept;

/// The files of one captured state. CheckpointStore names and owns them.
struct StateFiles {
    std::filesystem::path folder;
    std::filesystem::path memory; ///< fast: RAM, each page at its own offset, sparse.
                                  ///< portable: libvirt's save image.
    std::filesystem::path device; ///< fast: all else of QEMU's migration stream.
    std::filesystem::path domain; ///< The domain's XML as it was.
};

struct CaptureRequest {
    common::SandboxId id;
    enum class Memory { with, without } memory = Memory::with;
    StateFiles files; ///< The folder exists, the files do not.
    /// Where the guest writes from now on: an overlay whose backing file is the layer that it
    /// wrote to until now, under whatever name. Nothing: the disk is not branched.
    std::optional<std::filesystem::path> new_top;
    /// What becomes of the guest: as it was, or paused until somebody says otherwise.
    enum class Then { go_on, stay_paused } then = Then::go_on;
};

struct Captured {
    std::chrono::microseconds paused{0}; ///< How long the guest stood still for it.
    std::map<std::string, std::chrono::microseconds> timings;
    bool branched = false; ///< Also told with an error: the guest writes to new_top now.
    bool unsure = false;   ///< Nobody could be asked which file it writes to: leave both.
    std::optional<common::Error> error;
};

struct LoadRequest {
    /// What the domain is to be: sandbox, incarnation, generation, lease, overlay, console,
    /// socket. Its name and UUID are made from it.
    DomainRecord domain;
    StateFiles files; ///< Verified by the caller.
    /// What it boots from, as that is here. Not said: it was captured here, and no file moved.
    std::optional<Image> image{};
};

/// The reason of a load that failed and could not be taken back: its domain may be there, or be on
/// its way. Nothing that it uses may be removed; whoever finds it decides.
inline constexpr const char* left_behind = "left_behind";

/// Captures and loads guests: the port. Blocking; any worker thread; calls for one sandbox do
/// not overlap with each other or with the Hypervisor's.
class StateEngine {
public:
    virtual ~StateEngine() = default;

    [[nodiscard]] virtual EngineKind kind() const noexcept = 0;

    /// Memory, devices and disk of a guest at one instant. With an error the guest goes on as
    /// it was, but for `branched` and `unsure`, and the files are worth nothing. A paused guest
    /// stays paused; a stopped one has no memory: its disk alone may be captured.
    /// `failed_precondition` if it is in no state for it; `resource_exhausted` (disk_full).
    virtual Captured capture(const CaptureRequest& request) = 0;

    /// A domain of its own that runs on from what was captured: for resuming one that was
    /// suspended (its domain is defined and stopped, and is started so) and for clones (there
    /// is none yet). Undoes itself on failure. `failed_precondition` (reason
    /// state_incompatible) if this host's QEMU cannot load it.
    virtual common::Result<> load(const LoadRequest& request) = 0;

    /// The sandbox's domain is paused, another incarnation loaded in its place. On failure the
    /// old one goes on as it was and nothing of the new one is left. On success the new one runs;
    /// the old one is paused still, for Hypervisor::keep_only().
    virtual common::Result<> replace(const LoadRequest& request) = 0;
};

/// The engines of this host. Any thread.
class StateEngines {
public:
    virtual ~StateEngines() = default;

    /// What captures from now on. `unavailable` (reason engine_starting) while it is being tried.
    virtual common::Result<StateEngine*> current() = 0;
    /// What loads the captures of this kind. `failed_precondition` (reason state_incompatible) if
    /// this host cannot: it says why.
    virtual common::Result<StateEngine*> of(EngineKind kind) = 0;
};

} // namespace hostd
