#pragma once

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/id.hpp"
#include "coordinator/core/prefetch.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace coordinator {

/// A file of a tenant's that images are made of, by its content.
struct Blob {
    std::string digest; ///< sha256 hex; "": there is none.
    common::Bytes size;

    friend bool operator==(const Blob&, const Blob&) = default;
};

/// An image that a tenant made of files that it uploaded. Hosts fetch it.
struct RegisteredImage {
    enum class Status {
        registering, ///< No host has looked at it yet.
        ready,
        deleted, ///< Hosts that still have it are to remove it.
    };
    common::ImageId id;
    std::string tenant;
    common::ImageName name; ///< Unique among those that are not deleted.
    Status status = Status::registering;
    Blob disk;
    Blob kernel; ///< With boot `kernel`, and only then.
    Blob initrd; ///< Likewise; there may be none.
    std::string cmdline;
    std::string boot;   ///< kernel | bios | uefi
    std::string agent;  ///< paddock | qemu | none
    unsigned vcpus = 0; ///< 0: no opinion, as below.
    common::Bytes memory;
    Prefetch prefetch;
    common::WallTime created_at;
    std::optional<common::WallTime> deleted_at;

    friend bool operator==(const RegisteredImage&, const RegisteredImage&) = default;
};
std::string_view to_string(RegisteredImage::Status status) noexcept;
std::optional<RegisteredImage::Status> registration_status_from(std::string_view text) noexcept;

} // namespace coordinator
