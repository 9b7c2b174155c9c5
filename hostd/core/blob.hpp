#pragma once

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/id.hpp"
#include "hostd/core/model.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace hostd {

/// A file that the coordinator keeps.
struct BlobRef {
    std::string digest; ///< sha256 hex; "": there is none.
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

/// What this host asks for.
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
};

} // namespace hostd
