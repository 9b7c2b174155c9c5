#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What travels about images that a host has of the coordinator: made of its checkpoints, or of
// files that the coordinator keeps. Those a host fetches itself, piece by piece, in any order: it
// asks for as many at once as it can take, and asks again for what does not come.
namespace proto {

// ---- coordinator to host --------------------------------------------------------

/// An image of what the disk of a checkpoint holds, for a tenant.
struct MakeImage {
    static constexpr std::string_view kind = "make_image";
    std::string id; ///< Of the sandbox.
    std::string snapshot_id;
    std::string image; ///< Its name.
    std::string tenant;
};

/// An image of what somebody else's VM of that host has on its disk, for a tenant.
struct ImportVm {
    static constexpr std::string_view kind = "import_vm";
    std::string vm;    ///< Its name there.
    std::string image; ///< That the image is to have.
    std::string tenant;
    std::string agent;    ///< paddock | qemu | none; "": as its definition lets one think.
    bool running = false; ///< Also of one that runs, as its disk is at one moment.
    bool renew = false;   ///< One that was made of it, and is not what it is now, gives way.
};

/// Of those that are a tenant's.
struct RemoveImage {
    static constexpr std::string_view kind = "remove_image";
    std::string image;
    std::string tenant;
    std::string registration; ///< Only the one that was registered by it; "": whichever it is.
};

/// A file that the coordinator keeps; both empty where there is none.
struct BlobRef {
    std::string digest; ///< sha256 hex.
    std::uint64_t size_bytes = 0;
    friend bool operator==(const BlobRef&, const BlobRef&) = default;
};

/// A host that gives what it has to other hosts, at an endpoint of its own
/// (docs/decisions/0040-images-between-hosts.md).
struct PeerRef {
    std::string endpoint; ///< tcp://ADDRESS:PORT
    std::string key;      ///< Its public key, Z85: pinned by who connects.
    friend bool operator==(const PeerRef&, const PeerRef&) = default;
};
inline constexpr std::size_t max_peers = 4;

/// An image of files that the host fetches under the envelope's operation.
struct AddImage {
    static constexpr std::string_view kind = "add_image";
    std::string registration; ///< Id that it was registered by.
    std::string image;        ///< Its name.
    std::string tenant;
    BlobRef disk; ///< A qcow2 that stands alone.
    BlobRef kernel;
    BlobRef initrd;
    std::string cmdline;
    std::string boot;        ///< kernel | bios | uefi
    std::string agent;       ///< paddock | qemu | none
    std::uint32_t vcpus = 0; ///< 0: no opinion, as below.
    std::uint64_t memory_bytes = 0;
    /// Who has it and gives it, the best first; the coordinator gives what these do not.
    std::vector<PeerRef> peers;
};

/// Another host may fetch the files of a registered image of this one. Not answered.
struct ShareImage {
    static constexpr std::string_view kind = "share_image";
    std::string registration; ///< What the other one names as the `operation` of a WantPiece.
    std::string key;          ///< The other one's, Z85.
};

/// The answer to a WantPiece; of a host, to a GivePiece (wire_moves.hpp).
struct Piece {
    static constexpr std::string_view kind = "piece";
    std::string operation;
    std::string digest;
    std::uint64_t offset = 0;
    std::string data;        ///< As long as was asked for; empty if it is nothing but zeros.
    std::uint32_t zeros = 0; ///< As many as were asked for, instead of data.
    std::string reason;      ///< Why there is no data, a stable word; "" if there is.
    std::string message;     ///< Likewise, a sentence.
};

// ---- host to coordinator --------------------------------------------------------

struct WantPiece {
    static constexpr std::string_view kind = "want_piece";
    /// That it is wanted for: an AddImage's or a FetchSnapshot's, of this host. To another host:
    /// the registration of the image.
    std::string operation;
    std::string digest; ///< Of the file.
    std::uint64_t offset = 0;
    std::uint32_t size = 0; ///< At most max_piece_bytes.
};
/// Small enough that what else is to be said does not wait for it.
inline constexpr std::size_t max_piece_bytes = std::size_t{256} << 10U;

template <typename Message>
std::string encode_body(const Message& message);
template <typename Message>
common::Result<Message> decode_body(std::string_view body);

} // namespace proto
