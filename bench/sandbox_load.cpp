// A load of creates or deletes over HTTP/1.1, on connections that are kept: one thread, no others
// to be scheduled beside what it measures. One request at a time on each connection; the next is
// sent when the last is answered. Prints one JSON object.
//
//   sandbox-load PORT CONNECTIONS create COUNT BODY_FILE IDS_FILE   the ids that are answered go
//   there sandbox-load PORT CONNECTIONS delete IDS_FILE                   the token is in
//   PADDOCK_TOKEN
#include "common/unique_fd.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iterator>
#include <map>
#include <netinet/tcp.h>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
    common::UniqueFd fd;
    std::string unsent;
    std::string reply;
    Clock::time_point begun;
};

struct Reply {
    int status = 0;
    std::string body;
};

struct Load {
    std::string head; ///< What all requests have in common, after their first line.
    std::string body; ///< Of a create.
    std::vector<std::string> to_delete;
    std::size_t wanted = 0;
    std::size_t begun = 0;
    std::vector<double> ms; ///< Of those that were done.
    std::vector<Clock::time_point> ended;
    std::vector<std::string> ids;
    std::map<int, std::size_t> refused; ///< By status.
    std::string first_refusal;

    [[nodiscard]] std::string request(std::size_t number) const
    {
        return to_delete.empty()
                   ? fmt::format(
                         "POST /v1/sandboxes HTTP/1.1\r\n{}Content-Type: application/json\r\n"
                         "Content-Length: {}\r\n\r\n{}",
                         head,
                         body.size(),
                         body)
                   : fmt::format(
                         "DELETE /v1/sandboxes/{} HTTP/1.1\r\n{}\r\n", to_delete[number], head);
    }
};

common::UniqueFd connect_to(std::uint16_t port)
{
    common::UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof generic);
    if (::connect(fd.get(), &generic, sizeof generic) != 0) {
        throw std::runtime_error{fmt::format("connect to port {}: {}", port, std::strerror(errno))};
    }
    return fd;
}

void send_what_fits(Connection& connection)
{
    while (!connection.unsent.empty()) {
        const auto sent = ::send(connection.fd.get(),
                                 connection.unsent.data(),
                                 connection.unsent.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EAGAIN) {
                return; // Its socket's buffer takes a request as small as these.
            }
            throw std::runtime_error{std::string{"send: "} + std::strerror(errno)};
        }
        connection.unsent.erase(0, static_cast<std::size_t>(sent));
    }
}

/// True if there was one left to ask for.
bool ask(Connection& connection, Load& load)
{
    if (load.begun == load.wanted) {
        return false;
    }
    connection.reply.clear();
    connection.unsent = load.request(load.begun++);
    connection.begun = Clock::now();
    send_what_fits(connection);
    return true;
}

/// Nothing while there is more to come.
std::optional<Reply> whole(const std::string& text)
{
    const auto head = text.find("\r\n\r\n");
    if (head == std::string::npos) {
        return std::nullopt;
    }
    std::string lower = text.substr(0, head);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto field = lower.find("\r\ncontent-length:");
    if (!lower.starts_with("http/1.1 ") || field == std::string::npos) {
        throw std::runtime_error{"an answer without a length: " + text.substr(0, head)};
    }
    constexpr std::string_view name = "\r\ncontent-length:";
    const auto size = std::strtoull(lower.c_str() + field + name.size(), nullptr, 10);
    if (text.size() < head + 4 + size) {
        return std::nullopt;
    }
    return Reply{std::atoi(lower.c_str() + std::strlen("http/1.1 ")), text.substr(head + 4, size)};
}

void note(const Reply& reply, const Connection& connection, Load& load)
{
    constexpr int created = 201;
    constexpr int done = 200;
    constexpr std::string_view before_id = R"("id":")";
    constexpr std::size_t id_size = 20;
    const bool creates = load.to_delete.empty();
    const auto at = reply.body.find(R"("id":"sbx-)");
    if (reply.status != (creates ? created : done) || (creates && at == std::string::npos)) {
        ++load.refused[reply.status];
        if (load.first_refusal.empty()) {
            load.first_refusal = reply.body.substr(0, 300);
        }
        return;
    }
    const auto now = Clock::now();
    load.ms.push_back(std::chrono::duration<double, std::milli>(now - connection.begun).count());
    load.ended.push_back(now);
    if (creates) {
        load.ids.push_back(reply.body.substr(at + before_id.size(), id_size));
    }
}

