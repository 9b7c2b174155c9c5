#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace guest::files {

/// A text and what became of it by replacing one length of it by another, at each of `positions`
/// (in the old text, ascending, apart).
struct Replacement {
    std::string_view before;
    std::string_view after;
    const std::vector<std::size_t>& positions;
    std::size_t old_size;
    std::size_t new_size;
};

struct Diff {
    std::string text;
    bool truncated = false; ///< Hunks are missing at its end.
};

/// The unified diff with three lines of context, as patch(1) takes it. Nothing is searched for:
/// what was replaced is known, so it takes as long as reading both texts once.
/// Of not more than `bytes_at_most`, in whole hunks; none of texts with more than 500,000 lines.
/// Empty if nothing is different.
Diff diff_of(const Replacement& replacement, std::string_view path, std::size_t bytes_at_most);

} // namespace guest::files
