#pragma once

#include "client/api_client.hpp"
#include "common/result.hpp"

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace client {

/// `body` as it is sent; `invalid_argument` where it has bytes that are no UTF-8.
common::Result<std::string> text_of(const nlohmann::json& body);

/// What a reply of 400 or more says, by its code, as an Error; its `reason` is the API's.
common::Error error_of(const ApiClient::Reply& reply, const std::string& url);

/// The calls of one run of a program: all under one X-Request-ID, failures as Results. What was
/// never sent is sent again for a moment, and so is what may be asked twice: a GET, and a POST
/// under an Idempotency-Key. What came while no coordinator led is sent again until one does.
/// Anything else that got no answer is `timeout`: unknown. For one thread at a time.
class Session {
public:
    enum class Asking {
        once,  ///< Asked twice, it may be done twice.
        keyed, ///< Creates something: under an Idempotency-Key of its own.
    };
    struct Options {
        std::string url;        ///< Or several, as ApiClient takes them.
        std::string token;      ///< "" sends none.
        std::string request_id; ///< As common::parse_request_id has it.
        std::function<void(std::chrono::milliseconds)> pause; ///< Between two attempts.
    };

    explicit Session(Options options);

    /// How long one reply may take.
    void set_timeout(std::chrono::milliseconds timeout) { http_.set_timeout(timeout); }
    [[nodiscard]] const std::string& url() const { return options_.url; }
    [[nodiscard]] const std::string& request_id() const { return options_.request_id; }

    /// The body of a reply below 400, as it came.
    common::Result<std::string> get(const std::string& path);
    common::Result<std::string> del(const std::string& path);
    common::Result<std::string>
    post(const std::string& path, const nlohmann::json& body, Asking asking = Asking::once);
    common::Result<std::string> put(const std::string& path, const nlohmann::json& body);
    common::Result<std::string> patch(const std::string& path, const nlohmann::json& body);

    /// What a GET gives, as it comes; `take` returns false to break it off. Its headers. An error,
    /// too, if it ended before its end: nothing is asked for twice.
    common::Result<ApiClient::Headers> download(const std::string& path,
                                                const std::function<bool(std::string_view)>& take);
    /// A PUT of bytes, once; its reply.
    common::Result<std::string> upload(const std::string& path,
                                       std::optional<std::uint64_t> length,
                                       const ApiClient::Give& give);

private:
    struct Call {
        std::string method;
        std::string path;
        std::optional<std::string> body;
        std::string key; ///< "": none.
    };
    ApiClient::Reply attempt(const Call& call);
    common::Result<std::string> perform(const Call& call);

    Options options_;
    ApiClient http_;
};

/// The JSON in `body`; `internal` naming the URL if it is none: whoever answers there is no
/// Paddock.
common::Result<nlohmann::ordered_json> parse(const std::string& body, const std::string& url);

/// Percent-encoded (RFC 3986) for one segment of a path or one value of a query.
std::string encoded(std::string_view text);

} // namespace client
