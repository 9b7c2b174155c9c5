#pragma once

#include "hostd/daemon/settings.hpp"
#include "hostd/storage/images.hpp"

namespace hostd::daemon {

enum class Output { text, json };

// `paddock-hostd image …`. They run beside a daemon; two that write wait for each other.

/// Progress goes to stderr where that is a terminal.
common::Result<> add_image(const Settings& settings, const storage::ImageRequest& request);
common::Result<> list_images(const Settings& settings, Output output);
common::Result<> remove_image(const Settings& settings, const common::ImageName& name);
/// Digests again; an empty name means all. An error if one of them is damaged.
common::Result<> verify_images(const Settings& settings, const common::ImageName& name);

/// What says that nobody is registering an image: held by those who do.
std::filesystem::path image_lock_file(const storage::Layout& layout);

} // namespace hostd::daemon
