#include "coordinator/http/wire/exchange.hpp"

#include "coordinator/http/wire/stream.hpp"

#include <fmt/format.h>
#include <limits>
#include <optional>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;

/// Chunk sizes and line ends may add to the body's own bytes, but not without end.
constexpr std::size_t chunk_overhead = 8;

constexpr int partial_content = 206;

std::string render_stream_head(const Reply& reply, bool chunked, bool close)
{
    auto text = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}{}",
                            reply.status,
                            reply.status == partial_content ? "Partial Content" : "OK",
                            reply.content_type,
                            chunked ? "Transfer-Encoding: chunked\r\n" : "",
                            close ? "Connection: close\r\n" : "");
    if (reply.length) {
        text += fmt::format("Content-Length: {}\r\n", *reply.length);
    }
    for (const auto& [name, value] : reply.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    return text + "\r\n";
}

std::string head_for_library(const Head& head)
{
    std::string_view framing;
    std::string length;
    switch (head.framing) {
    case Head::Framing::none: break;
    case Head::Framing::chunked: framing = "Transfer-Encoding: chunked\r\n"; break;
    case Head::Framing::length:
        length = fmt::format("Content-Length: {}\r\n", head.length);
        framing = length;
        break;
    }
    // A body is read only for POST, and left out of the reply only for HEAD.
    const std::string_view method = head.framing != Head::Framing::none ? "POST"
                                    : head.method == "HEAD"             ? "HEAD"
                                                                        : "GET";
    return fmt::format("{} / HTTP/1.1\r\n{}\r\n", method, framing);
}

} // namespace

class Exchange::Library final : private httplib::Server, private BodyReader {
public:
    Library(const http::Options& options, Responder& responder, const std::atomic<bool>& draining)
        : options_{options}, responder_{responder}, draining_{draining}
    {
        set_payload_max_length(std::numeric_limits<std::size_t>::max()); // read() has its own.
        Get("/", [this](const auto&, auto& out) { answer(out); });
        Post("/",
             httplib::Server::HandlerWithContentReader{
                 [this](const auto&, auto& out, const auto& content) {
                     content_ = &content;
                     answer(out);
                     content_ = nullptr;
                 }});
        set_post_routing_handler([this](const auto&, auto& out) { finish(out); });
    }

    After serve(Connection& connection, const Head& head)
    {
        RequestStream stream{connection, head_for_library(head), limits()};
        connection_ = &connection;
        head_ = &head;
        stream_ = &stream;
        body_read_ = head.framing == Head::Framing::none;
        close_ = !head.keep_alive;
        bool library_closes = false;
        const bool served = process_request(stream, false, library_closes, nullptr);
        if (streaming_) {
            return begin_stream(stream, *std::exchange(streaming_, std::nullopt));
        }
        const bool sent = stream.leave();
        if (!served || !sent) {
            return After::close;
        }
        if (!body_read_) {
            return After::linger;
        }
        return close_ ? After::close : After::keep;
    }

private:
    [[nodiscard]] RequestStream::Limits limits() const
    {
        const auto cap = options_.max_body.count();
        return {.body_deadline = std::chrono::steady_clock::now() + options_.body_timeout,
                .write_timeout = options_.write_timeout,
                .max_received = cap * chunk_overhead + options_.max_head.count()};
    }

    void answer(httplib::Response& out)
    {
        auto reply = responder_.respond(*head_, *this, *connection_);
        out.status = reply.status;
        if (reply.stream) {
            streaming_ = std::move(reply);
            return;
        }
        out.body = std::move(reply.body);
        if (!out.body.empty()) {
            out.set_header("Content-Type", reply.content_type);
        }
        for (const auto& [name, value] : reply.headers) {
            out.set_header(name, value); // Refuses CR and LF.
        }
        // What was not read would be taken for the next request.
        close_ = close_ || reply.close || !body_read_ || draining_;
    }

