#include "cli/terminal.hpp"

#include <algorithm>
#include <sys/ioctl.h>
#include <unistd.h>

namespace cli {

std::optional<TerminalSize> terminal_size()
{
    constexpr int most = 1000;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        struct winsize size {};
        if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
            return TerminalSize{std::min<int>(size.ws_row, most), std::min<int>(size.ws_col, most)};
        }
    }
    return std::nullopt;
}

void Terminal::make_raw()
{
    if (raw_ || ::tcgetattr(fd_, &found_) != 0) {
        return;
    }
    termios raw = found_;
    ::cfmakeraw(&raw);
    // At once, also if its output is held up. What was typed before is kept.
    raw_ = ::tcsetattr(fd_, TCSANOW, &raw) == 0;
}

void Terminal::restore() noexcept
{
    if (raw_.exchange(false)) {
        ::tcsetattr(fd_, TCSANOW, &found_);
    }
}

} // namespace cli
