#pragma once

#include "coordinator/core/core.hpp"

namespace coordinator {

/// Images that tenants make of their checkpoints, and remove.
///
/// What images there are is what hosts say; no row is kept of them. What was made or removed a
/// moment ago counts all the same, also against a heartbeat that is older than it. While one is
/// being removed it is gone already: so nothing new can come to lie on it.
///
/// The core's own, and of its thread.
class Core::Imaging {
public:
    explicit Imaging(Core& core) : core_{core} {}

    using Done = Pending::ImageDone;
    void make(const Caller& caller, const ImageRequest& request, Done done);
    /// Of a VM as it is now: for a create of it, or as somebody wishes.
    enum class Import { for_create, as_wished };
    void import(const Caller& caller, const VmImageRequest& request, Import how, Done done);
    void remove(const Caller& caller, const common::ImageName& name, Done done);
    void finish(const Op& op, const HostAnswer& answer);
    /// To what the host has just said of its images comes what it cannot know yet.
    void amend(Host& host);
    /// What it is to be made of.
    [[nodiscard]] common::Result<Checkpoint> source(const Caller& caller,
                                                    const ImageRequest& request) const;
    /// It is being made or removed.
    [[nodiscard]] bool is_busy(const common::ImageName& name) const { return busy_.contains(name); }
    /// `failed_precondition` (image_in_use): as far as is known here a pool or a sandbox is of it.
    [[nodiscard]] common::Result<> is_unused(const common::ImageName& name,
                                             const std::string& tenant,
                                             const std::string& digest) const;

private:
    enum class Lately { made, removed };
    struct Change {
        Lately what;
        common::HostName host;
        Image image;
        common::SteadyTime since;
    };

    [[nodiscard]] common::Result<> may_make(const Checkpoint& from,
                                            const common::ImageName& name) const;
    [[nodiscard]] common::Result<> may_remove(const Image& image, const Host& on) const;
    [[nodiscard]] static const Image*
    made_on(const Host& host, const common::ImageName& name, const std::string& tenant);
    [[nodiscard]] static common::Result<ForeignVm> find_vm(const VmImageRequest& request,
                                                           const VmListing& listing);
    [[nodiscard]] common::Result<> may_import(const Caller& caller,
                                              const VmImageRequest& request,
                                              const common::HostName& host,
                                              Import how) const;
    void begin(const Op& op, std::string detail);
    void changed(Lately what, Host& host, const Image& image);
    void release(const Op& op, const std::optional<common::Error>& error);
    [[nodiscard]] static std::optional<common::Error> failure(const Op& op,
                                                              const HostAnswer& answer);

    Core& core_;
    std::set<common::ImageName> busy_; ///< Being made or removed.
    std::map<common::ImageName, Change> lately_;
};

} // namespace coordinator
