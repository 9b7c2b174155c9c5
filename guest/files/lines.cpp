#include "guest/files/lines.hpp"

#include "guest/files/errors.hpp"

#include <algorithm>

namespace guest::files {

using common::ErrorCode;
using common::Result;

namespace {

/// Takes a file's bytes as they come, keeps those of the lines that were asked for.
class LineTaker {
public:
    LineTaker(LineRange range, std::size_t bytes) : first_{std::max<std::uint64_t>(range.from, 1)}
    {
        bytes_ = bytes;
        last_ = range.to == 0 ? UINT64_MAX : range.to;
        if (range.at_most != 0) {
            last_ = std::min(last_, first_ + (range.at_most - 1));
        }
    }

    void take(std::string_view piece)
    {
        while (!piece.empty()) {
            const auto end = piece.find('\n');
            const bool whole = end != std::string_view::npos;
            const auto part = piece.substr(0, whole ? end + 1 : end);
            if (line_ >= first_ && line_ <= last_) {
                keep(part);
            }
            begun_ = !whole;
            line_ += whole ? 1 : 0;
            piece.remove_prefix(part.size());
        }
    }

    void finish(Lines& lines, bool all_was_read)
    {
        if (all_was_read) {
            lines.total = line_ - 1 + (begun_ ? 1 : 0);
        }
        const bool missing = !all_was_read && line_ <= last_;
        lines.truncated = cut_ || missing;
        lines.content = std::move(content_);
        lines.from = lines.content.empty() ? 0 : first_;
        lines.to = last_kept_;
    }

private:
    void keep(std::string_view part)
    {
        if (cut_) {
            return;
        }
        const auto room = bytes_ - content_.size();
        cut_ = part.size() > room;
        content_.append(part.substr(0, room));
        if (cut_) {
            end_at_whole_sequence(part[room]);
        }
        last_kept_ = content_.empty() ? 0 : line_;
    }

    /// `next` is the byte that had no room.
    void end_at_whole_sequence(char next)
    {
        const auto continues = [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
        };
        if (!continues(next)) {
            return;
        }
        for (int i = 0; i < 3 && !content_.empty() && continues(content_.back()); ++i) {
            content_.pop_back();
        }
        if (!content_.empty()) {
            content_.pop_back();
        }
    }

    std::uint64_t first_;
    std::uint64_t last_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t line_ = 1; ///< The one that the next byte belongs to.
    bool begun_ = false;
    bool cut_ = false;
    std::uint64_t last_kept_ = 0;
    std::string content_;
};

} // namespace

Result<Lines>
read_lines(const PathPolicy& policy, std::string_view path, LineRange range, LineLimits limits)
{
    if (range.to != 0 && range.to < range.from) {
        return refusal(ErrorCode::invalid_argument,
                       "read lines of",
                       path,
                       "the last one is before the first",
                       "invalid");
    }
    COMMON_TRY(auto reader, Reader::open(policy, path));
    LineTaker taker{range, limits.bytes};
    std::vector<char> piece(std::size_t{1} << 16U);
    std::uint64_t scanned = 0;
    bool at_end = false;
    while (!at_end && scanned < limits.scanned_bytes) {
        COMMON_TRY(const auto count, reader.read(piece));
        taker.take({piece.data(), count});
        scanned += count;
        at_end = count == 0 || scanned == reader.length();
    }
    Lines lines;
    lines.entry = reader.entry();
    taker.finish(lines, at_end);
    return lines;
}

} // namespace guest::files
