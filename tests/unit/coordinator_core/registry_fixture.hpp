#pragma once

#include "tests/unit/coordinator_core/image_fixture.hpp"

namespace tests {

using common::ImageId;
using coordinator::AddImageOnHost;
using coordinator::HostWantsPiece;
using coordinator::PieceOnHost;
using coordinator::RegisteredImage;
using Registration = RegisteredImage::Status;

/// Hosts, and files of which images are made.
struct RegistryFixture : ImageFixture {
    RegistryFixture()
    {
        blobs.put("t", disk, "0123456789");
        blobs.put("t", kernel, "kernel");
        blobs.put("t", initrd, "initrd");
    }
    [[nodiscard]] RegisteredImage files(const std::string& name = "web") const
    {
        RegisteredImage image;
        image.name = ImageName{name};
        image.disk.digest = disk;
        image.boot = "bios";
        image.agent = "none";
        return image;
    }
    [[nodiscard]] RegisteredImage with_kernel(const std::string& name = "web") const
    {
        auto image = files(name);
        image.kernel.digest = kernel;
        image.initrd.digest = initrd;
        image.cmdline = "quiet";
        image.boot = "kernel";
        image.agent = "paddock";
        image.vcpus = 2;
        image.memory = Bytes::mib(100);
        return image;
    }
    Later<Image> add(const RegisteredImage& what)
    {
        return Later<Image>{[this, what] { return core->register_image(me, what); }};
    }
    std::string why_no(const RegisteredImage& what)
    {
        return reason_of(core->register_image(me, what));
    }
    /// What a host says of the image that it was told to add.
    static Image added(const FakeLink::Sent& sent)
    {
        const auto& what = std::get<AddImageOnHost>(sent.command.what).image;
        Image image;
        image.name = what.name;
        image.digest = what.disk.digest;
        image.size = what.disk.size;
        image.boot = what.boot;
        image.agent = what.agent;
        image.default_vcpus = 1;
        image.default_memory = Bytes::mib(100);
        image.tenant = what.tenant;
        image.registration = what.id;
        return image;
    }
    /// One that a host has looked at.
    Image registered(const std::string& name = "web") { return registered(files(name)); }
    Image registered(const RegisteredImage& what)
    {
        auto asked = add(what);
        const auto sent = expect<AddImageOnHost>();
        answer(sent, added(sent));
        return *asked.get();
    }
    /// The next command, which time brings: it may have stood still.
    template <typename What>
    FakeLink::Sent in_time()
    {
        eventually([&] { return !link.commands.empty(); }, "a command");
        return expect<What>();
    }
    /// The core's time goes on for some ticks, and it tells no host anything.
    bool is_quiet()
    {
        const auto until = clock.steady() + settings.tick * 4;
        eventually([&] { return clock.steady() >= until; }, "the time");
        settle();
        return link.commands.empty();
    }
    static HostFacts facts_of(const std::string& host, const std::vector<Image>& more)
    {
        auto now = facts(host);
        for (auto image : more) {
            image.hosts.clear(); // A host says nothing of others.
            image.missing_on.clear();
            now.images.push_back(std::move(image));
        }
        return now;
    }
    void beat_of(const std::string& host, const std::vector<Image>& more = {})
    {
        link.say(HostBeat{HostName{host}, facts_of(host, more)});
        settle();
    }
    /// Without an inventory it is there, and not ready.
    void appear(const std::string& host, const std::vector<Image>& more = {})
    {
        link.say(coordinator::HostConnected{HostName{host}, "run-" + host, facts_of(host, more)});
        settle();
    }
    void come(const std::string& host, const std::vector<Image>& more = {})
    {
        appear(host, more);
        inventory(host, {}, {});
        settle();
    }
    std::optional<Image> look(const std::string& name = "web")
    {
        auto found = core->image(me, ImageName{name});
        return found ? std::optional{*std::move(found)} : std::nullopt;
    }
    /// "h2: why", for those that have it not.
    Texts missing(const std::string& name = "web")
    {
        Texts missing;
        const auto image = look(name).value();
        for (const auto& [host, why] : image.missing_on) {
            missing.push_back(host.str() + ": " + why);
        }
        return missing;
    }
    Texts hosts_with(const std::string& name = "web")
    {
        Texts hosts;
        const auto image = look(name).value();
        for (const auto& host : image.hosts) {
            hosts.push_back(host.str());
        }
        return hosts;
    }
    RegisteredImage row(const std::string& name = "web")
    {
        const auto rows = store.registered_images();
        const auto found = std::ranges::find(rows, ImageName{name}, &RegisteredImage::name);
        if (found == rows.end()) {
            throw std::runtime_error{"no row of " + name};
        }
        return *found;
    }
    void await_deleted(const std::string& name = "web")
    {
        eventually([&] { return row(name).status == Registration::deleted; }, "the deletion");
        BOOST_TEST(row(name).deleted_at.has_value());
    }
    /// What a host gets that wants this.
    PieceOnHost piece(const FakeLink::Sent& adding,
                      const std::string& digest,
                      std::uint64_t offset,
                      std::uint32_t size,
                      const std::string& host)
    {
        link.say(HostWantsPiece{HostName{host}, adding.command.operation, digest, offset, size});
        const auto sent = expect<PieceOnHost>();
        BOOST_TEST(sent.host.str() == host);
        const auto got = std::get<PieceOnHost>(sent.command.what);
        BOOST_TEST(got.operation == adding.command.operation);
        BOOST_TEST(got.digest == digest);
        BOOST_TEST(got.offset == offset);
        return got;
    }

    const std::string disk = std::string(64, 'a');
    const std::string kernel = std::string(64, 'b');
    const std::string initrd = std::string(64, 'c');
};

} // namespace tests
