#pragma once

#include "tests/unit/hostd_core/image_fakes.hpp"
#include "tests/unit/hostd_core/state_fakes.hpp"

namespace tests {

using common::ErrorCode;
using hostd::Phase;

/// A service over a HostWorld, with one image "tiny" whose agent says hello at once.
struct ServiceFixture {
    ServiceFixture()
    {
        world.image.name = common::ImageName{"tiny"};
        world.image.digest = "d1";
        world.image.agent = hostd::AgentKind::paddock;
        settings.capacity = {common::Bytes::mib(1000), 8, common::Bytes::mib(50)};
        settings.machine = {hostd::Accel::tcg, "qemu64"};
        settings.retry_interval = std::chrono::milliseconds{10};
        settings.reconcile_interval = std::chrono::milliseconds{50};
        settings.ip_interval = std::chrono::milliseconds{5};
        settings.network_interval = std::chrono::milliseconds{5};
        settings.stop_poll = std::chrono::milliseconds{10};
        settings.agent_poll = std::chrono::milliseconds{5};
        settings.disk_check = std::chrono::milliseconds{5};
        settings.sweep_delay = std::chrono::milliseconds{1};
    }
    ~ServiceFixture() { service.reset(); }

    hostd::Ports ports()
    {
        return {hypervisor,
                images,
                image_maker,
                store,
                checkpoints,
                engine,
                network,
                guests,
                uplink,
                clock};
    }
    void run()
    {
        service.emplace(ports(), settings);
        service->start();
        first_inventory = uplink.inventories.take();
    }
    void restart()
    {
        service.reset();
        run();
    }
    static hostd::SandboxSpec spec(const std::string& id)
    {
        hostd::SandboxSpec spec;
        spec.id = common::SandboxId{id};
        spec.name = id;
        spec.image = common::ImageName{"tiny"};
        spec.vcpus = 1;
        spec.memory = common::Bytes::mib(200);
        return spec;
    }
    template <typename What>
    void submit(const std::string& operation, What what, std::uint64_t generation = 1)
    {
        service->submit({common::OperationId{operation},
                         common::RequestId{"req-" + operation},
                         generation,
                         std::move(what)});
    }
    template <typename What>
    hostd::Answer ask(const std::string& operation, What what, std::uint64_t generation = 1)
    {
        submit(operation, std::move(what), generation);
        return answer_of(operation);
    }
    hostd::Answer answer_of(const std::string& operation)
    {
        return uplink.answers.take_until(
            [&](const auto& answer) { return answer.operation.str() == operation; });
    }
    static hostd::CreateCommand create(const std::string& id, bool start = true)
    {
        return {spec(id), "", start, std::chrono::seconds{20}};
    }
    hostd::Answer created(const std::string& id, bool start = true)
    {
        return ask("op-create-" + id, create(id, start));
    }
    static hostd::ExecCommand exec(const std::string& id, const std::string& line)
    {
        hostd::ExecSpec spec;
        spec.shell = line;
        return {common::SandboxId{id}, spec};
    }
    hostd::SandboxStatus await(const std::string& id, Phase phase)
    {
        return uplink.statuses.take_until([&](const auto& status) {
            return status.spec.id.str() == id && status.phase == phase;
        });
    }
    void await_step(const std::string& step)
    {
        static_cast<void>(world.steps.take_until([&](const auto& name) { return name == step; }));
    }
    static Phase phase_in(const hostd::Answer& answer)
    {
        return std::get<hostd::SandboxStatus>(answer.value).phase;
    }
    static common::SandboxId id(const std::string& text) { return common::SandboxId{text}; }

    HostWorld world;
    common::SystemClock clock;
    WorldHypervisor hypervisor{world};
    WorldStore store{world};
    WorldImages images{world};
    WorldImageMaker image_maker{world};
    WorldCheckpoints checkpoints{world};
    WorldEngine engine{world};
    WorldNetwork network{world};
    FakeGuests guests;
    RecordingUplink uplink;
    hostd::ServiceSettings settings;
    std::vector<hostd::SandboxStatus> first_inventory;
    std::optional<hostd::SandboxService> service;
};

} // namespace tests
