#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace client {

/// The API on one keep-alive connection, JSON in and out; nothing is sent twice. Of several
/// coordinators one is asked, and the next one where that is not there. For one thread at a time.
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
        /// No coordinator leads: nothing was begun, and the next one is asked next.
        [[nodiscard]] bool has_no_leader() const;
    };
    using Headers = std::map<std::string, std::string>;

    /// `urls` like "http://127.0.0.1:8080", or several with commas between them, of which the one
    /// of number `first` is asked first; an empty token sends none.
    ApiClient(const std::string& urls, std::string token, std::size_t first = 0);
    /// From PADDOCK_URL (default http://127.0.0.1:8080) and PADDOCK_TOKEN.
    static ApiClient from_env();
    ~ApiClient();
    ApiClient(ApiClient&&) noexcept;
    ApiClient& operator=(ApiClient&&) noexcept;

    /// How long one reply may take; 60 s unless told otherwise.
    void set_timeout(std::chrono::milliseconds timeout);
    /// A peer that is gone without a word is noticed within half a minute, however long a reply
    /// may take. For replies that can be asked for again.
    void notice_dead_peers();

    Reply get(const std::string& path, const Headers& headers = {});
    Reply del(const std::string& path, const Headers& headers = {});
    Reply post(const std::string& path, const nlohmann::json& body, const Headers& headers = {});
    /// Any method with any bytes as its body; none: no Content-Length either.
    Reply send(const std::string& method,
               const std::string& path,
               const std::optional<std::string>& body,
               const Headers& headers = {});

    /// A piece of a reply's body; false ends the reply.
    using Take = std::function<bool(const Reply& head, std::string_view piece)>;
    /// As send(), but the body is given as it comes. The status is there if its head was, whatever
    /// `failure` says of its end.
    Reply stream(const std::string& method,
                 const std::string& path,
                 const std::optional<std::string>& body,
                 const Headers& headers,
                 const Take& take);

    /// The next bytes of a body, at most `size`; "" is its end, nothing breaks it off.
    using Give = std::function<std::optional<std::string>(std::size_t size)>;
    /// A PUT whose body is given as it is sent; without a length in chunks.
    Reply put(const std::string& path,
              std::optional<std::uint64_t> length,
              const Headers& headers,
              const Give& give);

private:
    struct Connection;
    std::unique_ptr<Connection> connection_;
};

} // namespace client
