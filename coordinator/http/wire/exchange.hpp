#pragma once

#include "common/result.hpp"
#include "coordinator/http/options.hpp"
#include "coordinator/http/reply.hpp"
#include "coordinator/http/request.hpp"
#include "coordinator/http/wire/connection.hpp"
#include "coordinator/http/wire/head.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace coordinator::http {

/// The body of the request being answered.
class BodyReader {
public:
    virtual ~BodyReader() = default;
    /// All of it, once. `too_large` over the cap, `timeout` (request_timeout) when
    /// it comes too slowly, `invalid_argument` when its framing is broken; after a
    /// failure the connection cannot be used further.
    virtual common::Result<std::string> read() = 0;
    /// Instead: piece by piece, of any size in all, each 64 KiB within Options::body_timeout. The
    /// sink's error, or as read().
    virtual common::Result<> read_to(const BodySink& sink) = 0;
};

/// What answers requests. Any worker thread; must not throw.
class Responder {
public:
    virtual ~Responder() = default;
    virtual Reply respond(const Head& head, BodyReader& body, const Connection& connection) = 0;
    /// The answer to what is not even a request: malformed, too large, too late, too many.
    virtual Reply refuse(const common::Error& why, const Connection& connection) = 0;
};

/// Serves single requests with cpp-httplib, one instance per worker. The library
/// sees a minimal head (method class, "/", framing): it reads the body, decodes chunks and
/// writes the reply. What it would do by itself with other headers (ranges,
/// compression, multipart, regular expressions over paths) never starts.
class Exchange {
public:
    /// While `draining` every reply ends its connection.
    Exchange(const Options& options, Responder& responder, const std::atomic<bool>& draining);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    /// `connection.received` begins right after the head. The reply leaves in one send, or
    /// what the client does not take at once is left in `connection.unsent`.
    After serve(Connection& connection, const Head& head);

private:
    class Library;
    std::unique_ptr<Library> library_;
};

/// The bytes of a reply that is sent without the library, "Connection: close" included.
std::string render_closing(const Reply& reply);

} // namespace coordinator::http
