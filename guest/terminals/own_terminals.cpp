#include "guest/terminals/own_terminals.hpp"

#include "guest/terminals/pty_terminals.hpp"
#include "guest/terminals/tmux_terminals.hpp"

#include <array>
#include <sys/stat.h>
#include <unistd.h>

namespace guest::terminals {

std::string find_tmux()
{
    constexpr std::array<const char*, 3> places{
        "/usr/local/bin/tmux", "/usr/bin/tmux", "/bin/tmux"};
    for (const char* place : places) {
        struct stat status {};
        if (::stat(place, &status) == 0 && S_ISREG(status.st_mode) && ::access(place, X_OK) == 0) {
            return place;
        }
    }
    return "";
}

Terminals& OwnTerminals::get()
{
    auto path = find_tmux();
    if (terminals_ && (by_tmux_ != path.empty() || !terminals_->idle())) {
        return *terminals_;
    }
    by_tmux_ = !path.empty();
    if (by_tmux_) {
        terminals_ = std::make_unique<TmuxTerminals>(
            clock_, TmuxProgram{std::move(path), user_, ""}, limits_);
    } else {
        terminals_ = std::make_unique<PtyTerminals>(clock_, user_, "", limits_);
    }
    return *terminals_;
}

} // namespace guest::terminals
