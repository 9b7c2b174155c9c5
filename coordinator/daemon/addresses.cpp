#include "coordinator/daemon/addresses.hpp"

#include "common/address.hpp"

#include <charconv>
#include <fmt/format.h>

namespace coordinator::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::config::Config;

namespace {

Error refused(const Config& config, std::string_view key, std::string_view what)
{
    return {ErrorCode::invalid_argument, fmt::format("{}: {}: {}", config.origin(key), key, what)};
}

} // namespace

Result<> read_http_address(const Config& config, http::Options& options)
{
    const auto& text = config.text("http_address");
    const auto colon = text.rfind(':');
    const auto expected = fmt::format("expected ADDRESS:PORT, got '{}'", text);
    if (colon == std::string::npos) {
        return refused(config, "http_address", expected);
    }
    auto host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, options.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end) {
        return refused(config, "http_address", expected);
    }
    options.address = host.empty() ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : host;
    if (!common::is_loopback(options.address) && !config.boolean("allow_plaintext")) {
        return refused(
            config,
            "http_address",
            "listening beyond loopback without TLS is refused: put a TLS proxy before it "
            "and set allow_plaintext: true");
    }
    return {};
}

Result<std::string> read_advertised(const Config& config, const http::Options& options)
{
    const auto& text = config.text("http_advertise");
    if (text.empty()) {
        const bool is_every = options.address == "0.0.0.0" || options.address == "::";
        const bool is_v6 = options.address.find(':') != std::string::npos;
        return is_every ? std::string{}
                        : fmt::format(fmt::runtime(is_v6 ? "[{}]:{}" : "{}:{}"),
                                      options.address,
                                      options.port);
    }
    const auto colon = text.rfind(':');
    std::uint16_t port = 0;
    const auto* const end = text.data() + text.size();
    if (colon == std::string::npos || colon == 0 ||
        std::from_chars(text.data() + colon + 1, end, port).ptr != end || port == 0) {
        return refused(config,
                       "http_advertise",
                       fmt::format("expected ADDRESS:PORT or NAME:PORT, got '{}'", text));
    }
    return text;
}

} // namespace coordinator::daemon
