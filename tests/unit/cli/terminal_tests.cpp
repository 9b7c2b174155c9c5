#include "cli/terminal.hpp"

#include "common/unique_fd.hpp"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <pty.h>

namespace cli {

namespace {

struct Pair {
    Pair()
    {
        int ours = -1;
        int theirs = -1;
        BOOST_REQUIRE(::openpty(&ours, &theirs, nullptr, nullptr, nullptr) == 0);
        master.reset(ours);
        slave.reset(theirs);
    }
    [[nodiscard]] termios now() const
    {
        termios state{};
        BOOST_REQUIRE(::tcgetattr(slave.get(), &state) == 0);
        return state;
    }

    common::UniqueFd master;
    common::UniqueFd slave;
};

} // namespace

BOOST_AUTO_TEST_SUITE(terminal_tests)

BOOST_AUTO_TEST_CASE(it_is_as_it_was_found_however_it_ends)
{
    const Pair pair;
    const auto found = pair.now();
    {
        Terminal terminal{pair.slave.get()};
        terminal.make_raw();
        terminal.make_raw(); // Not what it should be brought back to.
        BOOST_TEST(terminal.is_raw());
        BOOST_TEST((pair.now().c_lflag & (ICANON | ECHO | ISIG)) == 0U);
        terminal.restore();
        BOOST_TEST(!terminal.is_raw());
        BOOST_TEST(pair.now().c_lflag == found.c_lflag);
        terminal.make_raw();
    }
    BOOST_TEST(pair.now().c_lflag == found.c_lflag);
    BOOST_TEST(pair.now().c_oflag == found.c_oflag);
    BOOST_TEST(pair.now().c_iflag == found.c_iflag);
}

BOOST_AUTO_TEST_CASE(what_is_no_terminal_is_left_alone)
{
    const common::UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    Terminal terminal{null.get()};
    terminal.make_raw();
    BOOST_TEST(!terminal.is_raw());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
