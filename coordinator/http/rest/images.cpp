#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

common::Result<Reply> list_images(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list images"));
    COMMON_TRY(const auto images, context.service.images(request.caller));
    return Reply{.body = images_body(images, page)};
}

common::Result<Reply> get_image(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "get an image"));
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found, "no image \"" + shown(name) + "\""};
    }
    COMMON_TRY(const auto image, context.service.image(request.caller, common::ImageName{name}));
    return Reply{.body = image_body(image)};
}

} // namespace coordinator::http::rest
