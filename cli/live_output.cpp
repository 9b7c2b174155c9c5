#include "cli/live_output.hpp"

#include "cli/stream_events.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace cli {

bool LiveOutput::take(const client::ServerEvent& event)
{
    if (options_.json && event.name != "keepalive" && !write(options_.out, line_of(event))) {
        return false;
    }
    const auto data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) {
        return true; // Not ours to understand.
    }
    if (event.name == "start") {
        options_.on_start(inner_of(data, "exec"));
    } else if (event.name == "stdout" || event.name == "stderr") {
        return options_.json ||
               take_bytes(event.name == "stdout" ? options_.out : options_.err, data);
    } else if (event.name == "gap") {
        options_.tell(fmt::format("{} bytes of its output are not kept any more",
                                  number_of(data, "to") - number_of(data, "from")));
    } else if (event.name == "exit") {
        ended_ = data;
        return false;
    }
    return true;
}

bool LiveOutput::take_bytes(int fd, const Json& data)
{
    const auto bytes = bytes_in(data);
    if (!bytes) {
        options_.tell("a piece of its output came in no form that is known, and is lost");
    }
    return write(fd, bytes.value_or(""));
}

bool LiveOutput::write(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto count = ::write(fd, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) { // Whoever shares it wants it so.
            pollfd wait{fd, POLLOUT, 0};
            ::poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            failure_ = errno;
            return false;
        }
    }
    return true;
}

} // namespace cli
