#pragma once

#include "client/session.hpp"
#include "common/result.hpp"

#include <string>
#include <vector>

namespace cli {

struct KnownSandbox {
    std::string id;
    std::string name;
};

/// Which of them `text` means: an id, else a name, else the beginning of one id alone, with or
/// without "sbx-" and at least three characters of the rest. `not_found`; `invalid_argument` naming
/// those that it may mean.
common::Result<std::string> pick_sandbox(const std::string& text,
                                         const std::vector<KnownSandbox>& known);

/// The id that `text` means. A whole id is taken as it is; for the rest the coordinator is asked.
common::Result<std::string> sandbox_id(client::Session& session, const std::string& text);

} // namespace cli
