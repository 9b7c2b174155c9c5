#pragma once

#include "common/result.hpp"
#include "hostd/core/checkpoint_store.hpp"

namespace hostd {

/// Makes images of this host for its tenants, and takes them away. Blocking; any thread. One at a
/// time with every other writer of images, `paddock-hostd image` included: it waits.
class ImageMaker {
public:
    virtual ~ImageMaker() = default;

    /// An image that stands alone, of the disk that the checkpoint holds; whether it was verified
    /// is the caller's business, and nothing may take its layer away meanwhile. It boots as the
    /// image does that the disk lies on, with the vCPUs and memory of the checkpoint's source.
    /// Appears whole, by rename, and durable, or not at all. One that was made of the same
    /// checkpoint for the same tenant before is given. `already_exists` (reason name_taken) for
    /// any other of this name; `resource_exhausted` (disk_full) if it would eat the reserve;
    /// `failed_precondition` (disk_damaged, image_changed); `unavailable` (host_slow) if it takes
    /// longer than anybody waits.
    virtual common::Result<Image> make_from(const Checkpoint& checkpoint,
                                            const common::ImageName& name,
                                            const std::string& tenant) = 0;

    /// `not_found`, also for another tenant's; `failed_precondition` (operator_image) for one that
    /// was not made so, (image_in_use) while any disk lies on it.
    virtual common::Result<> remove(const common::ImageName& name, const std::string& tenant) = 0;
};

} // namespace hostd
