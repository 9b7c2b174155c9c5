// The cold benchmark's baseline: the same kernel, initrd, disk and agent booted by plain
// QEMU, from its start to the first command's end.
//   plain-boot EXECS SOCKET -- qemu-system-x86_64 …
// Prints one JSON object: boot_ms (to the hello), first_exec_ms, exec_us of the rest.

#include "tests/support/agent_client.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

common::Result<> measure(int execs, const char* socket, Clock::time_point start)
{
    const auto deadline = start + std::chrono::seconds{120};
    COMMON_TRY(auto client, test::AgentClient::connect(socket, deadline));
    COMMON_CHECK(client.greet(deadline));
    std::printf("{\"boot_ms\": %.1f", ms_since(start));
    std::string times;
    for (int i = 0; i <= execs; ++i) {
        proto::GuestExec request;
        request.operation_id = "op-" + std::to_string(i);
        request.shell = "true";
        request.user = "sandbox";
        request.output_limit_bytes = 65536;
        const auto began = Clock::now();
        COMMON_TRY(const auto outcome, client.exec(request, deadline));
        if (outcome.exit.exit_code != 0) {
            return common::Error{common::ErrorCode::internal, "true failed"};
        }
        COMMON_CHECK(client.send(0, proto::GuestExecAck{request.operation_id}));
        if (i == 0) {
            std::printf(", \"first_exec_ms\": %.1f, \"exec_us\": [", ms_since(start));
        } else {
            times += (times.empty() ? "" : ", ") +
                     std::to_string(static_cast<int>(ms_since(began) * 1000));
        }
    }
    std::printf("%s]}\n", times.c_str());
    return {};
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 5 || std::string_view{argv[3]} != "--") {
        std::fputs("usage: plain-boot EXECS SOCKET -- QEMU…\n", stderr);
        return 2;
    }
    const auto start = Clock::now();
    pid_t pid = 0;
    if (::posix_spawnp(&pid, argv[4], nullptr, nullptr, argv + 4, environ) != 0) {
        std::perror(argv[4]);
        return 1;
    }
    const auto measured = measure(std::atoi(argv[1]), argv[2], start);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    if (!measured) {
        std::fprintf(stderr, "plain-boot: %s\n", measured.error().message.c_str());
        return 1;
    }
    return 0;
}
