#pragma once

#include "common/config/config.hpp"
#include "coordinator/blobs/dir_blobs.hpp"
#include "coordinator/core/plans.hpp"
#include "coordinator/core/playbooks.hpp"
#include "coordinator/core/request_keys.hpp"
#include "coordinator/core/settings.hpp"
#include "coordinator/core/templates.hpp"
#include "coordinator/http/options.hpp"
#include "coordinator/store/settings.hpp"

#include <filesystem>
#include <span>

namespace coordinator::daemon {

inline constexpr const char* default_config_file = "/etc/paddock/coordinator.yaml";

/// Everything the coordinator is told, checked. Tokens and keys are still in their files.
struct Settings {
    std::filesystem::path file; ///< As load_settings() was told.
    http::Options http;
    std::string link_address;
    std::filesystem::path server_key;
    std::filesystem::path enrolment_file;
    std::filesystem::path token_file;
    store::StoreSettings store;
    CoreSettings core;
    blobs::BlobSettings blobs;
    PlaybookLimits playbooks;
    TemplateLimits templates;
    PlanLimits plans;
    KeySettings keys;
    std::string log_level;
    std::string log_format;
};

std::span<const common::config::Key> keys();

/// From `file`, or if it is empty from the default one if there is such, and the
/// environment. `invalid_argument` says what is wrong, where, and what is expected.
common::Result<Settings> load_settings(const std::filesystem::path& file,
                                       const common::config::Config::Environment& environment);

/// On SIGHUP: log_level is read again, and counts from now on; nothing else does. One that is wrong
/// is logged, and what was before goes on.
void read_log_level_again(const Settings& settings);

} // namespace coordinator::daemon
