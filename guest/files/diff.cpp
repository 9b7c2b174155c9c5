#include "guest/files/diff.hpp"

#include <algorithm>
#include <span>

namespace guest::files {

namespace {

constexpr std::size_t context_lines = 3;
constexpr std::ptrdiff_t lines_at_most = 500'000; ///< Each takes 16 bytes of memory.

using LineList = std::vector<std::string_view>; ///< Each with its end.

LineList lines_of(std::string_view text)
{
    LineList lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end == std::string_view::npos ? end : end + 1));
        text.remove_prefix(lines.back().size());
    }
    return lines;
}

/// Lines [old_begin, old_end) became [new_begin, new_end).
struct Replaced {
    std::size_t old_begin;
    std::size_t old_end;
    std::size_t new_begin;
    std::size_t new_end;
};

/// Which line a byte is in; positions are asked for in ascending order.
class LineFinder {
public:
    explicit LineFinder(const LineList& lines) : lines_{lines} {}
    std::size_t line_of(std::size_t position)
    {
        while (line_ < lines_.size() && begin_ + lines_[line_].size() <= position) {
            begin_ += lines_[line_].size();
            ++line_;
        }
        return line_;
    }
    /// Where the line found last begins.
    [[nodiscard]] std::size_t begin() const { return begin_; }

private:
    const LineList& lines_;
    std::size_t line_ = 0;
    std::size_t begin_ = 0;
};

class Differ {
public:
    explicit Differ(const Replacement& replacement)
        : replacement_{replacement},
          old_{lines_of(replacement.before)},
          new_{lines_of(replacement.after)}
    {
        find_changes();
    }

    [[nodiscard]] const std::vector<Replaced>& changes() const { return changes_; }

    /// Changes with so few lines between them that their contexts meet.
    [[nodiscard]] std::size_t end_of_hunk(std::size_t first) const
    {
        auto end = first + 1;
        while (end < changes_.size() &&
               changes_[end].old_begin - changes_[end - 1].old_end <= 2 * context_lines) {
            ++end;
        }
        return end;
    }

    [[nodiscard]] std::string hunk(std::span<const Replaced> changes) const
    {
        const auto before = std::min(context_lines, changes.front().old_begin);
        const auto old_begin = changes.front().old_begin - before;
        const auto new_begin = changes.front().new_begin - before;
        const auto after = std::min(context_lines, old_.size() - changes.back().old_end);
        const auto old_end = changes.back().old_end + after;
        std::string text = "@@ -" + range(old_begin, old_end) + " +" +
                           range(new_begin, changes.back().new_end + after) + " @@\n";
        auto at = old_begin;
        for (const auto& change : changes) {
            add(text, ' ', old_, at, change.old_begin);
            add(text, '-', old_, change.old_begin, change.old_end);
            add(text, '+', new_, change.new_begin, change.new_end);
            at = change.old_end;
        }
        add(text, ' ', old_, at, old_end);
        return text;
    }

private:
    static std::string range(std::size_t begin, std::size_t end)
    {
        const auto count = end - begin;
        // Of nothing, the line before it.
        const auto first = count == 0 ? begin : begin + 1;
        return count == 1 ? std::to_string(first)
                          : std::to_string(first) + "," + std::to_string(count);
    }

    static void
    add(std::string& text, char mark, const LineList& lines, std::size_t begin, std::size_t end)
    {
        for (auto i = begin; i < end; ++i) {
            text.append(1, mark).append(lines[i]);
            if (!lines[i].ends_with('\n')) {
                text += "\n\\ No newline at end of file\n";
            }
        }
    }

    void find_changes()
    {
        LineFinder old_begins{old_};
        LineFinder old_ends{old_};
        LineFinder new_begins{new_};
        LineFinder new_ends{new_};
        std::size_t moved = 0; // What the replacements so far added, modulo 2^64.
        for (const auto at : replacement_.positions) {
            const auto old_begin = old_begins.line_of(at);
            if (changes_.empty() || old_begin >= changes_.back().old_end) {
                const auto new_begin = new_begins.line_of(old_begins.begin() + moved);
                changes_.push_back({old_begin, 0, new_begin, 0});
            }
            // The line that the rest begins in, too: it may be joined now to what is before it.
            const auto old_end = old_ends.line_of(at + replacement_.old_size);
            const auto new_end = new_ends.line_of(at + moved + replacement_.new_size);
            changes_.back().old_end = std::min(old_end + 1, old_.size());
            changes_.back().new_end = std::min(new_end + 1, new_.size());
            moved += replacement_.new_size - replacement_.old_size;
        }
        for (auto& change : changes_) {
            trim(change);
        }
        std::erase_if(changes_, [](const Replaced& change) {
            return change.old_begin == change.old_end && change.new_begin == change.new_end;
        });
    }

    /// Lines at both ends that are the same.
    void trim(Replaced& change) const
    {
        while (change.old_begin < change.old_end && change.new_begin < change.new_end &&
               old_[change.old_begin] == new_[change.new_begin]) {
            ++change.old_begin;
            ++change.new_begin;
        }
        while (change.old_begin < change.old_end && change.new_begin < change.new_end &&
               old_[change.old_end - 1] == new_[change.new_end - 1]) {
            --change.old_end;
            --change.new_end;
        }
    }

    const Replacement& replacement_;
    LineList old_;
    LineList new_;
    std::vector<Replaced> changes_;
};

} // namespace

Diff diff_of(const Replacement& replacement, std::string_view path, std::size_t bytes_at_most)
{
    for (const auto text : {replacement.before, replacement.after}) {
        if (std::ranges::count(text, '\n') > lines_at_most) {
            return {{}, true};
        }
    }
    const Differ differ{replacement};
    const std::span all{differ.changes()};
    Diff diff;
    for (std::size_t first = 0; first < all.size();) {
        const auto end = differ.end_of_hunk(first);
        if (first == 0) {
            diff.text.append("--- ").append(path).append("\n+++ ").append(path).append("\n");
        }
        const auto hunk = differ.hunk(all.subspan(first, end - first));
        if (diff.text.size() + hunk.size() > bytes_at_most) {
            diff.truncated = true;
            break;
        }
        diff.text += hunk;
        first = end;
    }
    return diff;
}

} // namespace guest::files
