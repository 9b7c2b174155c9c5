// What a create names that is no image of any host.
#include "coordinator/core/imaging.hpp"
#include "coordinator/core/registry.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Of an image that is registered, and that no host has.
Error on_its_way(const Image& image)
{
    std::string where;
    for (const auto& [host, why] : image.missing_on) {
        where += (where.empty() ? "" : "\n") + host.str() + ": " +
                 (why.empty() ? "it is on its way there" : why);
    }
    return {ErrorCode::unavailable,
            "create a sandbox: no host has image " + image.name.str() + " yet; GET /v1/images/" +
                image.name.str() + " tells where it is",
            "image_on_its_way",
            {},
            where.empty() ? "no host is there that could fetch it" : where};
}

} // namespace

/// The source may be the name of somebody's VM: then the answer must say that it may not
/// be used, rather than that there is none.
void Core::refuse_unknown_source(const Caller& caller,
                                 const CreateRequest& request,
                                 SandboxDone done)
{
    if (const auto there =
            registry_->complete(nullptr, common::ImageName{request.source}, caller.tenant)) {
        return done(on_its_way(*there));
    }
    const Error unknown{ErrorCode::not_found,
                        "create a sandbox: no host has an image named " + request.source +
                            "; GET /v1/images lists them",
                        "unknown_image",
                        {{request.source_is_image ? "image" : "source_vm_name",
                          "no image of this name is registered on any host"}}};
    if (request.source_is_image) {
        return done(unknown);
    }
    // A VM, then: an image is made of it, unless there is one that is still what it is.
    imaging_->import(caller,
                     {{}, request.source, "", request.host},
                     Imaging::Import::for_create,
                     [this, caller, request, unknown, done](const Result<Image>& image) {
                         if (!image) {
                             return done(image.error().stable_reason() == "unknown_vm"
                                             ? unknown
                                             : Error{image.error()}.during(
                                                   "create a sandbox of VM " + request.source));
                         }
                         auto next = request;
                         next.source = image->name.str();
                         next.source_is_image = true;
                         begin_create(caller, next, MadeFrom::image, done);
                     });
}

} // namespace coordinator
