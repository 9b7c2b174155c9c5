#include "guest/calls/call_error.hpp"
#include "guest/calls/services.hpp"
#include "guest/calls/stdio.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <unistd.h>

namespace guest::calls {

namespace {

bool hand_over(std::string_view request)
{
    const auto message = proto::call_length(request.size()).append(request);
    std::size_t done = 0;
    while (done < message.size()) {
        const auto count = ::write(passed_fd, message.data() + done, message.size() - done);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    return true;
}

void say_gone()
{
    proto::TerminalReply reply;
    reply.error = call_error({common::ErrorCode::unavailable,
                              "the process that has the user's terminals is gone; ask again",
                              "terminals_gone"});
    put(proto::call_head(reply));
}

/// Whether what comes begins with a refusal; those are short.
class FirstHead {
public:
    void take(std::string_view bytes)
    {
        if (bytes_.size() < longest) {
            bytes_.append(bytes.substr(0, longest - bytes_.size()));
        }
    }
    [[nodiscard]] bool refuses() const
    {
        if (bytes_.size() < 4) {
            return false;
        }
        const auto reply = proto::decode_call<proto::TerminalReply>(
            std::string_view{bytes_}.substr(4, proto::call_length_of(bytes_)));
        return reply && reply->error;
    }

private:
    static constexpr std::size_t longest = std::size_t{64} << 10U;
    std::string bytes_;
};

} // namespace

int serve_terminals(std::string_view request)
{
    // Who has the answer waits for no more: how it ended is still to be told as it was.
    const auto call = proto::decode_call<proto::TerminalCall>(request);
    on_term(call && call->what != "watch" ? OnTerm::goes_on : OnTerm::dies);
    ::signal(SIGPIPE, SIG_IGN); // Of the keeper; a write says so, too.
    std::array<char, 65536> piece{};
    FirstHead head;
    bool any = false;
    for (bool asked = hand_over(request); asked;) {
        const auto count = ::read(passed_fd, piece.data(), piece.size());
        if (count > 0) {
            const std::string_view bytes{piece.data(), static_cast<std::size_t>(count)};
            any = true;
            head.take(bytes);
            if (!put(bytes)) {
                return 1;
            }
        }
        asked = count > 0 || (count < 0 && errno == EINTR);
    }
    if (!any) {
        say_gone();
    }
    return !any || head.refuses() ? refused : 0;
}

} // namespace guest::calls
