#pragma once

#include "common/result.hpp"

#include <filesystem>
#include <libvirt/libvirt.h>
#include <optional>
#include <string_view>
#include <sys/types.h>

namespace hostd::libvirt {

/// Whom libvirt runs QEMU as, by its own word. Nothing if its capabilities tell none: it runs QEMU
/// as itself.
std::optional<uid_t> qemu_user(std::string_view capabilities_xml);
common::Result<std::optional<uid_t>> qemu_user(virConnectPtr connection);

/// Lets that user read and write a file or a folder of ours, by an entry in its access list: it
/// stays ours, so that this needs neither chown(2) nor CAP_CHOWN. A link is not followed.
/// `failed_precondition` on a file system without access lists.
common::Result<> let_qemu_use(const std::filesystem::path& path, uid_t user);
/// The same of what is open; `path` is for errors.
common::Result<> let_qemu_use(int fd, const std::filesystem::path& path, uid_t user);

} // namespace hostd::libvirt
