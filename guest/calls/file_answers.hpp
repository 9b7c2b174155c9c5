#pragma once

#include "common/result.hpp"
#include "guest/files/entry.hpp"
#include "guest/files/watcher.hpp"
#include "proto/guest_calls.hpp"

#include <vector>

// From what guest/files gives to what travels.
namespace guest::calls {

proto::FileEntry entry_of(const files::Entry& entry);
/// Of entries no more than one head can hold; the rest is told as truncated.
void put_entries(proto::FileReply& reply, const std::vector<files::Entry>& entries);
proto::FileReply refusal_of(const common::Error& error);
proto::FileNews news_of(const files::FileEvent& event, bool partial);

} // namespace guest::calls
