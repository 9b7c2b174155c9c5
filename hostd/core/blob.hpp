#pragma once

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/id.hpp"
#include "hostd/core/model.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace hostd {

/// A file that the coordinator keeps, or that another host has.
struct BlobRef {
    std::string digest; ///< What it is asked for by: sha256 hex; "": there is none.
    common::Bytes size;

    friend bool operator==(const BlobRef&, const BlobRef&) = default;
};

/// An image to be made of such files.
struct ImageRecipe {
    common::ImageId registration; ///< That the coordinator knows it by.
    common::ImageName name;
    std::string tenant; ///< Whose it is to be.
    BlobRef disk;
    BlobRef kernel; ///< With Boot::kernel, and only then.
    BlobRef initrd;
    std::string cmdline;
    Boot boot = Boot::bios;
    AgentKind agent = AgentKind::none;
    unsigned vcpus = 0; ///< 0: no opinion, as below.
    common::Bytes memory;
};

/// A file that is to be fetched.
struct FileWish {
    enum class Whence {
        anywhere,
        coordinator, ///< From there alone: what came from anywhere was another file.
    };
    BlobRef blob;
    std::uint64_t from = 0; ///< What is before is here already.
    Whence whence = Whence::anywhere;
};

/// What this host asks for, or is asked for.
struct PieceWish {
    common::OperationId operation; ///< That it is wanted for.
    std::string digest;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
};

/// What comes: as much as was asked for, or why not.
struct Piece {
    common::OperationId operation;
    std::string digest;
    std::uint64_t offset = 0;
    std::string data;
    std::optional<common::Error> error{};
    std::uint32_t zeros = 0; ///< As many, instead of data.
};
/// The reason of a piece that does not come now: asked for again a little later, it may.
inline constexpr const char* piece_busy = "busy";

inline bool is_all_zeros(std::string_view bytes) noexcept
{
    return bytes.empty() || (bytes.front() == 0 &&
                             std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

} // namespace hostd
