#pragma once

#include "common/result.hpp"
#include "coordinator/core/guest_files.hpp"
#include "coordinator/http/request.hpp"

// What requests for a sandbox's files say.
namespace coordinator::http::rest {

/// The body of POST …/file/<action>.
common::Result<FileRequest> parse_file_action(FileAction action, std::string_view body);

struct FileWriteRequest {
    FileRequest file;
    std::string content;
};
common::Result<FileWriteRequest> parse_file_write(std::string_view body);

/// Query and Range of GET …/files. A Range that is not one of ours is none (RFC 9110, 14.2).
common::Result<FileRequest> parse_download(const Request& request);
common::Result<FileRequest> parse_upload(const Request& request);
common::Result<FileRequest> parse_watch(const Request& request);

} // namespace coordinator::http::rest
