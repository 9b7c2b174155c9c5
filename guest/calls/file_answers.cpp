#include "guest/calls/file_answers.hpp"

#include "guest/calls/call_error.hpp"

#include <algorithm>

namespace guest::calls {

namespace {

/// What an entry takes on top of its texts: its fields' names, most of all.
constexpr std::size_t entry_overhead = 160;
constexpr std::size_t room = proto::max_call_head - (std::size_t{64} << 10U);

} // namespace

proto::FileEntry entry_of(const files::Entry& entry)
{
    return {entry.path,
            std::string{to_string(entry.kind)},
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.modified_ns,
            entry.target};
}

void put_entries(proto::FileReply& reply, const std::vector<files::Entry>& entries)
{
    std::size_t used = 0;
    for (const auto& entry : entries) {
        used += entry.path.size() + entry.target.size() + entry_overhead;
        if (used > room || reply.entries.size() >= proto::most_entries) {
            reply.truncated = true;
            return;
        }
        reply.entries.push_back(entry_of(entry));
    }
}

proto::FileReply refusal_of(const common::Error& error)
{
    proto::FileReply reply;
    reply.error = call_error(error);
    return reply;
}

proto::FileNews news_of(const files::FileEvent& event, bool partial)
{
    return {std::string{to_string(event.change)}, event.path, event.to, event.folder, partial};
}

} // namespace guest::calls