    /// The library would end what has only begun.
    After begin_stream(RequestStream& stream, Reply reply)
    {
        close_ = close_ || !head_->takes_chunks;
        stream.discard();
        const bool keep = !close_ && body_read_;
        if (head_->method == "HEAD") {
            reply.stream->close();
            connection_->unsent = render_stream_head(reply, false, true);
            return After::close;
        }
        const bool chunked = keep && !reply.length;
        connection_->unsent = render_stream_head(reply, chunked, !keep);
        connection_->chunked = chunked;
        connection_->sized = keep && reply.length;
        connection_->stream = std::move(reply.stream);
        return After::stream;
    }

    void finish(httplib::Response& out) const
    {
        out.headers.erase("Keep-Alive"); // The library's own figures, not ours.
        out.headers.erase("Accept-Ranges");
        if (out.status == 204) {
            out.headers.erase("Content-Length"); // RFC 9110, 8.6: it has none.
        }
        if (close_) {
            out.set_header("Connection", "close");
        }
    }

    common::Result<std::string> read() override
    {
        const auto cap = options_.max_body.count();
        std::string body;
        const auto keep = [&](std::string_view piece) -> common::Result<> {
            if (body.size() + piece.size() > cap) {
                return too_large();
            }
            body.append(piece);
            return {};
        };
        if (head_->framing == Head::Framing::length && head_->length > cap) {
            return too_large();
        }
        COMMON_CHECK(receive_to(keep));
        return body;
    }

    common::Result<> read_to(const BodySink& sink) override
    {
        // A piece is passed on as it was read, at most 16 KiB.
        stream_->expect_any(options_.body_timeout, options_.max_head.count() + (1U << 16U));
        return receive_to([&](std::string_view piece) {
            stream_->took_piece();
            return sink(piece);
        });
    }

    [[nodiscard]] Error too_large() const
    {
        return {ErrorCode::too_large,
                fmt::format("the request body is over {} bytes", options_.max_body.count()),
                "body_too_large"};
    }

    common::Result<> receive_to(const BodySink& sink)
    {
        if (head_->framing == Head::Framing::none || content_ == nullptr) {
            return {};
        }
        if (head_->expects_continue) {
            stream_->write("HTTP/1.1 100 Continue\r\n\r\n");
        }
        common::Result<> taken;
        body_read_ = (*content_)([&](const char* data, std::size_t size) {
            taken = sink({data, size});
            return taken.has_value();
        });
        if (!taken) {
            return taken;
        }
        if (stream_->trouble() == RequestStream::Trouble::too_much) {
            return too_large();
        }
        if (stream_->trouble() == RequestStream::Trouble::timeout) {
            return Error{ErrorCode::timeout,
                         fmt::format("the request body did not arrive within {} ms",
                                     options_.body_timeout.count()),
                         "request_timeout"};
        }
        if (!body_read_) {
            return Error{ErrorCode::invalid_argument,
                         "malformed request: the body's framing is broken",
                         "malformed_request"};
        }
        return {};
    }

    const http::Options& options_; // The library has a function of this name.
    Responder& responder_;
    const std::atomic<bool>& draining_;
    // Of the request being served.
    Connection* connection_ = nullptr;
    const Head* head_ = nullptr;
    RequestStream* stream_ = nullptr;
    const httplib::ContentReader* content_ = nullptr;
    bool body_read_ = false;
    bool close_ = false;
    std::optional<Reply> streaming_;
};

Exchange::Exchange(const Options& options, Responder& responder, const std::atomic<bool>& draining)
    : library_{std::make_unique<Library>(options, responder, draining)}
{}

Exchange::~Exchange() = default;

After Exchange::serve(Connection& connection, const Head& head)
{
    return library_->serve(connection, head);
}

std::string render_closing(const Reply& reply)
{
    auto text = fmt::format("HTTP/1.1 {} \r\nConnection: close\r\nContent-Type: {}\r\n"
                            "Content-Length: {}\r\n",
                            reply.status,
                            reply.content_type,
                            reply.body.size());
    for (const auto& [name, value] : reply.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    return text + "\r\n" + reply.body;
}

} // namespace coordinator::http
