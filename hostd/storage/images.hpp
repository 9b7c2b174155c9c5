#pragma once

#include "hostd/core/checkpoint_store.hpp"
#include "hostd/core/image_maker.hpp"
#include "hostd/core/storage.hpp"
#include "hostd/storage/image_files.hpp"
#include "hostd/storage/layout.hpp"
#include "hostd/storage/manifest.hpp"
#include "hostd/storage/qemu_img.hpp"

#include <memory>

namespace hostd::storage {

/// The registered images, as they are on disk now.
class DirImageStore final : public ImageStore {
public:
    explicit DirImageStore(Layout layout);

    common::Result<Image> find(const common::ImageName& name) const override;
    std::vector<Image> list(std::vector<std::string>& warnings) const override;
    /// The file with this digest of the image that was registered so; nothing if there is none.
    [[nodiscard]] std::optional<std::filesystem::path> file_of(const common::ImageId& registration,
                                                               const std::string& digest) const;

private:
    common::Result<Image> load(const std::filesystem::path& folder) const;
    common::Result<bool> check_file(const std::filesystem::path& file, FileStamp& known) const;

    Layout layout_;
    mutable StampCheck stamps_;
};

struct ImageRequest {
    common::ImageName name;
    std::filesystem::path disk;
    std::filesystem::path kernel; ///< Empty without direct kernel boot.
    std::filesystem::path initrd;
    std::string cmdline;
    Boot boot = Boot::bios;
    AgentKind agent = AgentKind::none;
    unsigned vcpus = 0;
    common::Bytes memory;
    enum class IfTaken { refuse, replace } if_taken = IfTaken::refuse;
};

/// The only writer of images: of operators (`paddock-hostd image …`) and of tenants (a hostd that
/// is asked to). One of them at a time, which is for the caller to see to. What is made appears by
/// rename, whole or not at all.
class ImageRegistrar {
public:
    using Progress = CopyProgress;

    /// `reserve`: what make_from() leaves free on the file system.
    ImageRegistrar(Layout layout, Runner runner, common::Bytes reserve = common::Bytes{0})
        : layout_{std::move(layout)}, runner_{std::move(runner)}, reserve_{reserve}
    {}

    /// Verifies, copies (by reference where the file system can) and digests. The same
    /// content again under the same name is success; another is `already_exists`, or with
    /// IfTaken::replace takes its place once no overlay stands on it.
    common::Result<Image> add(const ImageRequest& request, const Progress& progress);
    /// As ImageMaker's.
    common::Result<Image> make_from(const Checkpoint& checkpoint,
                                    const common::ImageName& name,
                                    const std::string& tenant);
    /// As ImageMaker's.
    common::Result<Image> import(const ForeignSource& source,
                                 const ImportVmCommand& wish,
                                 const ImageMaker::BackUp& back_up);
    /// Held for as long as what it gives.
    using Lock = std::function<common::Result<std::shared_ptr<void>>()>;
    /// As ImageMaker's. `lock` is taken when all is fetched: no other writer waits for that.
    common::Result<Image>
    add(const ImageRecipe& recipe, const ImageMaker::Fetch& fetch, const Lock& lock);
    /// `failed_precondition` (reason image_in_use) while an overlay stands on it.
    common::Result<> remove(const common::ImageName& name);
    /// As ImageMaker's remove().
    common::Result<> remove_of(const std::string& tenant,
                               const common::ImageName& name,
                               const common::ImageId& registration);
    /// Digests every file again and compares.
    common::Result<Image> verify(const common::ImageName& name);
    /// What an interrupted add left behind.
    void clean_up();

private:
    common::Result<ImageFacts> inspect_disk(const std::filesystem::path& disk) const;
    common::Result<Manifest> copy_into(const std::filesystem::path& folder,
                                       const ImageRequest& request,
                                       const Progress& progress) const;
    common::Result<> check_header(const std::filesystem::path& disk) const;
    common::Result<ImageFacts> inspect_disk_in(const std::filesystem::path& folder) const;
    common::Result<Manifest> fetch_into(const std::filesystem::path& folder,
                                        const ImageRecipe& recipe,
                                        const ImageMaker::Fetch& fetch) const;
    common::Result<> may_take_name(const ImageRecipe& recipe) const;
    void forget_drafts_but(const ImageRecipe& recipe) const;
    common::Bytes still_to_come(const ImageRecipe& recipe) const;
    common::Result<std::optional<Image>> make_way_for(const ImageRecipe& recipe);
    common::Result<> copy_disk(const ForeignSource& source,
                               const ImageMaker::BackUp& back_up,
                               const std::filesystem::path& into,
                               FileStamp& stamp) const;
    common::Result<std::optional<Image>> imported_before(const ForeignSource& source,
                                                         const ImportVmCommand& wish);
    common::Result<> refuse_if_in_use(const common::ImageName& name) const;
    common::Result<std::vector<std::filesystem::path>>
    disks_with_room(const Checkpoint& checkpoint) const;
    common::Result<FileStamp> flatten(const std::filesystem::path& layer,
                                      const std::filesystem::path& disk) const;

    Layout layout_;
    Runner runner_;
    common::Bytes reserve_;
};

} // namespace hostd::storage
