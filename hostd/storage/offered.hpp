#pragma once

#include "hostd/core/checkpoint_store.hpp"
#include "hostd/storage/checkpoint_manifest.hpp"

#include <span>

namespace hostd::storage {

/// As much as one host tells another: the wire's bounds (proto/wire_moves.hpp).
inline constexpr std::size_t largest_manifest = std::size_t{64} << 10U;
inline constexpr std::size_t most_offered_files = 80;

/// An offer that makes sense.
struct Offered {
    CheckpointManifest manifest; ///< As on the other host, with its ids and stamps.
    std::span<const CheckpointOffer::File> layers; ///< The lowest first; at least one.
    std::span<const CheckpointOffer::File> states; ///< ram, device, domain.xml.
};

/// It comes from another host, and may be meant to do harm: whatever is not exactly as offer()
/// says it is `failed_precondition` (offer_refused). What the files hold is another matter. The
/// spans are of `offer`. Pure.
common::Result<Offered> check_offer(const Layout& layout,
                                    const common::SandboxId& sandbox,
                                    const common::SnapshotId& id,
                                    const CheckpointOffer& offer);

common::Error offer_refused(std::string_view why);

} // namespace hostd::storage
