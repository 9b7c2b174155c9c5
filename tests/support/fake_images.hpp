#pragma once

#include "tests/support/fake_pools.hpp"

namespace test_support {

/// FakeService's images.
class FakeImages : public FakePools {
public:
    std::vector<coordinator::Image> all_images; ///< Grows and shrinks with what is asked.

    [[nodiscard]] std::vector<coordinator::RegisteredImage> registrations() const
    {
        return of(registrations_);
    }
    [[nodiscard]] std::vector<coordinator::VmImageRequest> vm_image_requests() const
    {
        return of(vm_image_requests_);
    }
    [[nodiscard]] std::vector<coordinator::ImageRequest> image_requests() const
    {
        return of(image_requests_);
    }

    Result<std::vector<coordinator::Image>> images(const coordinator::Caller& caller) override
    {
        COMMON_CHECK(enter(caller));
        return all_images;
    }
    Result<coordinator::Image> image(const coordinator::Caller& caller,
                                     const common::ImageName& name) override
    {
        COMMON_CHECK(enter(caller));
        return named(all_images, name, "image " + name.str());
    }
    Result<coordinator::Image> create_image(const coordinator::Caller& caller,
                                            coordinator::ImageRequest request) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        if (named(all_images, request.name, "")) {
            return common::Error{common::ErrorCode::already_exists, "there is one", "image_exists"};
        }
        coordinator::Image made;
        made.name = request.name;
        made.tenant = caller.tenant;
        made.from_snapshot = common::SnapshotId{request.from_snapshot};
        all_images.push_back(made);
        image_requests_.push_back(std::move(request));
        return made;
    }
    Result<coordinator::Image> register_image(const coordinator::Caller& caller,
                                              coordinator::RegisteredImage wanted) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        coordinator::Image made;
        made.name = wanted.name;
        made.digest = wanted.disk.digest;
        made.boot = wanted.boot;
        made.agent = wanted.agent;
        made.tenant = caller.tenant;
        made.registration = common::ImageId{"img-abcdefghij234567"};
        made.missing_on = {{common::HostName{"h2"}, "its disk is full"},
                           {common::HostName{"h3"}, ""}};
        all_images.push_back(made);
        registrations_.push_back(std::move(wanted));
        return made;
    }
    Result<coordinator::Image> import_image(const coordinator::Caller& caller,
                                            coordinator::VmImageRequest request) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        coordinator::Image made;
        made.name = request.name;
        made.tenant = caller.tenant;
        made.from_vm = request.vm;
        all_images.push_back(made);
        vm_image_requests_.push_back(std::move(request));
        return made;
    }
    Result<coordinator::Image> delete_image(const coordinator::Caller& caller,
                                            const common::ImageName& name) override
    {
        COMMON_TRY(auto gone, image(caller, name));
        const std::scoped_lock lock{mutex_};
        std::erase_if(all_images, [&name](const auto& other) { return other.name == name; });
        return gone;
    }

private:
    std::vector<coordinator::ImageRequest> image_requests_;
    std::vector<coordinator::RegisteredImage> registrations_;
    std::vector<coordinator::VmImageRequest> vm_image_requests_;
};

} // namespace test_support
