#pragma once

#include "guest/files/reader.hpp"

namespace guest::files {

/// Which lines: counted from 1, both ends included. 0 is the first, and no end.
struct LineRange {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t at_most = 0; ///< 0: no limit but the bytes'.
};

struct LineLimits {
    std::size_t bytes = std::size_t{512} << 10U;             ///< Of what is returned.
    std::uint64_t scanned_bytes = std::uint64_t{256} << 20U; ///< To find and count lines.
};

struct Lines {
    Entry entry;
    std::string content;
    std::uint64_t from = 0;               ///< The first line in it; 0 if there is none.
    std::uint64_t to = 0;                 ///< The last one, or a part of it if truncated.
    std::optional<std::uint64_t> total{}; ///< Of the file, unless it is too long to be counted.
    bool truncated = false;               ///< A limit cut what was asked for.
};

/// Some lines of a file, their ends included. What follows the last line end is a line, too, unless
/// it is empty. Whether it is text is for the caller to see; a limit cuts no UTF-8 sequence.
/// `invalid_argument` if `to` is before `from`.
common::Result<Lines> read_lines(const PathPolicy& policy,
                                 std::string_view path,
                                 LineRange range = {},
                                 LineLimits limits = {});

} // namespace guest::files
