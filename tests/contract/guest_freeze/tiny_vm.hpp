#pragma once

#include "tests/support/agent_client.hpp"
#include "tests/support/temp_folder.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace tests {

/// The tiny image in a QEMU of its own, with user-mode network. The test is skipped where there
/// is no QEMU or no image. One thread.
class TinyVm {
public:
    /// Boots from a fresh overlay.
    TinyVm();
    /// Loads what `original` saved, with a copy of its disk, as a checkpoint is loaded.
    explicit TinyVm(const TinyVm& original);
    ~TinyVm();
    TinyVm& operator=(const TinyVm&) = delete;

    /// Its memory to a file; it does not run any more.
    void save();

    static test::AgentClient::Deadline soon();
    /// A new session, as after a lost channel.
    proto::GuestHello greet();
    /// Frames of other kinds are dropped.
    template <typename Message>
    Message next()
    {
        while (true) {
            const auto frame = next_frame();
            if (frame.kind == Message::kind) {
                return *proto::decode_guest_body<Message>(frame.body);
            }
        }
    }
    template <typename Message>
    void send(std::uint32_t stream, const Message& message)
    {
        must(client->send(stream, message));
    }
    proto::GuestFrozen freeze();
    void become(const proto::GuestBecome& self);
    /// The output of a shell line that root runs, without the newline at its end.
    std::string run(const std::string& line);
    /// Starts one whose output comes in frames of `stream`.
    void start(std::uint32_t stream, const std::string& line);

    std::optional<test::AgentClient> client;

private:
    template <typename T>
    static T must(common::Result<T> result)
    {
        if (!result) {
            throw std::runtime_error{result.error().message};
        }
        if constexpr (!std::is_void_v<T>) {
            return *std::move(result);
        }
    }
    void end(int signal);
    void launch(const std::string& incoming);
    proto::GuestFrame next_frame();

    TempFolder folder_;
    pid_t pid_ = 0;
    unsigned execs_ = 0;
};

} // namespace tests
