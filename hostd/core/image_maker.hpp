#pragma once

#include "common/result.hpp"
#include "hostd/core/blob.hpp"
#include "hostd/core/checkpoint_store.hpp"
#include "hostd/core/uplink.hpp"

#include <functional>

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

    /// Gives a sink a file of the coordinator's, from where it is wished on.
    using Sink = std::function<common::Result<>(std::string_view)>;
    using Fetch = std::function<common::Result<>(const FileWish& file, const Sink& sink)>;

    /// An image of what `fetch` gives, which is a tenant's and may be meant to do harm: nothing of
    /// it is opened that may refer to another file. What has come of a file when a fetch ends is
    /// kept for a day, over restarts, and fetched no more. Appears as above. One of the same
    /// registration is given; another registered one of its name and tenant, which the coordinator
    /// has dropped, gives way. `already_exists` (name_taken) for any other; `invalid_argument`
    /// (image_unusable); `resource_exhausted` (disk_full); `failed_precondition` (image_in_use).
    virtual common::Result<Image> add(const ImageRecipe& recipe, const Fetch& fetch) = 0;

    /// Makes a file of what the disk of a VM that runs holds.
    using BackUp = std::function<common::Result<>(const std::filesystem::path& into)>;

    /// An image that stands alone, of what somebody else's VM has on its disk, which is read and
    /// nothing else. One that was made of that VM for that tenant is given if its disk has not
    /// changed since; else it gives way if `if_other` says so. `already_exists` (name_taken);
    /// `failed_precondition`: image_in_use, vm_changed (it was started meanwhile);
    /// `invalid_argument` (image_unusable); `resource_exhausted` (disk_full); `unavailable`
    /// (host_slow).
    virtual common::Result<Image>
    import(const ForeignSource& source, const ImportVmCommand& wish, const BackUp& back_up) = 0;

    /// `not_found`, also for another tenant's; `failed_precondition` (operator_image) for one that
    /// is an operator's, (image_in_use) while any disk lies on it.
    /// `registration`: only that one; empty: whichever it is.
    virtual common::Result<> remove(const common::ImageName& name,
                                    const std::string& tenant,
                                    const common::ImageId& registration) = 0;
};

} // namespace hostd
