// Images of somebody else's VMs.
#include "coordinator/core/imaging.hpp"
#include "coordinator/core/registry.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<Image> Core::import_image(const Caller& caller, VmImageRequest request)
{
    const auto attempt = "make image " + request.name.str() + " of VM " + request.vm;
    return ask_within<Image>(
        settings_.snapshot_timeout,
        attempt,
        [this, caller, request = std::move(request)](const Imaging::Done& done) {
            imaging_->import(caller, request, Imaging::Import::as_wished, done);
        });
}

/// The one VM of this name, of the hosts that were asked for.
Result<ForeignVm> Core::Imaging::find_vm(const VmImageRequest& request, const VmListing& listing)
{
    std::vector<ForeignVm> found;
    for (const auto& vm : listing.vms) {
        if (vm.name == request.vm && (!request.host || vm.host == *request.host)) {
            found.push_back(vm);
        }
    }
    const auto attempt = "make an image of VM " + request.vm + ": ";
    if (found.size() == 1) {
        return found.front();
    }
    if (found.empty()) {
        std::string silent;
        for (const auto& error : listing.host_errors) {
            silent += (silent.empty() ? "; not asked could be " : ", ") + error.host.str();
        }
        return Error{ErrorCode::not_found,
                     attempt + "no host that was asked has one; GET /v1/vms lists them" + silent,
                     "unknown_vm"};
    }
    return Error{ErrorCode::failed_precondition,
                 attempt + "hosts " + found[0].host.str() + " and " + found[1].host.str() +
                     " have one of this name: say which by `host`",
                 "ambiguous_vm"};
}

Result<> Core::Imaging::may_import(const Caller& caller,
                                   const VmImageRequest& request,
                                   const common::HostName& host,
                                   Import how) const
{
    const auto attempt = "make image " + request.name.str() + ": ";
    const auto* known = core_.fleet_.host(host);
    if (known == nullptr || known->host.health == HostHealth::lost) {
        return Error{ErrorCode::unavailable,
                     attempt + "host " + host.str() + " is not connected",
                     "host_unreachable"};
    }
    // One that was made of this VM before is for its host to judge.
    const auto* other = core_.fleet_.host_with(request.name);
    const auto* mine = made_on(known->host, request.name, caller.tenant);
    const bool again = how == Import::for_create && other == known && mine != nullptr &&
                       mine->from_vm == request.vm;
    if (busy_.contains(request.name) || core_.registry_->has(request.name) ||
        (other != nullptr && !again)) {
        return Error{ErrorCode::already_exists,
                     attempt + "there is one of this name, or it is being made or deleted",
                     "image_exists"};
    }
    if (!again && known->host.facts.images.size() >= core_.settings_.max_images_per_host) {
        return Error{ErrorCode::failed_precondition,
                     attempt + "host " + host.str() + " has " +
                         std::to_string(core_.settings_.max_images_per_host) +
                         " already, which is the most; delete some of those first",
                     "too_many_images"};
    }
    return core_.room_for_one_more();
}

void Core::Imaging::import(const Caller& caller, const VmImageRequest& asked, Import how, Done done)
{
    core_.begin_vms(caller, [this, caller, asked, how, done](const VmListing& listing) {
        auto request = asked;
        const auto vm = find_vm(request, listing);
        if (!vm) {
            return done(vm.error());
        }
        if (how == Import::for_create) { // Nobody has said what it is to be called.
            const auto plain = "vm-" + vm->name + "-" + vm->host.str();
            request.name = common::ImageName{common::is_name(plain) ? plain : "vm-" + vm->uuid};
        }
        if (const auto may = may_import(caller, request, vm->host, how); !may) {
            return done(may.error());
        }
        Sandbox nobody;
        nobody.host = vm->host;
        const auto op = core_.begin_operation(Pending::Kind::make_image,
                                              caller,
                                              nobody,
                                              ImportVmOnHost{request.vm,
                                                             request.name,
                                                             caller.tenant,
                                                             request.agent,
                                                             how == Import::as_wished,
                                                             how == Import::for_create});
        op->image = request.name;
        op->imaged = [done, where = "VM " + vm->name + " on host " + vm->host.str()](
                         const Result<Image>& made) {
            done(made ? made : Result<Image>{Error{made.error()}.during(where)});
        };
        busy_.insert(request.name);
        begin(op, detail_of({{"vm", request.vm}}));
    });
}

} // namespace coordinator
