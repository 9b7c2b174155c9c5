#include "coordinator/http/wire/head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;

constexpr std::size_t max_headers = 100;

Error malformed(std::string what)
{
    return Error{ErrorCode::invalid_argument, "malformed request: " + what, "malformed_request"};
}

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string lowered(std::string_view text)
{
    std::string out{text};
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

/// tchar of RFC 9110.
bool is_token(std::string_view text) noexcept
{
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
    });
}

std::string_view trimmed(std::string_view text) noexcept
{
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// The line up to CRLF, which is taken off `rest` too.
common::Result<std::string_view> take_line(std::string_view& rest)
{
    const auto end = rest.find("\r\n");
    if (end == std::string_view::npos) {
        return malformed("a line does not end with CRLF");
    }
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    const auto hostile = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t') || byte == 0x7f;
    };
    if (std::ranges::any_of(line, hostile)) {
        return malformed("a control character in the headers");
    }
    return line;
}

common::Result<> read_request_line(std::string_view line, Head& head)
{
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return malformed("the request line is not METHOD TARGET VERSION");
    }
    head.method = line.substr(0, first);
    head.target = line.substr(first + 1, last - first - 1);
    const auto version = line.substr(last + 1);
    if (!is_token(head.method) || head.target.find(' ') != std::string::npos) {
        return malformed("the request line is not METHOD TARGET VERSION");
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return Error{ErrorCode::unimplemented,
                     "this server speaks HTTP/1.1 and HTTP/1.0",
                     "http_version_not_supported"};
    }
    constexpr std::array<std::string_view, 7> methods{
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    if (std::ranges::find(methods, head.method) == methods.end()) {
        return Error{
            ErrorCode::unimplemented, "the method is not served here", "method_not_supported"};
    }
    if (head.target != "*" && (head.target.empty() || head.target.front() != '/')) {
        return malformed("the target is not a path");
    }
    head.keep_alive = head.takes_chunks = version == "HTTP/1.1";
    return {};
}

common::Result<> read_framing(Head& head)
{
    const std::string* length = nullptr;
    bool chunked = false;
    std::size_t hosts = 0;
    for (const auto& [name, value] : head.headers) {
        if (name == "content-length") {
            if (length != nullptr) {
                return malformed("Content-Length is repeated");
            }
            length = &value;
        } else if (name == "transfer-encoding") {
            if (chunked || lowered(value) != "chunked") {
                return malformed("Transfer-Encoding may only be \"chunked\"");
            }
            chunked = true;
        } else if (name == "host") {
            ++hosts;
        }
    }
    if (length != nullptr && chunked) {
        return malformed("both Content-Length and Transfer-Encoding");
    }
    if (hosts > 1) {
        return malformed("Host is repeated");
    }
    if (length != nullptr) {
        const auto* end = length->data() + length->size();
        const auto [at, error] = std::from_chars(length->data(), end, head.length);
        if (error != std::errc{} || at != end || length->front() == '-') {
            return malformed("Content-Length is not a number");
        }
        head.framing = head.length > 0 ? Head::Framing::length : Head::Framing::none;
    } else if (chunked) {
        head.framing = Head::Framing::chunked;
    }
    return {};
}

} // namespace

const std::string* Head::find(std::string_view lower_name) const noexcept
{
    const auto at = std::ranges::find(
        headers, lower_name, [](const auto& header) { return std::string_view{header.first}; });
    return at == headers.end() ? nullptr : &at->second;
}

std::size_t head_size(std::string_view bytes) noexcept
{
    const auto end = bytes.find("\r\n\r\n");
    return end == std::string_view::npos ? 0 : end + 4;
}

common::Result<Head> parse_head(std::string_view bytes)
{
    Head head;
    COMMON_TRY(const auto request_line, take_line(bytes));
    COMMON_CHECK(read_request_line(request_line, head));
    while (true) {
        COMMON_TRY(const auto line, take_line(bytes));
        if (line.empty()) {
            break;
        }
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
            return malformed("a header line is not NAME: VALUE");
        }
        if (head.headers.size() == max_headers) {
            return malformed("more than 100 headers");
        }
        head.headers.emplace_back(lowered(line.substr(0, colon)),
                                  std::string{trimmed(line.substr(colon + 1))});
    }
    COMMON_CHECK(read_framing(head));
    if (const auto* connection = head.find("connection")) {
        const auto wish = lowered(*connection);
        if (wish.find("close") != std::string::npos) {
            head.keep_alive = false;
        } else if (wish.find("keep-alive") != std::string::npos) {
            head.keep_alive = true;
        }
    }
    const auto* expect = head.find("expect");
    head.expects_continue = expect != nullptr && lowered(*expect) == "100-continue";
    return head;
}

} // namespace coordinator::http
