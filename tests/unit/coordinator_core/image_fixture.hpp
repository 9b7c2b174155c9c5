#pragma once

#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

namespace tests {

using common::ImageName;
using coordinator::Caller;
using coordinator::HostBeat;
using coordinator::HostFacts;
using coordinator::Image;
using coordinator::ImageRequest;
using coordinator::MakeImageOnHost;
using coordinator::RemoveImageOnHost;

/// One host, and on it a running sandbox with a checkpoint named "clean".
struct ImageFixture : CheckpointFixture {
    ImageFixture()
    {
        settings.checkpoint_grace = std::chrono::minutes{5}; // Beats are old, unless a test says.
    }
    void begin()
    {
        run_with({"h1"});
        sandbox = running().id;
        snapshot_id = taken(sandbox, "clean").id;
    }
    [[nodiscard]] ImageRequest by_name(const std::string& name) const
    {
        return {ImageName{name}, "clean", sandbox};
    }
    [[nodiscard]] ImageRequest by_id(const std::string& name) const
    {
        return {ImageName{name}, snapshot_id.str(), std::nullopt};
    }
    Later<Image> make(const ImageRequest& what)
    {
        return Later<Image>{[this, what] { return core->create_image(me, what); }};
    }
    Later<Image> remove(const std::string& name)
    {
        return Later<Image>{[this, name] { return core->delete_image(me, ImageName{name}); }};
    }
    using CheckpointFixture::made;
    /// What a host says of the image that it was asked for.
    static Image made(const FakeLink::Sent& sent)
    {
        const auto& what = std::get<MakeImageOnHost>(sent.command.what);
        Image image;
        image.name = what.image;
        image.digest = "d2";
        image.agent = "paddock";
        image.default_vcpus = 1;
        image.default_memory = Bytes::mib(100);
        image.tenant = what.tenant;
        image.from_snapshot = what.snapshot;
        return image;
    }
    /// An image that was made.
    Image image(const std::string& name)
    {
        auto asked = make(by_id(name));
        const auto sent = expect<MakeImageOnHost>();
        answer(sent, made(sent));
        return *asked.get();
    }
    void beat(const std::vector<Image>& more = {})
    {
        auto now = facts("h1");
        now.images.insert(now.images.end(), more.begin(), more.end());
        link.say(HostBeat{HostName{"h1"}, now});
        settle();
    }
    bool there(const Caller& caller, const std::string& name = "web")
    {
        return core->image(caller, ImageName{name}).has_value();
    }
    std::string why_not(const ImageRequest& what)
    {
        return reason_of(core->create_image(me, what));
    }
    std::string why_stays(const std::string& name)
    {
        return reason_of(core->delete_image(me, ImageName{name}));
    }
    [[nodiscard]] static coordinator::CreateRequest wants(const std::string& name)
    {
        auto what = request();
        what.source = name;
        what.source_is_image = true;
        return what;
    }

    SandboxId sandbox;
    SnapshotId snapshot_id;
};

} // namespace tests
