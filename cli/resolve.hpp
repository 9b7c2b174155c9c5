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

/// How sure it has to be which one is meant.
enum class Meant {
    likely,  ///< Three characters of an id are enough.
    certain, ///< It is lost if it was another one: eight, which no name has by chance.
};

/// Which of them `text` means: an id, else a name, else the beginning of one id alone, with or
/// without "sbx-" and so many characters of the rest as Meant says. `not_found`;
/// `invalid_argument` naming those that it may mean, or for too little of an id.
common::Result<std::string>
pick_sandbox(const std::string& text, const std::vector<KnownSandbox>& known, Meant meant);

/// The id that `text` means. A whole id is taken as it is. For the rest the coordinator is asked:
/// first for that name, which none that come and go meanwhile can hide, then for all.
common::Result<std::string>
sandbox_id(client::Session& session, const std::string& text, Meant meant = Meant::likely);

/// What the audit has in place of `text`: the id of a sandbox that is there, else the text itself.
/// There are rows of what is gone, by its id alone, and of other things, by their names.
common::Result<std::string> audited_target(client::Session& session, const std::string& text);

} // namespace cli
