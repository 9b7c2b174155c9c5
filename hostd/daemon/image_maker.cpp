#include "hostd/daemon/image_maker.hpp"

#include "hostd/daemon/file_lock.hpp"
#include "hostd/daemon/image_commands.hpp"

namespace hostd::daemon {

using common::Result;

LockedImageMaker::LockedImageMaker(storage::Layout layout,
                                   storage::Runner runner,
                                   common::Bytes reserve)
    : layout_{layout}, registrar_{std::move(layout), std::move(runner), reserve}
{}

Result<Image> LockedImageMaker::make_from(const Checkpoint& checkpoint,
                                          const common::ImageName& name,
                                          const std::string& tenant)
{
    COMMON_TRY(const auto lock, FileLock::take(image_lock_file(layout_), FileLock::IfHeld::wait));
    return registrar_.make_from(checkpoint, name, tenant);
}

Result<Image> LockedImageMaker::add(const ImageRecipe& recipe, const Fetch& fetch)
{
    return registrar_.add(recipe, fetch, [this]() -> Result<std::shared_ptr<void>> {
        COMMON_TRY(auto lock, FileLock::take(image_lock_file(layout_), FileLock::IfHeld::wait));
        return std::make_shared<FileLock>(std::move(lock));
    });
}

Result<Image> LockedImageMaker::import(const ForeignSource& source,
                                       const ImportVmCommand& wish,
                                       const BackUp& back_up)
{
    COMMON_TRY(const auto lock, FileLock::take(image_lock_file(layout_), FileLock::IfHeld::wait));
    return registrar_.import(source, wish, back_up);
}

Result<> LockedImageMaker::remove(const common::ImageName& name,
                                  const std::string& tenant,
                                  const common::ImageId& registration)
{
    COMMON_TRY(const auto lock, FileLock::take(image_lock_file(layout_), FileLock::IfHeld::wait));
    return registrar_.remove_of(tenant, name, registration);
}

} // namespace hostd::daemon
