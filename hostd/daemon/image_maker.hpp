#pragma once

#include "hostd/core/image_maker.hpp"
#include "hostd/storage/images.hpp"

namespace hostd::daemon {

/// The registrar as a hostd uses it: it takes the lock of `paddock-hostd image` for each call.
class LockedImageMaker final : public ImageMaker {
public:
    LockedImageMaker(storage::Layout layout, storage::Runner runner, common::Bytes reserve);

    common::Result<Image> make_from(const Checkpoint& checkpoint,
                                    const common::ImageName& name,
                                    const std::string& tenant) override;
    common::Result<Image> add(const ImageRecipe& recipe, const Fetch& fetch) override;
    common::Result<Image> import(const ForeignSource& source,
                                 const ImportVmCommand& wish,
                                 const BackUp& back_up) override;
    common::Result<> remove(const common::ImageName& name,
                            const std::string& tenant,
                            const common::ImageId& registration) override;

private:
    storage::Layout layout_;
    storage::ImageRegistrar registrar_;
};

} // namespace hostd::daemon
