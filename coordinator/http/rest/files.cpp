#include "common/utf8.hpp"
#include "coordinator/core/guest_files.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/file_models.hpp"
#include "coordinator/http/rest/file_parsers.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Result<Reply> act(FileAction action, const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "use a sandbox's files"));
    COMMON_TRY(const auto file, parse_file_action(action, request.body));
    COMMON_TRY(const auto answer, context.guests.files.ask(request.caller, id, file));
    if (action == FileAction::lines && !common::is_utf8(answer.text)) {
        return Error{ErrorCode::refused,
                     "read " + shown(file.path) +
                         ": it is not UTF-8 text; GET …/files gives its bytes",
                     "binary_file"};
    }
    return Reply{.body = text_of(file_answer_json(file, answer))};
}

/// What tells one content of a file from another, as far as its times do.
std::string tag_of(const FileInfo& info)
{
    return fmt::format("\"{:x}-{:x}\"", info.modified_ns, info.size);
}

} // namespace

template <FileAction action>
Result<Reply> use_file(const Context& context, const Request& request)
{
    return act(action, context, request);
}

template Result<Reply> use_file<FileAction::lines>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::edit>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::copy>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::remove>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::list>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::exists>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::hash>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::mkdir>(const Context&, const Request&);
template Result<Reply> use_file<FileAction::move>(const Context&, const Request&);

Result<Reply> write_file(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "write a file"));
    COMMON_TRY(const auto wanted, parse_file_write(request.body));
    COMMON_TRY(const auto upload, context.guests.files.write(request.caller, id, wanted.file));
    COMMON_CHECK(upload->write(wanted.content));
    COMMON_TRY(const auto answer, upload->finish());
    return Reply{.body = text_of(file_answer_json(wanted.file, answer))};
}

Result<Reply> upload_file(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto file, parse_upload(request));
    // Refused before its content is sent, by who waits for "100 Continue".
    COMMON_TRY(const auto upload, context.guests.files.write(request.caller, id, file));
    COMMON_CHECK(
        request.content([&upload](std::string_view piece) { return upload->write(piece); }));
    COMMON_TRY(const auto answer, upload->finish());
    Reply reply;
    reply.status = answer.created ? 201 : 200;
    reply.body = text_of(file_answer_json(file, answer));
    return reply;
}

Result<Reply> download_file(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto file, parse_download(request));
    COMMON_TRY(auto download, context.guests.files.read(request.caller, id, file));
    const auto& info = download.info;
    const bool is_range = file.limit != 0 && download.length && *download.length > 0;
    if (file.limit != 0 && download.length && *download.length == 0 && info.size > 0) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("download {}: it has {} bytes, and none from there on",
                                 shown(file.path),
                                 info.size),
                     "range_beyond_end"};
    }
    if (!is_range && download.from != 0) {
        return Error{ErrorCode::unavailable,
                     "the guest gave a part where all was asked for",
                     "guest_misbehaved"};
    }
    Reply reply;
    reply.status = is_range ? 206 : 200;
    reply.content_type = "application/octet-stream";
    reply.length = download.length;
    if (is_range) {
        reply.headers.emplace_back(
            "Content-Range",
            fmt::format(
                "bytes {}-{}/{}", download.from, download.from + *download.length - 1, info.size));
    }
    reply.headers.emplace_back("Accept-Ranges", "bytes");
    reply.headers.emplace_back("ETag", tag_of(info));
    reply.headers.emplace_back("Cache-Control", "no-store");
    // A guest's bytes must not run as a page of ours.
    reply.headers.emplace_back("Content-Disposition", "attachment");
    reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
    reply.headers.emplace_back("X-File-Mode", mode_text(info.mode));
    reply.headers.emplace_back("X-File-Owner", fmt::format("{}:{}", info.uid, info.gid));
    reply.headers.emplace_back("X-File-Modified", common::to_rfc3339(info.modified));
    reply.stream = std::make_shared<DownloadStream>(std::move(download.bytes));
    return reply;
}

Result<Reply> watch_files(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto file, parse_watch(request));
    COMMON_TRY(auto watch, context.guests.files.watch(request.caller, id, file));
    return event_stream(std::make_shared<WatchStream>(std::move(watch)));
}

} // namespace coordinator::http::rest
