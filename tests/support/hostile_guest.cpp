// An enemy in place of the guest agent, for the fleet tests: PID 1 of a tiny image.
// The kernel's command line says how it behaves:
//   hostile=silent  opens the port and never says a word
//   hostile=flood   writes random bytes as fast as the port takes them
//   hostile=liar    answers each reset properly and then breaks the protocol in turn

#include "proto/guest_messages.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

void mount_basics()
{
    ::mount("proc", "/proc", "proc", 0, nullptr);
    ::mount("sysfs", "/sys", "sysfs", 0, nullptr);
    ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
}

int open_port()
{
    while (true) {
        // Without udev the port's name stands in sysfs only.
        for (int device = 0; device < 8; ++device) {
            for (int port = 0; port < 8; ++port) {
                const auto name = "vport" + std::to_string(device) + "p" + std::to_string(port);
                std::ifstream file{"/sys/class/virtio-ports/" + name + "/name"};
                std::string text;
                if (std::getline(file, text) && text == "org.paddock.agent.0") {
                    const int fd = ::open(("/dev/" + name).c_str(), O_RDWR | O_CLOEXEC);
                    if (fd >= 0) {
                        return fd;
                    }
                }
            }
        }
        ::usleep(10'000);
    }
}

std::string mode()
{
    std::ifstream file{"/proc/cmdline"};
    const std::string line{std::istreambuf_iterator<char>{file}, {}};
    const auto at = line.find("hostile=");
    const auto from = at == std::string::npos ? line.size() : at + std::strlen("hostile=");
    return line.substr(from, line.find_first_of(" \n", from) - from);
}

void write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto count = ::write(fd, bytes.data(), bytes.size());
        if (count <= 0) {
            ::usleep(1'000); // Nobody listens just now.
            continue;
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

[[noreturn]] void flood(int fd)
{
    std::array<char, 4096> noise{};
    while (true) {
        ::getrandom(noise.data(), noise.size(), 0);
        write_all(fd, {noise.data(), noise.size()});
    }
}

/// The hello of a guest that was loaded with the memory of another.
proto::GuestHello copy_of(const std::string& identity)
{
    proto::GuestHello hello;
    hello.protocol = proto::guest_protocol;
    hello.boot_id = "boot";
    hello.frozen = true;
    hello.identity = identity;
    return hello;
}

/// One lie for each connection that hostd makes.
std::string lie(unsigned number, const proto::Session& session)
{
    switch (number % 6) {
    case 0: // A frame that says it is larger than any may be.
        return "\xF5\xFF\xFF\xFF" + std::string(64, 'x');
    case 1: // Output of a stream that was never opened, then a flood of unknown kinds.
    {
        std::string frames;
        for (std::uint32_t i = 0; i < 4096; ++i) {
            frames += proto::guest_frame(session, 77 + i, proto::GuestOutput{"stdout", i, "lies"});
        }
        return frames;
    }
    case 2: // A whole frame that is no msgpack.
        return proto::encode_frame(std::string(1024, '\xC1'));
    case 3: // The hello of a copy that then became somebody else.
        return proto::guest_frame(session, 0, copy_of("sbx-aaaaaaaaaaaaaaaa")) +
               proto::guest_frame(session, 0, proto::GuestBecame{"sbx-bbbbbbbbbbbbbbbb"});
    case 4: // One that keeps saying that it stands still, which nobody asked for.
    {
        auto frames = proto::guest_frame(session, 0, copy_of(""));
        for (std::uint64_t i = 0; i < 8192; ++i) {
            frames += proto::guest_frame(session, 0, proto::GuestFrozen{i, true, 0, "still"});
        }
        return frames;
    }
    default: // A hello with a name that is none, and an exit of nothing.
        return proto::guest_frame(session,
                                  0,
                                  proto::GuestHello{65535,
                                                    "\x1b[31m",
                                                    std::string(200, '\n'),
                                                    "../../etc",
                                                    0,
                                                    true,
                                                    true,
                                                    "\0"}) +
               proto::guest_frame(session, 1, proto::GuestExit{-1, 99, true, 1, 2, 3});
    }
}

[[noreturn]] void deceive(int fd)
{
    proto::FrameReader reader{proto::FrameReader::OnDamage::skip};
    std::array<char, 65536> piece{};
    unsigned number = 0;
    while (true) {
        const auto count = ::read(fd, piece.data(), piece.size());
        if (count <= 0) {
            ::usleep(1'000);
            continue;
        }
        reader.feed({piece.data(), static_cast<std::size_t>(count)});
        while (const auto payload = *reader.next()) {
            const auto frame = proto::decode_guest_frame(*payload);
            if (frame && frame->kind == proto::GuestReset::kind) {
                const auto echo = proto::echo_of(frame->session);
                write_all(fd, {reinterpret_cast<const char*>(echo.data()), echo.size()});
                write_all(fd, lie(number++, frame->session));
            }
        }
    }
}

} // namespace

int main()
{
    if (::getpid() != 1) {
        std::puts("hostile guest: an enemy only as the first process of a guest");
        return 0;
    }
    mount_basics();
    const auto behaviour = mode();
    const int fd = open_port();
    std::printf("hostile guest: %s\n", behaviour.c_str());
    std::fflush(stdout);
    if (behaviour == "flood") {
        flood(fd);
    }
    if (behaviour == "liar") {
        deceive(fd);
    }
    while (true) {
        ::pause();
    }
}
