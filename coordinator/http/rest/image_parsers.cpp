#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

std::string sandbox_id(std::string_view text)
{
    return common::parse_id<common::SandboxId>(text) ? "" : "must be the id of a sandbox";
}

} // namespace

common::Result<ImageRequest> parse_image(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    ImageRequest request;
    request.name = common::ImageName{read_name(fields, "name")};
    if (fields.has("from_vm")) {
        fields.not_yet("from_vm", "images of other people's VMs are not supported yet");
        fields.text("from_snapshot", rules::any);
    } else {
        request.from_snapshot = read_name(fields, "from_snapshot");
    }
    if (const auto sandbox = fields.text("sandbox_id", sandbox_id)) {
        request.sandbox = common::SandboxId{*sandbox};
    }
    if (!request.from_snapshot.empty() && !fields.has("sandbox_id") &&
        !common::parse_id<common::SnapshotId>(request.from_snapshot)) {
        fields.wrong("sandbox_id", "is required where from_snapshot is a name and no snp- id");
    }
    COMMON_CHECK(fields.finish("make an image"));
    return request;
}

} // namespace coordinator::http::rest
