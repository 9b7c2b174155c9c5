#include "client/api_client.hpp"

#include <algorithm>
#include <cstdlib>
#include <httplib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <vector>

namespace client {

struct ApiClient::Connection {
    Connection(const std::string& urls, std::size_t first)
    {
        for (std::size_t from = 0; from <= urls.size();) {
            const auto end = std::min(urls.find(',', from), urls.size());
            all.push_back(std::make_unique<httplib::Client>(urls.substr(from, end - from)));
            from = end + 1;
        }
        at = first % all.size();
    }

    [[nodiscard]] httplib::Client& http() const { return *all[at]; }
    void go_on() { at = (at + 1) % all.size(); }

    /// With each server, until one is there: while none is, nothing has been sent.
    template <typename Send>
    httplib::Result send_to_one(Reply& reply, Send send);

    [[nodiscard]] httplib::Request request(const std::string& method,
                                           const std::string& path,
                                           const std::optional<std::string>& body,
                                           const Headers& headers) const
    {
        httplib::Request made;
        made.method = method;
        made.path = path;
        if (!token.empty()) {
            made.headers.emplace("Authorization", "Bearer " + token);
        }
        if (body) {
            made.body = *body;
            made.headers.emplace("Content-Type", "application/json");
        }
        for (const auto& [name, value] : headers) {
            made.headers.erase(name);
            made.headers.emplace(name, value);
        }
        return made;
    }

    std::vector<std::unique_ptr<httplib::Client>> all;
    std::size_t at = 0; ///< Which of them is asked.
    std::string token;
};

namespace {

bool never_sent(httplib::Error error)
{
    switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
    case httplib::Error::BindIPAddress:
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification: return true;
    default:
        return false; // A list that grows with the library: what is not known may have been sent.
    }
}

void take_head(ApiClient::Reply& reply, const httplib::Response& response)
{
    reply.status = response.status;
    for (const auto& [name, value] : response.headers) {
        auto lower = name;
        std::ranges::transform(
            lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
        reply.headers[lower] = value;
    }
}

void take_failure(ApiClient::Reply& reply, httplib::Error error)
{
    reply.failure = httplib::to_string(error);
    reply.sent = !never_sent(error);
}

void set_option(int socket, int level, int name, int value)
{
    // Without it the peer is waited for longer: no harm.
    static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

} // namespace

template <typename Send>
httplib::Result ApiClient::Connection::send_to_one(Reply& reply, Send send)
{
    for (std::size_t tried = 1;; ++tried) {
        auto result = send(http());
        if (result) {
            return result;
        }
        take_failure(reply, result.error());
        go_on();
        if (reply.sent || tried == all.size()) {
            return result;
        }
    }
}

ApiClient::ApiClient(const std::string& urls, std::string token, std::size_t first)
    : connection_{std::make_unique<Connection>(urls, first)}
{
    connection_->token = std::move(token);
    for (const auto& http : connection_->all) {
        http->set_keep_alive(true);
        http->set_tcp_nodelay(true);
        http->set_url_encode(false); // Paths are sent as they are given.
        http->set_connection_timeout(std::chrono::seconds{5});
    }
    set_timeout(std::chrono::seconds{60});
}

ApiClient ApiClient::from_env()
{
    // Read once, before a test or benchmark starts threads.
    const char* url = std::getenv("PADDOCK_URL");     // NOLINT(concurrency-mt-unsafe)
    const char* token = std::getenv("PADDOCK_TOKEN"); // NOLINT(concurrency-mt-unsafe)
    return ApiClient{url != nullptr ? url : "http://127.0.0.1:8080", token != nullptr ? token : ""};
}

ApiClient::~ApiClient() = default;
ApiClient::ApiClient(ApiClient&&) noexcept = default;
ApiClient& ApiClient::operator=(ApiClient&&) noexcept = default;

void ApiClient::set_timeout(std::chrono::milliseconds timeout)
{
    for (const auto& http : connection_->all) {
        http->set_read_timeout(timeout);
        http->set_write_timeout(timeout);
    }
}

void ApiClient::notice_dead_peers()
{
    for (const auto& http : connection_->all) {
        http->set_socket_options([](socket_t socket) {
            set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
            set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, 15); // Seconds.
            set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 5); // Seconds.
            set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
        });
    }
}

ApiClient::Reply ApiClient::get(const std::string& path, const Headers& headers)
{
    return send("GET", path, std::nullopt, headers);
}

ApiClient::Reply ApiClient::del(const std::string& path, const Headers& headers)
{
    return send("DELETE", path, std::nullopt, headers);
}

ApiClient::Reply
ApiClient::post(const std::string& path, const nlohmann::json& body, const Headers& headers)
{
    return send("POST", path, body.dump(), headers);
}

ApiClient::Reply ApiClient::send(const std::string& method,
                                 const std::string& path,
                                 const std::optional<std::string>& body,
                                 const Headers& headers)
{
    Reply reply;
    const auto request = connection_->request(method, path, body, headers);
    const auto result =
        connection_->send_to_one(reply, [&](httplib::Client& http) { return http.send(request); });
    if (!result) {
        return reply;
    }
    take_head(reply, *result);
    reply.body = result->body;
    if (reply.has_no_leader()) {
        connection_->go_on();
    }
    return reply;
}

bool ApiClient::Reply::has_no_leader() const
{
    const auto said = status == 503 ? json() : nlohmann::json{};
    return said.is_object() && said.value("reason", nlohmann::json{}) == "no_leader";
}

ApiClient::Reply ApiClient::stream(const std::string& method,
                                   const std::string& path,
                                   const std::optional<std::string>& body,
                                   const Headers& headers,
                                   const Take& take)
{
    Reply reply;
    auto request = connection_->request(method, path, body, headers);
    request.response_handler = [&](const httplib::Response& response) {
        take_head(reply, response);
        return true;
    };
    request.content_receiver = [&](const char* data, std::size_t size, auto, auto) {
        return take(reply, {data, size});
    };
    static_cast<void>(
        connection_->send_to_one(reply, [&](httplib::Client& http) { return http.send(request); }));
    return reply;
}

ApiClient::Reply ApiClient::put(const std::string& path,
                                std::optional<std::uint64_t> length,
                                const Headers& headers,
                                const Give& give)
{
    static constexpr std::size_t most = std::size_t{256} << 10U;
    Reply reply;
    const auto made = connection_->request("PUT", path, std::nullopt, headers);
    const auto pass = [&give](std::size_t size, httplib::DataSink& sink) {
        const auto bytes = give(size);
        if (bytes && bytes->empty()) {
            sink.done();
        }
        return bytes && (bytes->empty() || sink.write(bytes->data(), bytes->size()));
    };
    const httplib::ContentProvider sized =
        [&pass](std::size_t, std::size_t left, httplib::DataSink& sink) {
            return pass(std::min(left, most), sink);
        };
    const httplib::ContentProviderWithoutLength unsized =
        [&pass](std::size_t, httplib::DataSink& sink) { return pass(most, sink); };
    const std::string type = "application/octet-stream";
    const auto result = connection_->send_to_one(reply, [&](httplib::Client& http) {
        return length ? http.Put(path, made.headers, *length, sized, type)
                      : http.Put(path, made.headers, unsized, type);
    });
    if (!result) {
        return reply;
    }
    take_head(reply, *result);
    reply.body = result->body;
    return reply;
}

} // namespace client
