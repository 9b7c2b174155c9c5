#include "client/api_client.hpp"

#include <algorithm>
#include <cstdlib>
#include <httplib.h>

namespace client {

struct ApiClient::Connection {
    explicit Connection(const std::string& url) : http{url} {}

    httplib::Client http;
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

} // namespace

ApiClient::ApiClient(const std::string& url, std::string token)
    : connection_{std::make_unique<Connection>(url)}
{
    connection_->token = std::move(token);
    connection_->http.set_keep_alive(true);
    connection_->http.set_tcp_nodelay(true);
    connection_->http.set_url_encode(false); // Paths are sent as they are given.
    connection_->http.set_connection_timeout(std::chrono::seconds{5});
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
    connection_->http.set_read_timeout(timeout);
    connection_->http.set_write_timeout(timeout);
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
    httplib::Request request;
    request.method = method;
    request.path = path;
    if (!connection_->token.empty()) {
        request.headers.emplace("Authorization", "Bearer " + connection_->token);
    }
    if (body) {
        request.body = *body;
        request.headers.emplace("Content-Type", "application/json");
    }
    for (const auto& [name, value] : headers) {
        request.headers.erase(name);
        request.headers.emplace(name, value);
    }
    Reply reply;
    const auto result = connection_->http.send(request);
    if (!result) {
        reply.failure = httplib::to_string(result.error());
        reply.sent = !never_sent(result.error());
        return reply;
    }
    reply.status = result->status;
    reply.body = result->body;
    for (const auto& [name, value] : result->headers) {
        auto lower = name;
        std::ranges::transform(
            lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
        reply.headers[lower] = value;
    }
    return reply;
}

} // namespace client
