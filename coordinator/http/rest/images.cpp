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
    COMMON_TRY(const auto made, context.service.create_image(request.caller, std::move(wanted)));
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

} // namespace coordinator::http::rest
