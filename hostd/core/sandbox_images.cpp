// Images: made of checkpoints or of files that the coordinator keeps, and removed.
#include "common/log/log.hpp"
#include "hostd/core/image_sources.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <algorithm>
#include <fnmatch.h>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

/// Not in the sandbox's lane: copying gigabytes must not keep the VM from being stopped, nor even
/// destroyed. The checkpoint may be deleted meanwhile; its layers stay until the next sweep.
void SandboxService::make_image(const Op& op)
{
    state_work([this, op] {
        const auto& wish = std::get<MakeImageCommand>(op->command.what);
        const auto found = checkpoints_.find(wish.snapshot);
        std::optional<Checkpoint> known;
        if (found != checkpoints_.end() && found->second.spec.id == wish.id) {
            known = found->second;
        }
        blocking_on(
            *image_workers_,
            [this, wish, known] { return make_image_of(wish, known); },
            [this, op](Result<Image> made) {
                const auto& name = std::get<MakeImageCommand>(op->command.what).image;
                image_made(op, "make image " + name.str(), std::move(made));
                state_work_done();
            });
    });
}

void SandboxService::image_made(const Op& op, std::string_view attempt, Result<Image> made)
{
    if (made) {
        return answer(op, *std::move(made));
    }
    auto error = std::move(made).error().during(attempt);
    spdlog::warn("{}", error.message);
    fail(op, std::move(error));
}

/// By the same worker as everything about images: a download keeps the next one waiting.
void SandboxService::add_image(const Op& op)
{
    blocking_on(
        *image_workers_,
        [this, op] {
            const auto& wish = std::get<AddImageCommand>(op->command.what);
            ImageSources sources{downloads_, ports_.peers, wish, op->command.operation};
            return ports_.image_maker.add(wish.recipe,
                                          [&sources](const auto& file, const auto& sink) {
                                              return sources.fetch(file, sink);
                                          });
        },
        [this, op](Result<Image> added) {
            const auto& name = std::get<AddImageCommand>(op->command.what).recipe.name;
            image_made(op, "add image " + name.str(), std::move(added));
        });
}

/// On a worker.
Result<Image> SandboxService::make_image_of(const MakeImageCommand& wish,
                                            const std::optional<Checkpoint>& known)
{
    // Asked for again after the answer was lost; the checkpoint may be gone by then.
    if (auto image = ports_.images.find(wish.image);
        image && image->from_snapshot == wish.snapshot && image->tenant == wish.tenant) {
        return image;
    }
    if (!known) {
        return Error{ErrorCode::not_found,
                     "this host has no checkpoint " + wish.snapshot.str() + " of " + wish.id.str(),
                     "unknown_snapshot"};
    }
    COMMON_CHECK(ports_.checkpoints.verify(wish.snapshot));
    return ports_.image_maker.make_from(*known, wish.image, wish.tenant);
}

void SandboxService::import_vm(const Op& op)
{
    blocking_on(
        *image_workers_,
        [this, op] {
            auto wish = std::get<ImportVmCommand>(op->command.what);
            wish.operation = op->command.operation;
            return import_now(wish);
        },
        [this, op](Result<Image> made) {
            const auto& wish = std::get<ImportVmCommand>(op->command.what);
            image_made(op, "make image " + wish.image.str() + " of VM " + wish.vm, std::move(made));
        });
}

/// On a worker.
Result<Image> SandboxService::import_now(const ImportVmCommand& wish)
{
    const bool open = std::ranges::any_of(settings_.importable_vms, [&wish](const auto& glob) {
        return ::fnmatch(glob.c_str(), wish.vm.c_str(), 0) == 0;
    });
    if (!open) {
        return Error{ErrorCode::permission_denied,
                     "it is somebody else's, and not open for import: its host's operator says in "
                     "importable_vms of /etc/paddock/hostd.yaml which are",
                     "vm_not_importable"};
    }
    COMMON_TRY(const auto source, ports_.hypervisor.foreign_source(wish.vm));
    if (source.runs && wish.running == ImportVmCommand::Running::refused) {
        return Error{ErrorCode::failed_precondition,
                     "it is running: shut it down, or make an image of it first, by POST "
                     "/v1/images {\"name\": …, \"from_vm\": \"" +
                         wish.vm + "\"}",
                     "vm_running"};
    }
    return ports_.image_maker.import(source, wish, [this, &source](const auto& into) {
        return ports_.hypervisor.back_up(source, into, settings_.backup_patience);
    });
}

/// By the same worker as the making: what an image is made from cannot go meanwhile.
void SandboxService::remove_image(const Op& op)
{
    blocking_on(
        *image_workers_,
        [this, wish = std::get<RemoveImageCommand>(op->command.what)] {
            return ports_.image_maker.remove(wish.image, wish.tenant, wish.registration);
        },
        [this, op](Result<> removed) {
            if (removed) {
                return answer(op, {});
            }
            const auto& name = std::get<RemoveImageCommand>(op->command.what).image;
            fail(op, std::move(removed).error().during("remove image " + name.str()));
        });
}

} // namespace hostd
