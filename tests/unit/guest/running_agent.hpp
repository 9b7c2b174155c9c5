#pragma once

#include "guest/agent.hpp"
#include "tests/support/agent_client.hpp"
#include "tests/support/temp_folder.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/socket.h>
#include <thread>

namespace guest {

using namespace std::chrono_literals;

class QuietSurroundings final : public Surroundings {
public:
    common::Result<> become(const proto::GuestBecome&) override
    {
        if (!refusal.empty()) {
            return common::Error{common::ErrorCode::internal, refusal};
        }
        still = false;
        return {};
    }
    common::Result<std::chrono::microseconds> freeze() override
    {
        if (!refusal.empty()) {
            return common::Error{common::ErrorCode::unavailable, refusal};
        }
        still = true;
        return std::chrono::microseconds{1234};
    }
    void thaw(std::int64_t time_unix_us) override
    {
        still = false;
        time = time_unix_us;
    }
    [[nodiscard]] bool frozen() const override { return still; }
    void power_off(bool) override { powered_off = true; }
    [[nodiscard]] proto::GuestHello hello() const override
    {
        proto::GuestHello hello;
        hello.protocol = proto::guest_protocol;
        hello.hostname = "here";
        hello.identity = identity;
        return hello;
    }
    [[nodiscard]] std::vector<std::string> addresses() const override { return {}; }
    [[nodiscard]] const std::string& group() const override { return no_group; }

    std::atomic<bool> powered_off{false};
    std::atomic<bool> still{false};
    std::atomic<std::int64_t> time{0};
    std::string refusal; ///< Set before it is asked.
    std::string identity;
    std::string no_group;
};

/// The real agent in a thread, at one end of a socket; a client at the other.
class RunningAgent {
public:
    explicit RunningAgent(AgentLimits limits = {}, const Services& services = {})
    {
        sigset_t mine;
        ::sigemptyset(&mine);
        ::sigaddset(&mine, SIGCHLD);
        ::sigaddset(&mine, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &mine, nullptr); // The agent's thread inherits it.
        std::signal(SIGPIPE, SIG_IGN);                // As main() does.
        std::fflush(nullptr); // A sanitizer has a forked child write what is ours.
        int ends[2] = {-1, -1};
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const int flags = ::fcntl(ends[0], F_GETFL);
        ::fcntl(ends[0], F_SETFL, flags | O_NONBLOCK);
        client.emplace(common::UniqueFd{ends[1]});
        thread_ =
            std::jthread{[this, limits, services, port = ends[0]](const std::stop_token& stop) {
                Agent agent{common::UniqueFd{port}, surroundings, -1, limits, services};
                while (!stop.stop_requested() && agent.turn(10ms)) {
                    known = agent.known_execs();
                }
            }};
        BOOST_REQUIRE(client->greet(soon()));
    }

    static test::AgentClient::Deadline soon() { return std::chrono::steady_clock::now() + 20s; }

    static proto::GuestExec shell(const std::string& operation, const std::string& line)
    {
        proto::GuestExec exec;
        exec.operation_id = operation;
        exec.shell = line;
        exec.user = "root";
        exec.cwd = "/";
        exec.timeout_ms = 20000;
        exec.output_limit_bytes = 1U << 20U;
        return exec;
    }
    test::AgentClient::Outcome run(const proto::GuestExec& exec, std::string_view in = {})
    {
        auto outcome = client->exec(exec, soon(), in);
        BOOST_REQUIRE_MESSAGE(outcome.has_value(), (outcome ? "" : outcome.error().message));
        return *std::move(outcome);
    }
    std::string refusal(const proto::GuestExec& exec)
    {
        const auto outcome = client->exec(exec, soon());
        BOOST_REQUIRE(!outcome);
        return outcome.error().reason;
    }
    /// It listens: whatever was sent before has been taken.
    bool pongs(std::uint64_t token = 7)
    {
        if (!client->send(0, proto::GuestPing{token})) {
            return false;
        }
        while (const auto frame = client->next(soon())) {
            if (frame->kind == proto::GuestPong::kind) {
                return proto::decode_guest_body<proto::GuestPong>(frame->body)->token == token;
            }
        }
        return false;
    }
    static std::string content(const std::filesystem::path& file)
    {
        std::ostringstream text;
        text << std::ifstream{file}.rdbuf();
        return text.str();
    }

    QuietSurroundings surroundings;
    std::atomic<std::size_t> known{0};
    std::optional<test::AgentClient> client;
    tests::TempFolder temp;

private:
    std::jthread thread_;
};

} // namespace guest
