#pragma once

#include "coordinator/core/guest_files.hpp"
#include "proto/guest_calls.hpp"

// Files of guests: from what the core means to what travels, and back.
namespace coordinator::guest {

proto::FileCall call_of(const FileRequest& request, const FilePolicy& policy);
/// The guest's own error, or its answer. What is no answer at all is `unavailable`.
common::Result<proto::FileReply> reply_of(std::string_view head);
FileInfo info_of(const proto::FileEntry& entry);
FileAnswer answer_of(proto::FileReply reply);
FileChange change_of(proto::FileNews news);

} // namespace coordinator::guest
