#include "coordinator/http/rest/file_parsers.hpp"

#include "common/digest/digest.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rules.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace coordinator::http::rest {

using common::Result;

namespace {

constexpr Range line_numbers{0, INT64_MAX};
constexpr Range depths{1, 32};
constexpr Range entry_limits{1, 10'000};
constexpr std::size_t max_text = std::size_t{512} << 10U;

std::string file_mode(std::string_view text)
{
    const bool octal = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
    const bool fits = text.size() == 3 || (text.size() == 4 && text.front() <= '7');
    return octal && fits ? "" : "must be three or four octal digits, as \"0644\"";
}

std::string sha256_text(std::string_view text)
{
    return common::digest::sha256_from_hex(text) ? "" : "must be 64 hex digits";
}

std::string edit_text(std::string_view text)
{
    return text.size() <= max_text ? "" : "must be at most 512 KiB";
}

std::optional<unsigned> mode_of(const std::optional<std::string>& text)
{
    unsigned mode = 0;
    if (!text) {
        return std::nullopt;
    }
    std::from_chars(text->data(), text->data() + text->size(), mode, 8);
    return mode;
}

std::string attempt_of(FileAction action)
{
    switch (action) {
    case FileAction::exists: return "look for a file";
    case FileAction::list: return "list a folder";
    case FileAction::lines: return "read a file";
    case FileAction::hash: return "hash a file";
    case FileAction::edit: return "edit a file";
    case FileAction::mkdir: return "make a folder";
    case FileAction::move: return "move a file";
    case FileAction::copy: return "copy a file";
    case FileAction::remove: return "delete a file";
    case FileAction::read: return "download a file";
    case FileAction::write: return "write a file";
    case FileAction::watch: return "watch files";
    }
    return "";
}

std::string needed_path(Fields& fields, const char* name)
{
    if (!fields.has(name)) {
        fields.wrong(name, "is required");
    }
    return fields.text(name, rules::absolute_path).value_or("");
}

std::uint64_t number(Fields& fields, const char* name, Range range, std::uint64_t otherwise)
{
    const auto given = fields.integer(name, range);
    return given ? static_cast<std::uint64_t>(*given) : otherwise;
}

void read_lines(Fields& fields, FileRequest& file)
{
    file.from = number(fields, "from_line", line_numbers, 0);
    file.until = number(fields, "to_line", line_numbers, 0);
    file.limit = number(fields, "max_lines", line_numbers, 0);
    if (file.until != 0 && file.until < file.from) {
        fields.wrong("to_line", "must not be before from_line");
    }
}

void read_list(Fields& fields, FileRequest& file)
{
    file.recursive = fields.boolean("recursive").value_or(false);
    const auto depth = number(fields, "max_depth", depths, file.recursive ? depths.high : 1);
    if (fields.has("max_depth") && !file.recursive) {
        fields.wrong("max_depth", "needs recursive");
    }
    file.depth = static_cast<std::uint32_t>(depth);
    file.limit = number(fields, "limit", entry_limits, entry_limits.high);
}

void read_edit(Fields& fields, FileRequest& file)
{
    for (const auto* name : {"old_text", "new_text"}) {
        if (!fields.has(name)) {
            fields.wrong(name, "is required");
        }
    }
    file.old_text = fields.text("old_text", edit_text).value_or("");
    file.new_text = fields.text("new_text", edit_text).value_or("");
    file.all = fields.boolean("all").value_or(false);
    if (fields.has("old_text") && file.old_text.empty()) {
        fields.wrong("old_text", "must not be empty");
    }
}

/// One range "bytes=a-b", "bytes=a-" or "bytes=-n"; anything else is no range.
void read_range(std::string_view text, FileRequest& file)
{
    constexpr std::string_view unit = "bytes=";
    if (!text.starts_with(unit)) {
        return;
    }
    text.remove_prefix(unit.size());
    const auto dash = text.find('-');
    const auto number_of = [](std::string_view digits) -> std::optional<std::uint64_t> {
        std::uint64_t value = 0;
        const auto* end = digits.data() + digits.size();
        const auto [at, error] = std::from_chars(digits.data(), end, value);
        const bool whole = error == std::errc{} && at == end && value <= INT64_MAX;
        return whole ? std::optional{value} : std::nullopt;
    };
    if (dash == std::string_view::npos) {
        return;
    }
    const auto first = number_of(text.substr(0, dash));
    const auto last = number_of(text.substr(dash + 1));
    if (dash == 0 && last && *last > 0) {
        file.from_end = true;
        file.length = last;
    } else if (first && last && *first <= *last) {
        file.from = *first;
        file.length = *last - *first + 1;
    } else if (first && dash + 1 == text.size()) {
        file.from = *first;
    } else {
        return;
    }
    file.limit = 1; // It is a range, also if it begins at 0.
}

FileRequest read_query(QueryFields& fields, FileAction action)
{
    FileRequest file;
    file.action = action;
    const auto path = fields.text("path", rules::absolute_path);
    if (!path && fields.all("path").empty()) {
        fields.wrong("path", "is required");
    }
    file.path = path.value_or("");
    file.user = fields.text("user", rules::user).value_or(file.user);
    return file;
}

} // namespace

Result<FileRequest> parse_file_action(FileAction action, std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    FileRequest file;
    file.action = action;
    file.user = fields.text("user", rules::user).value_or(file.user);
    const bool has_two = action == FileAction::copy || action == FileAction::move;
    file.path = needed_path(fields, has_two ? "source" : "path");
    if (has_two) {
        file.to = needed_path(fields, "destination");
        file.overwrite = fields.boolean("overwrite").value_or(false);
    }
    if (action == FileAction::copy || action == FileAction::remove) {
        file.recursive = fields.boolean("recursive").value_or(false);
    }
    if (action == FileAction::mkdir) {
        file.parents = fields.boolean("parents").value_or(false);
        file.mode = mode_of(fields.text("mode", file_mode));
    }
    if (action == FileAction::lines) {
        read_lines(fields, file);
    }
    if (action == FileAction::list) {
        read_list(fields, file);
    }
    if (action == FileAction::edit) {
        read_edit(fields, file);
    }
    COMMON_CHECK(fields.finish(attempt_of(action)));
    return file;
}

Result<FileWriteRequest> parse_file_write(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    FileWriteRequest request;
    auto& file = request.file;
    file.action = FileAction::write;
    file.path = needed_path(fields, "path");
    file.user = fields.text("user", rules::user).value_or(file.user);
    if (!fields.has("content")) {
        fields.wrong("content", "is required");
    }
    request.content = fields.text("content", rules::any).value_or("");
    file.overwrite = fields.boolean("overwrite").value_or(false);
    file.append = fields.boolean("append").value_or(false);
    file.parents = fields.boolean("create_dir").value_or(false);
    file.mode = mode_of(fields.text("mode", file_mode));
    file.owner = fields.text("owner", rules::user).value_or("");
    COMMON_CHECK(fields.finish(attempt_of(file.action)));
    return request;
}

Result<FileRequest> parse_download(const Request& request)
{
    QueryFields fields{request.query};
    auto file = read_query(fields, FileAction::read);
    COMMON_CHECK(fields.finish(attempt_of(file.action)));
    read_range(request.range, file);
    return file;
}

Result<FileRequest> parse_upload(const Request& request)
{
    QueryFields fields{request.query};
    auto file = read_query(fields, FileAction::write);
    file.overwrite = fields.boolean("overwrite").value_or(true);
    file.append = fields.boolean("append").value_or(false);
    file.parents = fields.boolean("parents").value_or(false);
    file.mode = mode_of(fields.text("mode", file_mode));
    file.owner = fields.text("owner", rules::user).value_or("");
    file.sha256 = fields.text("sha256", sha256_text).value_or("");
    if (file.append && !file.sha256.empty()) {
        fields.wrong("sha256", "is of a whole file: not with append");
    }
    COMMON_CHECK(fields.finish(attempt_of(file.action)));
    return file;
}

Result<FileRequest> parse_watch(const Request& request)
{
    QueryFields fields{request.query};
    auto file = read_query(fields, FileAction::watch);
    file.recursive = fields.boolean("recursive").value_or(false);
    COMMON_CHECK(fields.finish(attempt_of(file.action)));
    return file;
}

} // namespace coordinator::http::rest
