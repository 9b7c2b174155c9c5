#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What travels when a checkpoint goes from one host to another. The host that has it offers it:
// says which files it is. The other one fetches them, piece by piece, as it fetches images
// (wire_images.hpp); the coordinator passes each wish on, and what comes.
namespace proto {

/// A file of a checkpoint. Its bytes do not change.
struct StateFile {
    std::string name;   ///< lyr-….qcow2 | ram | device | domain.xml
    std::string digest; ///< Of its content (hostd/storage/content_digest.hpp).
    std::uint64_t size_bytes = 0;
    friend bool operator==(const StateFile&, const StateFile&) = default;
};

/// All that it takes to have a checkpoint elsewhere.
struct SnapshotOffer {
    std::string manifest; ///< As it lies beside its files.
    /// First the layers of its disk, the lowest first, which lies on the image's disk; then what
    /// else there is. No two have one name.
    std::vector<StateFile> files;
    friend bool operator==(const SnapshotOffer&, const SnapshotOffer&) = default;
};
inline constexpr std::size_t max_manifest_bytes = std::size_t{64} << 10U;
inline constexpr std::size_t max_state_files = 80;

// ---- coordinator to host --------------------------------------------------------

/// Answered with a SnapshotOffer.
struct OfferSnapshot {
    static constexpr std::string_view kind = "offer_snapshot";
    std::string id; ///< Of the sandbox, here and below.
    std::string snapshot_id;
};

/// To be had by that host, too: fetched under the envelope's operation.
struct FetchSnapshot {
    static constexpr std::string_view kind = "fetch_snapshot";
    std::string id;
    std::string snapshot_id;
    SnapshotOffer offer; ///< As the host said that has it.
};

/// A piece of a file of a checkpoint that this host has, for another one. Answered with a Piece.
struct GivePiece {
    static constexpr std::string_view kind = "give_piece";
    std::string snapshot_id;
    std::string operation; ///< That it is wanted for: the other host's.
    std::string digest;
    std::uint64_t offset = 0;
    std::uint32_t size = 0; ///< At most max_piece_bytes.
};

template <typename Message>
std::string encode_body(const Message& message);
template <typename Message>
common::Result<Message> decode_body(std::string_view body);

} // namespace proto
