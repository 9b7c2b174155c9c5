// One command in a guest that nobody else talks to: for the baselines that plain libvirt starts.
//   agent-run SOCKET COMMAND
// Prints one JSON object: ms (from the program's start to the command's end) and stdout.

#include "tests/support/agent_client.hpp"

#include <cstdio>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

/// The command's output. It must be plain: what JSON would escape is an error.
common::Result<std::string>
run_in_guest(const char* socket, const char* command, Clock::time_point deadline)
{
    COMMON_TRY(auto client, test::AgentClient::connect(socket, deadline));
    COMMON_CHECK(client.greet(deadline));
    proto::GuestExec request;
    request.operation_id = "op-1";
    request.shell = command;
    request.user = "sandbox";
    request.output_limit_bytes = 65536;
    COMMON_TRY(const auto outcome, client.exec(request, deadline));
    COMMON_CHECK(client.send(0, proto::GuestExecAck{request.operation_id}));
    if (outcome.exit.exit_code != 0) {
        return common::Error{common::ErrorCode::internal,
                             std::string{command} + " failed: " + outcome.err};
    }
    return outcome.out;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 3) {
        std::fputs("usage: agent-run SOCKET COMMAND\n", stderr);
        return 2;
    }
    const auto start = Clock::now();
    const auto out = run_in_guest(argv[1], argv[2], start + std::chrono::seconds{120});
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    if (!out) {
        std::fprintf(stderr, "agent-run: %s\n", out.error().message.c_str());
        return 1;
    }
    if (out->find_first_of("\"\\\r\t") != std::string::npos) {
        std::fputs("agent-run: an output that is not plain\n", stderr);
        return 1;
    }
    auto line = *out;
    for (auto at = line.find('\n'); at != std::string::npos; at = line.find('\n', at + 2)) {
        line.replace(at, 1, "\\n");
    }
    std::printf("{\"ms\": %.1f, \"stdout\": \"%s\"}\n", took.count(), line.c_str());
    return 0;
}
