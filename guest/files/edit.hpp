#pragma once

#include "common/digest/digest.hpp"
#include "guest/files/path_policy.hpp"

#include <cstdint>

namespace guest::files {

enum class Occurrences { one, all };

struct Edit {
    std::string old_text; ///< Not empty.
    std::string new_text;
    Occurrences occurrences = Occurrences::one;
};

struct EditLimits {
    std::size_t file_bytes = std::size_t{8} << 20U; ///< Before and after.
    std::size_t diff_bytes = std::size_t{64} << 10U;
};

struct Edited {
    std::uint64_t replacements = 0;
    std::string diff; ///< Unified, three lines of context.
    bool diff_truncated = false;
    common::digest::Sha256 sha256{}; ///< Of the new content.
    std::uint64_t size = 0;
};

/// Replaces text in a file, which is then another one with the same mode and owner: see Writer.
/// `failed_precondition`, reason text_not_found; text_ambiguous if Occurrences::one is in it more
/// often (`details` names the lines); file_changed if somebody wrote to it meanwhile, as far as
/// its number, size and times tell right before it is replaced. `refused` with reason binary_file
/// if it has a NUL or is no UTF-8, `too_large`.
common::Result<Edited> edit(const PathPolicy& policy,
                            std::string_view path,
                            const Edit& edit,
                            const EditLimits& limits = {});

} // namespace guest::files
