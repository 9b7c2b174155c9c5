#include "guest/calls/terminal_keepers.hpp"

#include "guest/calls/terminal_keeper.hpp"
#include "guest/spawn.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace guest::calls {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

struct Pair {
    UniqueFd near;
    UniqueFd far;
};

Result<Pair> make_pair(int type)
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Error{ErrorCode::internal, std::string{"socketpair: "} + std::strerror(errno)};
    }
    return Pair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

Result<UniqueFd> start_keeper(const User& user, const std::string& group)
{
    COMMON_TRY(auto pair, make_pair(SOCK_SEQPACKET));
    Program program;
    program.user = user;
    program.group = group;
    program.service = [user] { return keep_terminals(passed_fd, user); };
    program.passed = pair.far.get();
    program.may_gain = true;
    // Its stdio says nothing, and it does not end with a call.
    COMMON_CHECK(spawn_service(program, Stdin::none));
    return std::move(pair.near);
}

/// 0, or errno.
int hand(const UniqueFd& control, const UniqueFd& connection)
{
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = connection.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    const auto sent = ::sendmsg(control.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? errno : 0;
}

} // namespace

Result<UniqueFd> TerminalKeepers::connect(const User& user, const std::string& group)
{
    COMMON_TRY(auto pair, make_pair(SOCK_STREAM));
    const auto known = controls_.find(user.uid);
    int error = known == controls_.end() ? EPIPE : hand(known->second, pair.far);
    if (error == EPIPE || error == ECONNRESET) {
        controls_.erase(user.uid); // Whoever was it has ended.
        std::erase_if(controls_, [](const auto& each) {
            char byte = 0;
            return ::recv(each.second.get(), &byte, 1, MSG_DONTWAIT) == 0;
        });
        if (controls_.size() >= users_at_most) {
            return Error{ErrorCode::resource_exhausted,
                         "terminals of too many users in this guest",
                         "too_many_users"};
        }
        COMMON_TRY(auto control, start_keeper(user, group));
        error = hand(controls_[user.uid] = std::move(control), pair.far);
    }
    if (error == EAGAIN) {
        return Error{ErrorCode::rate_limited, "the user's terminals do not answer", "busy"};
    }
    if (error != 0) {
        return Error{ErrorCode::internal,
                     std::string{"ask for terminals: "} + std::strerror(error)};
    }
    return std::move(pair.near);
}

} // namespace guest::calls
