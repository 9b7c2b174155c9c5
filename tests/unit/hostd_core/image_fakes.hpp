#pragma once

#include "tests/unit/hostd_core/host_fakes.hpp"

namespace tests {

class WorldImages final : public hostd::ImageStore {
public:
    explicit WorldImages(HostWorld& world) : world_{world} {}
    common::Result<hostd::Image> find(const common::ImageName& name) const override
    {
        return world_.locked([&]() -> common::Result<hostd::Image> {
            if (const auto made = world_.made.find(name); made != world_.made.end()) {
                return made->second;
            }
            if (name != world_.image.name) {
                return common::Error{common::ErrorCode::not_found, "no image " + name.str()};
            }
            return world_.image;
        });
    }
    std::vector<hostd::Image> list(std::vector<std::string>&) const override { return {}; }

private:
    HostWorld& world_;
};

class WorldImageMaker final : public hostd::ImageMaker {
public:
    explicit WorldImageMaker(HostWorld& world) : world_{world} {}
    common::Result<hostd::Image> make_from(const hostd::Checkpoint& checkpoint,
                                           const common::ImageName& name,
                                           const std::string& tenant) override
    {
        hostd::Image image;
        image.name = name;
        image.digest = "of " + checkpoint.layer.string();
        image.tenant = tenant;
        image.from_snapshot = checkpoint.id;
        COMMON_CHECK(world_.step("make_image", {}, [&] { world_.made[name] = image; }));
        return image;
    }
    /// What was fetched is counted as its content.
    common::Result<hostd::Image> add(const hostd::ImageRecipe& recipe, const Fetch& fetch) override
    {
        std::string content;
        COMMON_CHECK(fetch({recipe.disk}, [&content](std::string_view bytes) -> common::Result<> {
            content += bytes;
            return {};
        }));
        hostd::Image image;
        image.name = recipe.name;
        image.digest = recipe.disk.digest;
        image.size = common::Bytes{content.size()};
        image.tenant = recipe.tenant;
        image.registration = recipe.registration;
        COMMON_CHECK(world_.step("add_image", {}, [&] { world_.made[recipe.name] = image; }));
        return image;
    }
    common::Result<hostd::Image> import(const hostd::ForeignSource& source,
                                        const hostd::ImportVmCommand& wish,
                                        const BackUp& back_up) override
    {
        if (source.runs) {
            COMMON_CHECK(back_up("/images/draft"));
        }
        hostd::Image image;
        image.name = wish.image;
        image.digest = "of " + source.disk.string();
        image.tenant = wish.tenant;
        image.from_vm = source.vm;
        COMMON_CHECK(world_.step("import_image", {}, [&] { world_.made[wish.image] = image; }));
        return image;
    }
    common::Result<>
    remove(const common::ImageName& name, const std::string&, const common::ImageId&) override
    {
        return world_.step("remove_image", {}, [&] { world_.made.erase(name); });
    }

private:
    HostWorld& world_;
};

} // namespace tests
