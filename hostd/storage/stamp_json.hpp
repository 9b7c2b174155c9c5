#pragma once

#include "hostd/storage/file_stamp.hpp"

#include <nlohmann/json_fwd.hpp>

namespace hostd::storage {

nlohmann::json to_json(const FileStamp& stamp);
/// Throws nlohmann's exceptions, for a reader that catches them for a whole document.
FileStamp stamp_from(const nlohmann::json& value);

} // namespace hostd::storage
