#include "guest/files/edit.hpp"

#include "common/utf8.hpp"
#include "guest/files/diff.hpp"
#include "guest/files/errors.hpp"
#include "guest/files/writer.hpp"

#include <algorithm>

namespace guest::files {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t lines_named = 10; ///< Of an ambiguous text.
constexpr std::size_t replacements_at_most = 1'000'000;

Error too_long(std::string_view path, std::size_t limit)
{
    return refusal(ErrorCode::too_large,
                   "edit",
                   path,
                   "more than " + std::to_string(limit) + " bytes",
                   "too_large");
}

Result<std::string> read_text(Reader& reader, std::string_view path, std::size_t limit)
{
    if (reader.length().value_or(0) > limit) {
        return too_long(path, limit);
    }
    std::string text;
    std::vector<char> piece(std::size_t{1} << 18U);
    while (true) {
        COMMON_TRY(const auto count, reader.read(piece));
        if (count == 0) {
            break;
        }
        text.append(piece.data(), count);
        if (text.size() > limit) {
            return too_long(path, limit);
        }
    }
    if (text.find('\0') != std::string::npos || !common::is_utf8(text)) {
        return refusal(ErrorCode::refused, "edit", path, "is not UTF-8 text", "binary_file");
    }
    return text;
}

std::vector<std::size_t> positions(std::string_view text, std::string_view wanted)
{
    std::vector<std::size_t> found;
    for (auto at = text.find(wanted);
         at != std::string_view::npos && found.size() <= replacements_at_most;
         at = text.find(wanted, at + wanted.size())) {
        found.push_back(at);
    }
    return found;
}

Error ambiguous(std::string_view path, std::string_view text, const std::vector<std::size_t>& found)
{
    auto error = refusal(ErrorCode::failed_precondition,
                         "edit",
                         path,
                         "the old text is in it " + std::to_string(found.size()) + " times",
                         "text_ambiguous");
    std::size_t line = 1;
    std::size_t seen = 0;
    for (std::size_t i = 0; i < std::min(found.size(), lines_named); ++i) {
        const auto between = text.substr(seen, found[i] - seen);
        line += static_cast<std::size_t>(std::ranges::count(between, '\n'));
        seen = found[i];
        error.details += (i == 0 ? "at lines " : ", ") + std::to_string(line);
    }
    error.details += found.size() > lines_named ? ", …" : "";
    return error;
}

Result<std::vector<std::size_t>>
find_old(std::string_view path, std::string_view text, const Edit& edit)
{
    if (edit.old_text.empty()) {
        return refusal(
            ErrorCode::invalid_argument, "edit", path, "the old text is empty", "invalid");
    }
    auto found = positions(text, edit.old_text);
    if (found.empty()) {
        return refusal(ErrorCode::failed_precondition,
                       "edit",
                       path,
                       "the old text is not in it",
                       "text_not_found");
    }
    if (found.size() > replacements_at_most) {
        return refusal(ErrorCode::too_large,
                       "edit",
                       path,
                       "more than " + std::to_string(replacements_at_most) + " replacements",
                       "too_many_replacements");
    }
    if (found.size() > 1 && edit.occurrences == Occurrences::one) {
        return ambiguous(path, text, found);
    }
    return found;
}

std::string replaced(std::string_view text, const std::vector<std::size_t>& found, const Edit& edit)
{
    std::string result;
    std::size_t done = 0;
    for (const auto at : found) {
        result.append(text.substr(done, at - done)).append(edit.new_text);
        done = at + edit.old_text.size();
    }
    return result.append(text.substr(done));
}

} // namespace

Result<Edited>
edit(const PathPolicy& policy, std::string_view path, const Edit& edit, const EditLimits& limits)
{
    COMMON_TRY(auto reader, Reader::open(policy, path));
    COMMON_TRY(const auto before, read_text(reader, path, limits.file_bytes));
    COMMON_TRY(const auto found, find_old(path, before, edit));
    const auto kept = before.size() - found.size() * edit.old_text.size();
    if (kept > limits.file_bytes ||
        edit.new_text.size() > (limits.file_bytes - kept) / found.size()) {
        return too_long(path, limits.file_bytes);
    }
    const auto after = replaced(before, found, edit);

    WriteOptions options;
    options.unchanged_since = reader.status();
    COMMON_TRY(auto writer, Writer::open(policy, path, options));
    COMMON_CHECK(writer.write(after));
    COMMON_TRY(const auto written, writer.commit());

    auto diff = diff_of({before, after, found, edit.old_text.size(), edit.new_text.size()},
                        path,
                        limits.diff_bytes);
    return Edited{
        found.size(), std::move(diff.text), diff.truncated, written.sha256, written.bytes};
}

} // namespace guest::files
