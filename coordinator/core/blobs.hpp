#pragma once

#include "common/result.hpp"
#include "coordinator/core/registered_image.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace coordinator {

/// The files that hosts fetch. Each tenant has its own: who knows a digest has not with that the
/// file.
class Blobs {
public:
    /// One that is being uploaded; gone with this, unless it was finished.
    class Upload {
    public:
        virtual ~Upload() = default;
        /// Blocks. `resource_exhausted` (disk_full), `too_large` (blob_too_large).
        virtual common::Result<> write(std::string_view piece) = 0;
        /// Durable. `invalid_argument` (digest_mismatch) if it is not what it was said to be.
        virtual common::Result<Blob> finish() = 0;
    };
    /// Whose, and which.
    using Key = std::pair<std::string, std::string>;
    using Read = std::function<void(common::Result<std::string>)>;

    virtual ~Blobs() = default;

    /// Blocks for a moment; any thread. `not_found` (unknown_blob). One that was asked for is not
    /// swept for a day.
    virtual common::Result<Blob> find(const std::string& tenant, const std::string& digest) = 0;
    /// Likewise. `resource_exhausted`: disk_full.
    virtual common::Result<std::unique_ptr<Upload>> begin(const std::string& tenant,
                                                          const std::string& digest) = 0;

    /// Any thread; returns at once. `done` is called on a thread of the store's own, and must only
    /// enqueue: with `size` bytes from `offset` on, or fewer at the end. False: too much is wanted
    /// already, and it never will be called.
    [[nodiscard]] virtual bool
    read(const Key& blob, std::uint64_t offset, std::uint32_t size, const Read& done) = 0;

    /// Removes what is neither in `used` nor was uploaded or asked for within a day, and what of
    /// uploads was left behind. Any thread; returns at once.
    virtual void sweep(std::set<Key> used) = 0;
};

} // namespace coordinator
