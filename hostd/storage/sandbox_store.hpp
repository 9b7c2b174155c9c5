#pragma once

#include "hostd/core/storage.hpp"
#include "hostd/storage/layout.hpp"
#include "hostd/storage/qemu_img.hpp"

namespace hostd::storage {

/// Folders and overlays of sandboxes, below Layout::sandboxes().
class DirSandboxStore final : public SandboxStore {
public:
    /// `reserve`: what must stay free on the file system after a create.
    DirSandboxStore(Layout layout, Runner runner, common::Bytes reserve)
        : layout_{std::move(layout)}, runner_{std::move(runner)}, reserve_{reserve}
    {}

    [[nodiscard]] SandboxFiles files_of(const common::SandboxId& id,
                                        std::uint64_t incarnation = 1) const override;
    common::Result<SandboxFiles> create(const common::SandboxId& id, const Image& image) override;
    common::Result<SandboxFiles> create_empty(const common::SandboxId& id) override;
    common::Result<> remove(const common::SandboxId& id) override;
    [[nodiscard]] bool has_run(const common::SandboxId& id) const override;
    common::Result<> mark_run(const common::SandboxId& id) override;
    common::Result<std::vector<common::SandboxId>> list() const override;
    [[nodiscard]] common::Bytes taken_by(const SandboxFiles& files) const override;
    [[nodiscard]] Tail console_of(const SandboxFiles& files, std::size_t bytes) const override;
    common::Result<DiskSpace> space() const override;

private:
    Layout layout_;
    Runner runner_;
    common::Bytes reserve_;
};

} // namespace hostd::storage
