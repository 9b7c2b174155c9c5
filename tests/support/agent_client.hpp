#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "proto/guest_messages.hpp"

#include <chrono>
#include <filesystem>
#include <map>
#include <string>

namespace test {

/// The host's side of the guest channel, blocking and simple: for tests of the agent
/// and for the benchmarks' baseline. One thread.
class AgentClient {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    explicit AgentClient(common::UniqueFd socket) : socket_{std::move(socket)} {}

    /// Connects to QEMU's listening socket, again until the deadline.
    static common::Result<AgentClient> connect(const std::filesystem::path& path,
                                               Deadline deadline);

    /// Padding, reset, echo, hello. `before` is sent first, as a lost connection would leave it.
    common::Result<proto::GuestHello> greet(Deadline deadline, std::string_view before = {});

    template <typename Message>
    common::Result<> send(std::uint32_t stream, const Message& message)
    {
        return write(proto::guest_frame(session_, stream, message));
    }
    common::Result<> write(std::string_view bytes);

    /// The next frame of this session.
    common::Result<proto::GuestFrame> next(Deadline deadline);

    struct Outcome {
        std::string out;
        std::string err;
        proto::GuestExit exit;
    };
    /// Runs to the end, granting credit as output comes and sending stdin as it is granted.
    common::Result<Outcome>
    exec(proto::GuestExec request, Deadline deadline, std::string_view stdin_bytes = {});

private:
    common::Result<std::string> read_some(Deadline deadline);

    common::UniqueFd socket_;
    proto::Session session_{};
    proto::FrameReader reader_{proto::FrameReader::OnDamage::stop};
    std::uint32_t last_stream_ = 0;
};

} // namespace test
