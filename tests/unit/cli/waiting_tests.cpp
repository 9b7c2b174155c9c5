#include "cli/waiting.hpp"

#include "common/unique_fd.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cli {

namespace {

// ThreadSanitizer, which has one of its own, ends a child of a fork that begins a thread if there
// was another at the fork.
#if defined(PADDOCK_UNDER_TSAN)
constexpr std::ptrdiff_t threads_of_one = 2;
#else
constexpr std::ptrdiff_t threads_of_one = 1;
#endif

/// Those that tests before have left behind end by themselves.
void await_the_end_of_other_threads()
{
    using std::filesystem::directory_iterator;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (std::distance(directory_iterator{"/proc/self/task"}, directory_iterator{}) >
               threads_of_one &&
           std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(waiting_tests)

BOOST_AUTO_TEST_CASE(what_the_call_says_is_the_result)
{
    const auto done = wait_for({}, {.what = "trying"}, [] { return std::string{"done"}; });
    BOOST_REQUIRE(done.has_value());
    BOOST_TEST(**done == "done");
    const auto failed = wait_for({}, {.what = "trying"}, []() -> common::Result<std::string> {
        return common::Error{common::ErrorCode::not_found, "none"};
    });
    BOOST_REQUIRE(failed.has_value());
    BOOST_TEST(failed->error().message == "none");
}

BOOST_AUTO_TEST_CASE(what_is_enough_ends_the_waiting_and_not_the_call)
{
    struct Held {
        std::promise<void> go;
        std::promise<void> gone;
    };
    auto held = std::make_shared<Held>();
    const Waiting waiting{.what = "trying", .enough = [] { return true; }};
    const auto left = wait_for({}, waiting, [held] {
        held->go.get_future().wait();
        held->gone.set_value();
        return std::string{"too late"};
    });
    BOOST_TEST(!left.has_value());
    held->go.set_value();
    held->gone.get_future().wait();
}

BOOST_AUTO_TEST_CASE(ctrl_c_waits_for_nothing_that_is_asked_meanwhile)
{
    std::array<int, 2> asked{};
    BOOST_REQUIRE(::pipe2(asked.data(), O_CLOEXEC) == 0);
    const common::UniqueFd reads{asked[0]};
    common::UniqueFd writes{asked[1]};
    await_the_end_of_other_threads();
    const auto child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGINT, SIG_DFL);
        const auto for_ever = [] {
            while (true) {
                ::pause();
            }
        };
        const Waiting waiting{.what = "trying", .phase = [&] {
                                  static_cast<void>(::write(writes.get(), "x", 1));
                                  for_ever();
                                  return std::string{};
                              }};
        Console console;
        console.err_is_tty = true;
        static_cast<void>(wait_for(console, waiting, [&] {
            for_ever();
            return std::string{};
        }));
        std::_Exit(3);
    }
    writes.reset();
    pollfd wait{reads.get(), POLLIN, 0};
    constexpr int most_ms = 20'000;
    char byte = 0;
    BOOST_TEST((::poll(&wait, 1, most_ms) == 1 && ::read(reads.get(), &byte, 1) == 1));
    ::kill(child, SIGINT);
    BOOST_TEST(::poll(&wait, 1, most_ms) == 1); // Its end of the pipe is gone, or it hangs.
    ::kill(child, SIGKILL);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGINT));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
