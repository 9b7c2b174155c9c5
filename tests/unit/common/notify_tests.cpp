#include "common/notify/notify.hpp"

#include "common/event_loop.hpp"
#include "common/unique_fd.hpp"

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace common;
using namespace std::chrono_literals;

namespace {

/// What systemd is to a service: a datagram socket that the environment names.
struct ServiceManager {
    ServiceManager()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "notify-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        const auto path = (folder / "socket").string();
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        BOOST_REQUIRE(path.size() < sizeof address.sun_path);
        path.copy(address.sun_path, path.size());
        socket = UniqueFd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bind(2) takes it so.
        BOOST_REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
                      0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~ServiceManager()
    {
        for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
            ::unsetenv(name);
        }
        std::filesystem::remove_all(folder);
    }
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    static void watch(std::chrono::microseconds within)
    {
        ::setenv("WATCHDOG_USEC", std::to_string(within.count()).c_str(), 1);
        ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    }

    /// What it is told next; empty: nothing within `patience`.
    [[nodiscard]] std::string hear(std::chrono::milliseconds patience = 20s) const
    {
        pollfd readable{socket.get(), POLLIN, 0};
        if (::poll(&readable, 1, static_cast<int>(patience.count())) != 1) {
            return {};
        }
        std::array<char, 4096> text{};
        const auto size = ::recv(socket.get(), text.data(), text.size(), 0);
        BOOST_REQUIRE(size > 0);
        return {text.data(), static_cast<std::size_t>(size)};
    }

    std::filesystem::path folder;
    UniqueFd socket;
};

} // namespace

BOOST_AUTO_TEST_SUITE(notify_tests)

BOOST_AUTO_TEST_CASE(readiness_and_the_end_are_told_with_a_status_of_one_line)
{
    const ServiceManager manager;
    notify::ready("leads,\nepoch 3");
    BOOST_TEST(manager.hear() == "READY=1\nSTATUS=leads, epoch 3");
    notify::stopping("ends");
    BOOST_TEST(manager.hear() == "STOPPING=1\nSTATUS=ends");
}

BOOST_AUTO_TEST_CASE(without_a_service_manager_nothing_is_told_and_nothing_looked_at)
{
    notify::ready("nobody hears it");
    std::atomic<int> looks{0};
    {
        const notify::Watchdog watchdog{[&looks] {
            ++looks;
            return std::optional<std::string>{"works"};
        }};
    }
    BOOST_TEST(looks == 0);
}

BOOST_AUTO_TEST_CASE(a_watchdog_is_told_as_often_as_the_unit_asks_for)
{
    const ServiceManager manager;
    ServiceManager::watch(300ms);
    int looks = 0; // The watchdog's thread's own, until it has ended.
    const auto began = std::chrono::steady_clock::now();
    {
        const notify::Watchdog watchdog{
            [&looks] { return std::optional{"look " + std::to_string(++looks)}; }};
        for (int i = 1; i <= 4; ++i) {
            BOOST_TEST(manager.hear() == "WATCHDOG=1\nSTATUS=look " + std::to_string(i));
        }
    }
    BOOST_TEST(looks >= 4);
    BOOST_TEST((std::chrono::steady_clock::now() - began >= 300ms));
}

BOOST_AUTO_TEST_CASE(what_shows_no_sign_of_life_is_not_vouched_for)
{
    const ServiceManager manager;
    ServiceManager::watch(30ms);
    SystemClock clock;
    EventLoop loop{clock, 100};
    loop.start();
    const auto alive = [&loop] {
        return notify::answers([&loop](auto task) { return loop.post(std::move(task)); }, 20ms);
    };
    const notify::Watchdog watchdog{
        [&] { return alive() ? std::optional<std::string>{"works"} : std::nullopt; }};
    BOOST_TEST(manager.hear() == "WATCHDOG=1\nSTATUS=works");
    std::promise<void> hangs;
    std::promise<void> go_on;
    BOOST_REQUIRE(loop.post([&] {
        hangs.set_value();
        go_on.get_future().wait();
    }));
    hangs.get_future().wait();
    // What was seen before it hung.
    while (!manager.hear(100ms).empty()) {
    }
    BOOST_TEST(manager.hear(300ms).empty());
    go_on.set_value();
    BOOST_TEST(manager.hear() == "WATCHDOG=1\nSTATUS=works");
}

BOOST_AUTO_TEST_CASE(a_loop_that_takes_nothing_does_not_answer)
{
    SystemClock clock;
    EventLoop full{clock, 1};
    const auto post = [&full](auto task) { return full.post(std::move(task)); };
    BOOST_TEST(!notify::answers(post, 1ms)); // Never started: taken, not run.
    BOOST_TEST(!notify::answers(post, 1h));  // Full.
}

BOOST_AUTO_TEST_SUITE_END()
