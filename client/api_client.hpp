#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace client {

/// The API on one keep-alive connection, JSON in and out; nothing is sent twice. For one
/// thread at a time.
class ApiClient {
public:
    struct Reply {
        int status = 0; ///< 0: no reply, see `failure`.
        std::string body;
        std::map<std::string, std::string> headers; ///< Names in lower case.
        std::string failure;                        ///< Of the connection.
        bool sent = true; ///< False: there was no connection, so nothing can have been done.

        /// The body; a discarded value when it is not JSON.
        [[nodiscard]] nlohmann::json json() const
        {
            return nlohmann::json::parse(body, nullptr, false);
        }
    };
    using Headers = std::map<std::string, std::string>;

    /// `url` like "http://127.0.0.1:8080"; an empty token sends none.
    ApiClient(const std::string& url, std::string token);
    /// From PADDOCK_URL (default http://127.0.0.1:8080) and PADDOCK_TOKEN.
    static ApiClient from_env();
    ~ApiClient();
    ApiClient(ApiClient&&) noexcept;
    ApiClient& operator=(ApiClient&&) noexcept;

    /// How long one reply may take; 60 s unless told otherwise.
    void set_timeout(std::chrono::milliseconds timeout);

    Reply get(const std::string& path, const Headers& headers = {});
    Reply del(const std::string& path, const Headers& headers = {});
    Reply post(const std::string& path, const nlohmann::json& body, const Headers& headers = {});
    /// Any method with any bytes as its body; none: no Content-Length either.
    Reply send(const std::string& method,
               const std::string& path,
               const std::optional<std::string>& body,
               const Headers& headers = {});

private:
    struct Connection;
    std::unique_ptr<Connection> connection_;
};

} // namespace client
