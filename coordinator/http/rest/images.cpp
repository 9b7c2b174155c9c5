#include "coordinator/core/blobs.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

namespace {

/// The image that the path names. Text that is no name names none: `not_found`.
common::Result<common::ImageName> image_of(const Request& request)
{
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found, "no image \"" + shown(name) + "\""};
    }
    return common::ImageName{name};
}

} // namespace

common::Result<Reply> list_images(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list images"));
    COMMON_TRY(const auto images, context.service.images(request.caller));
    return Reply{.body = images_body(images, page)};
}

common::Result<Reply> get_image(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, image_of(request));
    COMMON_CHECK(parse_no_query(request.query, "get an image"));
    COMMON_TRY(const auto image, context.service.image(request.caller, name));
    return Reply{.body = image_body(image)};
}

common::Result<Reply> create_image(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "make an image"));
    COMMON_TRY(auto wanted, parse_image(request.body));
    const auto ask = [&](auto& request_of_it) {
        using Wanted = std::decay_t<decltype(request_of_it)>;
        if constexpr (std::is_same_v<Wanted, RegisteredImage>) {
            return context.service.register_image(request.caller, std::move(request_of_it));
        } else if constexpr (std::is_same_v<Wanted, VmImageRequest>) {
            return context.service.import_image(request.caller, std::move(request_of_it));
        } else {
            return context.service.create_image(request.caller, std::move(request_of_it));
        }
    };
    COMMON_TRY(const auto made, std::visit(ask, wanted));
    Reply reply;
    reply.status = 201;
    reply.body = image_body(made);
    reply.headers.emplace_back("Location", "/v1/images/" + made.name.str());
    return reply;
}

common::Result<Reply> delete_image(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, image_of(request));
    COMMON_CHECK(parse_no_query(request.query, "delete an image"));
    COMMON_CHECK(parse_nothing(request.body, "delete an image"));
    COMMON_TRY(const auto gone, context.service.delete_image(request.caller, name));
    return Reply{.body = image_body(gone)};
}

common::Result<Reply> get_blob(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "look for a blob"));
    COMMON_TRY(const auto digest, parse_digest(request.path.at(0)));
    COMMON_TRY(const auto blob, context.records.blobs.find(request.caller.tenant, digest));
    return Reply{.body = blob_body(blob)};
}

common::Result<Reply> upload_blob(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "upload a blob"));
    COMMON_TRY(const auto digest, parse_digest(request.path.at(0)));
    auto& blobs = context.records.blobs;
    const bool is_there = blobs.find(request.caller.tenant, digest).has_value();
    // Refused before its content is sent, by who waits for "100 Continue".
    COMMON_TRY(const auto upload, blobs.begin(request.caller.tenant, digest));
    COMMON_CHECK(
        request.content([&upload](std::string_view piece) { return upload->write(piece); }));
    COMMON_TRY(const auto blob, upload->finish());
    Reply reply;
    reply.status = is_there ? 200 : 201;
    reply.body = blob_body(blob);
    return reply;
}

} // namespace coordinator::http::rest
