#include "guest/calls/file_answers.hpp"
#include "guest/calls/services.hpp"
#include "guest/calls/stdio.hpp"
#include "guest/files/copying.hpp"
#include "guest/files/edit.hpp"
#include "guest/files/hash.hpp"
#include "guest/files/lines.hpp"
#include "guest/files/listing.hpp"
#include "guest/files/writer.hpp"
#include "guest/users.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace guest::calls {

using common::Error;
using common::ErrorCode;
using common::Result;
using files::PathPolicy;
using proto::FileCall;
using proto::FileReply;

namespace {

constexpr std::size_t piece_size = std::size_t{64} << 10U;
/// Of an edit, both texts together.
constexpr std::size_t most_edited = std::size_t{2} << 20U;
constexpr mode_t permissions = 07777;
constexpr std::chrono::milliseconds gathering{5};

template <typename Choice>
Choice choose(bool is_so, Choice then, Choice otherwise)
{
    return is_so ? then : otherwise;
}

std::optional<mode_t> mode_of(const FileCall& call)
{
    return call.mode < 0 ? std::nullopt
                         : std::optional{static_cast<mode_t>(call.mode) & permissions};
}

Result<FileReply> look(const PathPolicy& policy, const FileCall& call)
{
    COMMON_TRY(const auto entry, files::exists(policy, call.path, files::LastLink::followed));
    FileReply reply;
    if (entry) {
        reply.entries.push_back(entry_of(*entry));
    }
    return reply;
}

Result<FileReply> list(const PathPolicy& policy, const FileCall& call)
{
    files::ListOptions options;
    options.depth = std::max(call.depth, 1U);
    options.entries_at_most = call.limit == 0
                                  ? proto::most_entries
                                  : std::min<std::uint64_t>(call.limit, proto::most_entries);
    COMMON_TRY(const auto found, files::list(policy, call.path, options));
    FileReply reply;
    reply.truncated = found.truncated;
    reply.unreadable = found.unreadable;
    put_entries(reply, found.entries);
    return reply;
}

Result<FileReply> lines(const PathPolicy& policy, const FileCall& call)
{
    COMMON_TRY(auto found,
               files::read_lines(policy, call.path, {call.from, call.until, call.limit}));
    FileReply reply;
    reply.entries.push_back(entry_of(found.entry));
    reply.text = std::move(found.content);
    reply.from = found.from;
    reply.to = found.to;
    reply.total = found.total;
    reply.truncated = found.truncated;
    return reply;
}

Result<FileReply> hash(const PathPolicy& policy, const FileCall& call)
{
    COMMON_TRY(const auto found, files::hash(policy, call.path));
    FileReply reply;
    reply.sha256 = common::digest::to_hex(found.sha256);
    reply.bytes = found.size;
    return reply;
}

Result<FileReply> make_folder(const PathPolicy& policy, const FileCall& call)
{
    files::MakeFolderOptions options;
    options.parents = choose(call.parents, files::Parents::made, files::Parents::must_exist);
    options.mode = mode_of(call).value_or(options.mode);
    FileReply reply;
    COMMON_TRY(reply.created, files::make_folder(policy, call.path, options));
    return reply;
}

Result<FileReply> move(const PathPolicy& policy, const FileCall& call)
{
    COMMON_CHECK(files::move(policy,
                             call.path,
                             call.to,
                             choose(call.overwrite, files::Overwrite::yes, files::Overwrite::no)));
    return FileReply{};
}

Result<FileReply> copy(const PathPolicy& policy, const FileCall& call)
{
    files::CopyOptions options;
    options.overwrite = choose(call.overwrite, files::Overwrite::yes, files::Overwrite::no);
    options.recursive = choose(call.recursive, files::Recursive::yes, files::Recursive::no);
    COMMON_TRY(const auto copied, files::copy(policy, call.path, call.to, options));
    FileReply reply;
    reply.bytes = copied.bytes;
    reply.count = copied.entries;
    reply.skipped = copied.skipped;
    return reply;
}

Result<FileReply> remove(const PathPolicy& policy, const FileCall& call)
{
    COMMON_TRY(const auto removed,
               files::remove(policy,
                             call.path,
                             choose(call.recursive, files::Recursive::yes, files::Recursive::no)));
    FileReply reply;
    reply.was_folder = removed.was_folder;
    reply.count = removed.entries;
    return reply;
}

bool say_ready()
{
    FileReply ready;
    ready.ready = true;
    return put(call_head(ready));
}

Error nobody()
{
    return {ErrorCode::unavailable, "nobody reads the answer"};
}

Result<FileReply> write(const PathPolicy& policy, const FileCall& call)
{
    files::WriteOptions options;
    options.existing =
        call.append ? files::Existing::appended_to
                    : choose(call.overwrite, files::Existing::replaced, files::Existing::refused);
    options.parents = choose(call.parents, files::Parents::made, files::Parents::must_exist);
    options.mode = mode_of(call);
    if (!call.owner.empty()) {
        COMMON_TRY(const auto owner, find_user(call.owner));
        if (::geteuid() != 0 && ::geteuid() != owner.uid) { // Said before the bytes are asked for.
            return Error{ErrorCode::permission_denied,
                         "give " + call.path + " to " + call.owner + ": only root may",
                         "permission_denied"};
        }
        options.owner = files::Owner{owner.uid, owner.gid};
    }
    if (!call.sha256.empty()) {
        COMMON_TRY(options.sha256, common::digest::sha256_from_hex(call.sha256));
    }
    COMMON_TRY(auto writer, files::Writer::open(policy, call.path, options));
    if (!say_ready()) {
        return nobody();
    }
    Body body;
    while (true) {
        auto piece = body.next();
        if (!piece && call.append) {
            return Error{ErrorCode::unavailable,
                         "append to " + call.path + ": " + piece.error().message +
                             "; what had come of it is in the file",
                         piece.error().reason};
        }
        COMMON_CHECK(piece);
        if (!*piece) {
            break;
        }
        COMMON_CHECK(writer.write(**piece));
    }
    COMMON_TRY(const auto written, writer.commit());
    FileReply reply;
    reply.created = written.created;
    reply.bytes = written.bytes;
    reply.sha256 = common::digest::to_hex(written.sha256);
    return reply;
}

Result<FileReply> edit(const PathPolicy& policy, const FileCall& call)
{
    if (!say_ready()) {
        return nobody();
    }
    Body body;
    std::string texts;
    while (true) {
        COMMON_TRY(const auto piece, body.next());
        if (!piece) {
            break;
        }
        if (texts.size() + piece->size() > most_edited) {
            return Error{ErrorCode::too_large, "the texts of an edit are too long"};
        }
        texts += *piece;
    }
    const auto cut = std::min<std::uint64_t>(call.length, texts.size());
    files::Edit wanted{texts.substr(0, cut), texts.substr(cut), files::Occurrences::one};
    wanted.occurrences = choose(call.all, files::Occurrences::all, files::Occurrences::one);
    COMMON_TRY(auto edited, files::edit(policy, call.path, wanted));
    FileReply reply;
    reply.count = edited.replacements;
    reply.text = std::move(edited.diff);
    reply.truncated = edited.diff_truncated;
    reply.sha256 = common::digest::to_hex(edited.sha256);
    reply.bytes = edited.size;
    return reply;
}

/// 0 only for what was done: the audit knows by that.
int say(const Result<FileReply>& reply)
{
    if (!put(call_head(reply ? *reply : refusal_of(reply.error())))) {
        return 1;
    }
    return reply ? 0 : refused;
}

/// Head and bytes. One that fails in the middle ends with another status than 0.
int read(const PathPolicy& policy, const FileCall& call)
{
    files::Range range{call.from, std::nullopt};
    if (call.has_length) {
        range.length = call.length;
    }
    if (call.from_end) {
        const auto entry = files::stat(policy, call.path, files::LastLink::followed);
        if (!entry) {
            return say(entry.error());
        }
        range = {entry->size - std::min(entry->size, call.length), std::nullopt};
    }
    auto reader = files::Reader::open(policy, call.path, range);
    if (reader && !reader->length()) {
        range = {}; // Of what the kernel makes up there are no parts.
        reader = files::Reader::open(policy, call.path, range);
    }
    if (!reader) {
        return say(reader.error());
    }
    FileReply reply;
    reply.entries.push_back(entry_of(reader->entry()));
    reply.from = range.offset;
    reply.length = reader->length();
    if (!put(call_head(reply))) {
        return 1;
    }
    std::vector<char> buffer(piece_size);
    while (true) {
        const auto count = reader->read(buffer);
        if (!count || (*count > 0 && !put({buffer.data(), *count}))) {
            return 1;
        }
        if (*count == 0) {
            return 0;
        }
    }
}

/// Heads until what is watched is gone, or its reader.
int watch(const PathPolicy& policy, const FileCall& call)
{
    files::WatchOptions options;
    options.recursive = choose(call.recursive, files::Recursive::yes, files::Recursive::no);
    auto watcher = files::Watcher::open(policy, call.path, options);
    if (!watcher) {
        return say(watcher.error());
    }
    FileReply begun;
    begun.truncated = watcher->partial();
    if (!put(call_head(begun))) {
        return 1;
    }
    while (!watcher->ended()) {
        pollfd waited{watcher->fd(), POLLIN, 0};
        if (::poll(&waited, 1, -1) < 0 && errno != EINTR) {
            return 1;
        }
        // The two halves of a move come one after the other: read between them, it would be told as
        // a removal.
        std::this_thread::sleep_for(gathering);
        const auto events = watcher->read();
        if (!events) {
            return 1;
        }
        for (const auto& event : *events) {
            if (!put(call_head(news_of(event, watcher->partial())))) {
                return 1;
            }
        }
    }
    return 0;
}

struct Answered {
    std::string_view what;
    OnTerm on_term;
    Result<FileReply> (*answer)(const PathPolicy&, const FileCall&);
};
constexpr std::array answered{Answered{"exists", OnTerm::dies, &look},
                              Answered{"list", OnTerm::dies, &list},
                              Answered{"lines", OnTerm::dies, &lines},
                              Answered{"hash", OnTerm::dies, &hash},
                              Answered{"write", OnTerm::stops, &write},
                              Answered{proto::write_owned, OnTerm::stops, &write},
                              Answered{"edit", OnTerm::stops, &edit},
                              Answered{"mkdir", OnTerm::goes_on, &make_folder},
                              Answered{"move", OnTerm::goes_on, &move},
                              Answered{"copy", OnTerm::goes_on, &copy},
                              Answered{"remove", OnTerm::goes_on, &remove}};

Result<PathPolicy> policy_of(const FileCall& call)
{
    files::PathRules rules;
    if (!call.roots.empty()) {
        rules.roots = call.roots;
    }
    rules.never_read.insert(rules.never_read.end(), call.never_read.begin(), call.never_read.end());
    rules.never_written.insert(
        rules.never_written.end(), call.never_written.begin(), call.never_written.end());
    return PathPolicy::of(std::move(rules));
}

} // namespace

int serve_files(std::string_view request)
{
    const auto call = proto::decode_call<FileCall>(request);
    if (!call) {
        return say(call.error());
    }
    const auto policy = policy_of(*call);
    if (!policy) {
        return say(policy.error());
    }
    if (call->what == "read") {
        return read(*policy, *call);
    }
    if (call->what == "watch") {
        return watch(*policy, *call);
    }
    const auto* const known = std::ranges::find(answered, call->what, &Answered::what);
    if (known == answered.end()) {
        return say(Error{ErrorCode::unimplemented,
                         "this agent does not know '" + call->what + "' of files",
                         "agent_too_old"});
    }
    on_term(known->on_term);
    return say(known->answer(*policy, *call));
}

} // namespace guest::calls
