#include "coordinator/guest/file_words.hpp"

#include "common/clock.hpp"
#include "coordinator/guest/words.hpp"

#include <algorithm>
#include <array>

namespace coordinator::guest {

using common::Result;

namespace {

constexpr unsigned permissions = 07777;

/// What guest/files refuses for. Others would be the platform's own words, which choose statuses.
constexpr auto reasons = std::to_array<std::string_view>(
    {"already_exists",   "binary_file",      "body_damaged",  "body_incomplete",
     "cross_device",     "digest_mismatch",  "disk_full",     "file_changed",
     "folder_in_use",    "folder_not_empty", "in_use",        "invalid",
     "invalid_path",     "io_error",         "is_a_folder",   "mount_point",
     "name_too_long",    "no_openat2",       "no_resources",  "no_such_file",
     "not_a_file",       "not_a_folder",     "not_supported", "path_escapes",
     "path_in_motion",   "path_not_allowed", "path_unknown",  "permission_denied",
     "range_beyond_end", "read_only",        "size_mismatch", "symlink_loop",
     "text_ambiguous",   "text_not_found",   "too_deep",      "too_large",
     "too_many_entries", "agent_too_old",    "unknown_user"});

} // namespace

proto::FileCall call_of(const FileRequest& request, const FilePolicy& policy)
{
    proto::FileCall call;
    call.what = request.owner.empty() ? to_string(request.action) : proto::write_owned;
    call.path = request.path;
    call.to = request.to;
    call.roots = policy.roots;
    call.never_read = policy.never_read;
    call.never_written = policy.never_written;
    if (policy != FilePolicy{}) {
        // Agents from before policies look at no rule without a root, and then at these alone.
        if (call.roots.empty()) {
            call.roots = {"/"};
        }
        for (const auto* made_up : {"/dev", "/proc", "/sys"}) {
            call.never_written.emplace_back(made_up);
        }
    }
    call.recursive = request.recursive;
    call.overwrite = request.overwrite;
    call.append = request.append;
    call.parents = request.parents;
    call.all = request.all;
    call.depth = request.depth;
    call.limit = request.limit;
    call.from = request.from;
    call.until = request.until;
    call.has_length = request.length.has_value();
    call.from_end = request.from_end;
    call.length =
        request.action == FileAction::edit ? request.old_text.size() : request.length.value_or(0);
    call.mode = request.mode ? static_cast<std::int32_t>(*request.mode) : -1;
    call.sha256 = request.sha256;
    call.owner = request.owner;
    return call;
}

Result<proto::FileReply> reply_of(std::string_view head)
{
    auto reply = proto::decode_call<proto::FileReply>(head);
    if (!reply) {
        return makes_no_sense(reply.error());
    }
    if (reply->error) {
        return refusal_of(*std::move(reply->error), reasons, "no_such_file");
    }
    return reply;
}

FileInfo info_of(const proto::FileEntry& entry)
{
    constexpr std::int64_t ns_per_us = 1000;
    return {entry.path,
            is_word(entry.kind) ? entry.kind : "file",
            entry.mode & permissions,
            entry.uid,
            entry.gid,
            entry.size,
            common::from_unix_us(std::max<std::int64_t>(entry.modified_ns, 0) / ns_per_us),
            static_cast<std::uint64_t>(std::max<std::int64_t>(entry.modified_ns, 0)),
            entry.target};
}

FileAnswer answer_of(proto::FileReply reply)
{
    FileAnswer answer;
    std::ranges::transform(reply.entries, std::back_inserter(answer.entries), &info_of);
    answer.truncated = reply.truncated;
    answer.unreadable = reply.unreadable;
    answer.created = reply.created;
    answer.was_folder = reply.was_folder;
    answer.bytes = reply.bytes;
    answer.count = reply.count;
    answer.skipped = reply.skipped;
    answer.sha256 = shown(std::move(reply.sha256));
    answer.text = std::move(reply.text);
    answer.from = reply.from;
    answer.to = reply.to;
    answer.total = reply.total;
    return answer;
}

FileChange change_of(proto::FileNews news)
{
    return {is_word(news.change) ? news.change : "overflow",
            std::move(news.path),
            std::move(news.to),
            news.folder,
            news.partial};
}

} // namespace coordinator::guest