/// Until all are answered.
void run(std::vector<Connection>& connections, Load& load)
{
    const common::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    std::size_t busy = 0;
    for (std::size_t i = 0; i < connections.size(); ++i) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, connections[i].fd.get(), &event);
        busy += ask(connections[i], load) ? 1 : 0;
    }
    std::array<epoll_event, 256> events{};
    std::array<char, 16384> piece{};
    while (busy > 0) {
        constexpr int longest_ms = 120'000;
        const auto count = ::epoll_wait(epoll.get(), events.data(), events.size(), longest_ms);
        if (count == 0) {
            throw std::runtime_error{"nothing was answered for two minutes"};
        }
        for (int i = 0; i < count; ++i) {
            auto& connection = connections[events.at(static_cast<std::size_t>(i)).data.u64];
            const auto got = ::recv(connection.fd.get(), piece.data(), piece.size(), MSG_DONTWAIT);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) {
                    continue;
                }
                throw std::runtime_error{"a connection was closed"};
            }
            connection.reply.append(piece.data(), static_cast<std::size_t>(got));
            if (const auto reply = whole(connection.reply)) {
                note(*reply, connection, load);
                busy -= ask(connection, load) ? 0 : 1;
            }
        }
    }
}

double quantile(const std::vector<double>& sorted, double q)
{
    const auto at = static_cast<std::size_t>(q * static_cast<double>(sorted.size()));
    return sorted.empty() ? 0 : sorted[std::min(at, sorted.size() - 1)];
}

/// Of each tenth of them, in turn: whether it becomes slower as they become more.
std::vector<double> rates(const Load& load, Clock::time_point began)
{
    std::vector<double> rates;
    const auto tenth = load.ended.size() / 10;
    for (std::size_t i = 1; tenth > 0 && i <= 10; ++i) {
        const auto end = load.ended[i * tenth - 1];
        rates.push_back(static_cast<double>(tenth) /
                        std::chrono::duration<double>(end - std::exchange(began, end)).count());
    }
    return rates;
}

void report(Load& load, Clock::time_point began)
{
    const std::chrono::duration<double> took = Clock::now() - began;
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const auto tenths = rates(load, began);
    std::ranges::sort(load.ms);
    std::string refused;
    for (const auto& [status, count] : load.refused) {
        refused += fmt::format(R"({}"{}":{})", refused.empty() ? "" : ",", status, count);
    }
    fmt::print(R"({{"done":{},"seconds":{:.3f},"per_s":{:.1f},"p50_ms":{:.2f},"p95_ms":{:.2f},)"
               R"("p99_ms":{:.2f},"worst_ms":{:.2f},"cpu_s":{:.2f},"refused":{{{}}},)"
               "\"tenths_per_s\":[{:.0f}]}}\n",
               load.ms.size(),
               took.count(),
               static_cast<double>(load.ms.size()) / took.count(),
               quantile(load.ms, 0.5),
               quantile(load.ms, 0.95),
               quantile(load.ms, 0.99),
               load.ms.empty() ? 0.0 : load.ms.back(),
               seconds(used.ru_utime) + seconds(used.ru_stime),
               refused,
               fmt::join(tenths, ","));
    if (!load.first_refusal.empty()) {
        fmt::print(stderr, "the first that was refused: {}\n", load.first_refusal);
    }
}

} // namespace

int main(int argc, char** argv)
try {
    const std::vector<std::string> words{argv + 1, argv + argc};
    const char* token = std::getenv("PADDOCK_TOKEN"); // NOLINT(concurrency-mt-unsafe): one thread.
    const bool creates = words.size() == 6 && words[2] == "create";
    if ((!creates && (words.size() != 4 || words[2] != "delete")) || token == nullptr) {
        fmt::print(stderr, "usage: at the top of bench/sandbox_load.cpp\n");
        return 2;
    }
    Load load;
    load.head = fmt::format("Host: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n", words[0], token);
    if (creates) {
        std::ostringstream body;
        body << std::ifstream{words[4]}.rdbuf();
        load.body = body.str();
        load.wanted = std::strtoull(words[3].c_str(), nullptr, 10);
    } else {
        std::ifstream ids{words[3]};
        load.to_delete = {std::istream_iterator<std::string>{ids}, {}};
        load.wanted = load.to_delete.size();
    }
    std::vector<Connection> connections(std::strtoull(words[1].c_str(), nullptr, 10));
    for (auto& connection : connections) {
        connection.fd = connect_to(static_cast<std::uint16_t>(std::atoi(words[0].c_str())));
    }
    const auto began = Clock::now();
    run(connections, load);
    report(load, began);
    if (creates) {
        std::ofstream ids{words[5]};
        for (const auto& id : load.ids) {
            ids << id << '\n';
        }
        return ids.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
} catch (const std::exception& error) {
    fmt::print(stderr, "create-load: {}\n", error.what());
    return EXIT_FAILURE;
}
