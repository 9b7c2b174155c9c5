#pragma once

#include "coordinator/link/host_router.hpp"

#include "hostd/link/coordinator_link.hpp"
#include "tests/support/arrivals.hpp"

#include <arpa/inet.h>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

// The coordinator's end of the link and hostd's, over TCP with CURVE.
namespace coordinator::link {

using common::ErrorCode;
using common::HostName;
using common::curve::KeyPair;
using std::chrono::milliseconds;

inline const std::string sandbox = "sbx-aaaaaaaaaaaaaaaa";

/// A port of loopback that was free just now.
inline std::string free_endpoint()
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    BOOST_REQUIRE(::bind(fd, generic, size) == 0);
    BOOST_REQUIRE(::getsockname(fd, generic, &size) == 0);
    ::close(fd);
    return "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

/// A host with its keys and whatever the coordinator told it.
struct Peer {
    explicit Peer(std::string hostname) : name{std::move(hostname)} {}

    void connect(const std::string& endpoint, const std::string& coordinator_key)
    {
        hostd::link::LinkSettings settings;
        settings.endpoints = {endpoint};
        settings.coordinator_key = coordinator_key;
        settings.keys = keys;
        settings.retry_first = milliseconds{10};
        settings.retry_max = milliseconds{50};
        settings.connect_timeout = milliseconds{10000};
        settings.session.hello_timeout = milliseconds{10000};
        settings.zmtp_interval = milliseconds{200};
        settings.zmtp_timeout = milliseconds{10000};
        link.emplace(std::move(settings), clock);
        link->start(
            [this](hostd::Command command) {
                if (std::holds_alternative<hostd::SyncCommand>(command.what)) {
                    link->inventory({status()}, {});
                }
                commands.add(std::move(command));
            },
            [this] {
                hostd::HostReport report;
                report.hostname = name;
                report.capacity_vcpus = 4;
                return report;
            });
    }
    static hostd::SandboxStatus status(hostd::Phase phase = hostd::Phase::running)
    {
        hostd::SandboxStatus one;
        one.spec.id = common::SandboxId{sandbox};
        one.phase = phase;
        return one;
    }

    std::string name;
    KeyPair keys = *common::curve::generate_keys();
    common::SystemClock clock;
    tests::Arrivals<hostd::Command> commands;
    std::optional<hostd::link::CoordinatorLink> link;
};

struct RouterFixture {
    RouterFixture()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "router-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        file = folder / "enrolled";
        std::ofstream{file} << "# nobody yet\n";
        BOOST_REQUIRE(enrolment.emplace(file).load());
    }
    ~RouterFixture()
    {
        router.reset();
        std::filesystem::remove_all(folder);
    }
    void start(std::uint64_t epoch = 1)
    {
        RouterSettings settings;
        settings.address = endpoint;
        settings.keys = keys;
        settings.heartbeat = milliseconds{50};
        settings.zmtp_timeout = milliseconds{10000};
        router.emplace(std::move(settings), *enrolment);
        router->observe([this](HostEvent event) { events.add(std::move(event)); });
        BOOST_REQUIRE(router->start(epoch));
    }
    void enrol(const Peer& host, const std::string& name)
    {
        BOOST_REQUIRE(link::enrol(file, HostName{name}, host.keys.public_key));
    }
    void connect(Peer& host) { host.connect(endpoint, keys.public_key); }
    template <typename Event>
    Event expect()
    {
        return std::get<Event>(events.take_until(
            [](const auto& event) { return std::holds_alternative<Event>(event); }));
    }
    [[nodiscard]] static HostCommand destroy(const std::string& operation)
    {
        HostCommand command;
        command.operation = common::OperationId{operation};
        command.request = common::RequestId{"req-1"};
        command.generation = 1;
        command.what = DestroyOnHost{common::SandboxId{sandbox}};
        return command;
    }

    std::filesystem::path folder;
    std::filesystem::path file;
    std::string endpoint = free_endpoint();
    KeyPair keys = *common::curve::generate_keys();
    std::optional<Enrolment> enrolment;
    tests::Arrivals<HostEvent> events;
    std::optional<HostRouter> router;
};

} // namespace coordinator::link
