#include "guest/wiring.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace guest {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Result<Pipe> make_pipe()
{
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        return Error{ErrorCode::internal, std::string{"pipe: "} + std::strerror(errno)};
    }
    return Pipe{UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

void make_nonblocking(const UniqueFd& fd)
{
    if (fd) {
        ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    }
}

} // namespace

Result<Wiring> wire_pipes(Stdin with_stdin)
{
    COMMON_TRY(auto out, make_pipe());
    COMMON_TRY(auto err, make_pipe());
    Pipe in;
    if (with_stdin == Stdin::pipe) {
        COMMON_TRY(in, make_pipe());
    } else {
        in.read = UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    }
    return Wiring{{std::move(in.read), std::move(out.write), std::move(err.write)},
                  std::move(in.write),
                  std::move(out.read),
                  std::move(err.read)};
}

Result<Wiring> wire_terminal(const User& user, TerminalSize size)
{
    const auto failed = [] {
        return Error{ErrorCode::internal, std::string{"open a terminal: "} + std::strerror(errno)};
    };
    UniqueFd near{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    if (!near || ::unlockpt(near.get()) != 0) {
        return failed();
    }
    UniqueFd far{::ioctl(near.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)};
    if (!far || ::fchown(far.get(), user.uid, static_cast<gid_t>(-1)) != 0) {
        return failed();
    }
    resize(near, size);
    UniqueFd in{::fcntl(near.get(), F_DUPFD_CLOEXEC, 0)};
    return Wiring{{std::move(far), {}, {}}, std::move(in), std::move(near), {}};
}

Child near_end(pid_t pid, Wiring wiring)
{
    Child started{pid, std::move(wiring.in), std::move(wiring.out), std::move(wiring.err)};
    make_nonblocking(started.in);
    make_nonblocking(started.out);
    make_nonblocking(started.err);
    return started;
}

} // namespace guest
