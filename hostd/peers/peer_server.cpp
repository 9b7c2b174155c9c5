#include "hostd/peers/peer_server.hpp"

#include "common/curve/zap.hpp"
#include "common/log/log.hpp"
#include "hostd/core/blob.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_images.hpp"

#include <array>
#include <zmq.hpp>

namespace hostd::peers {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds look{200}; ///< How soon the end is noticed.
constexpr std::size_t most_allowed = 1024;
constexpr std::int64_t longest_request = 4096;
constexpr int heartbeat_ms = 10'000;

std::string said(const proto::Piece& piece)
{
    proto::Envelope envelope;
    envelope.kind = proto::Piece::kind;
    envelope.body = proto::encode_body(piece);
    return proto::encode(envelope);
}

/// Whose key it is, as the authenticator has said.
std::string key_of(zmq::message_t& message)
{
    const char* key = ::zmq_msg_gets(message.handle(), "User-Id");
    return key == nullptr ? "" : key;
}

} // namespace

struct PeerServer::Sockets {
    Sockets(const Settings& settings, common::curve::Zap::Admits admits)
        : zap{context, std::move(admits)}, router{context, zmq::socket_type::router}
    {
        router.set(zmq::sockopt::linger, 0);
        router.set(zmq::sockopt::maxmsgsize, longest_request);
        // Of one that does not read, what is beyond that is dropped; it asks again.
        constexpr int pieces = 32;
        router.set(zmq::sockopt::sndhwm, pieces);
        router.set(zmq::sockopt::rcvhwm, pieces);
        router.set(zmq::sockopt::curve_server, true);
        router.set(zmq::sockopt::curve_secretkey, settings.keys.secret_key);
        router.set(zmq::sockopt::zap_domain, "paddock-peers");
        router.set(zmq::sockopt::heartbeat_ivl, heartbeat_ms);
        router.set(zmq::sockopt::heartbeat_timeout, heartbeat_ms);
        router.set(zmq::sockopt::handshake_ivl, heartbeat_ms);
        router.set(zmq::sockopt::rcvtimeo, static_cast<int>(look.count()));
        router.bind(settings.endpoint);
    }

    zmq::context_t context{1};
    common::curve::Zap zap;
    zmq::socket_t router;
};

PeerServer::PeerServer(Settings settings, SharedFiles::FileOf file_of)
    : settings_{std::move(settings)},
      file_of_{std::move(file_of)},
      pace_{settings_.per_second},
      thread_{[this] { run(); }}
{}

PeerServer::~PeerServer()
{
    stop();
}

void PeerServer::stop()
{
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
    }
    news_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void PeerServer::allow(const common::ImageId& registration, const std::string& key)
{
    const auto now = steady_clock::now();
    forget_old(now);
    const std::scoped_lock lock{mutex_};
    if (allowed_.size() < most_allowed) {
        allowed_.insert_or_assign({key, registration.str()}, now + settings_.life);
    }
}

void PeerServer::forget_old(common::SteadyTime now)
{
    const std::scoped_lock lock{mutex_};
    std::erase_if(allowed_, [now](const auto& entry) { return entry.second <= now; });
}

bool PeerServer::is_known(const std::string& key)
{
    const std::scoped_lock lock{mutex_};
    const auto now = steady_clock::now();
    auto one = allowed_.lower_bound({key, ""});
    for (; one != allowed_.end() && one->first.first == key; ++one) {
        if (one->second > now) {
            return true;
        }
    }
    return false;
}

bool PeerServer::may_have(const Permission& permission)
{
    const std::scoped_lock lock{mutex_};
    const auto now = steady_clock::now();
    const auto found = allowed_.find(permission);
    if (found == allowed_.end() || found->second <= now) {
        return false;
    }
    found->second = now + settings_.life;
    return true;
}

bool PeerServer::rest(std::chrono::milliseconds time)
{
    std::unique_lock lock{mutex_};
    return !news_.wait_for(lock, time, [this] { return stopping_; });
}

void PeerServer::run()
{
    do {
        try {
            Sockets sockets{settings_, [this](const std::string& key) { return is_known(key); }};
            SharedFiles files{file_of_};
            listens_ = true;
            spdlog::info("giving images to other hosts at {}", settings_.endpoint);
            while (rest(std::chrono::milliseconds{0})) {
                serve(sockets, files);
            }
            return;
        } catch (const zmq::error_t& error) {
            listens_ = false;
            spdlog::error("peer_listen: {}: {} (name another address or port, or end what uses "
                          "it); trying again",
                          settings_.endpoint,
                          error.what());
        }
    } while (rest(settings_.bind_again));
}

void PeerServer::serve(Sockets& sockets, SharedFiles& files)
{
    const auto now = steady_clock::now();
    files.close_idle(now);
    forget_old(now);
    zmq::message_t whom;
    zmq::message_t request;
    if (!sockets.router.recv(whom)) {
        return;
    }
    bool alone = true; // A request has two frames.
    for (bool more = whom.more(); more; more = request.more()) {
        if (!sockets.router.recv(request)) {
            return;
        }
        alone = false;
    }
    if (alone) {
        return;
    }
    const auto reply = answer(key_of(request), request.to_string_view(), files);
    if (reply.empty() || !rest(pace_.take(reply.size(), steady_clock::now()))) {
        return;
    }
    sockets.router.send(whom, zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    static_cast<void>(sockets.router.send(zmq::buffer(reply), zmq::send_flags::dontwait));
}

std::string PeerServer::answer(const std::string& key, std::string_view request, SharedFiles& files)
{
    const auto envelope = proto::decode_envelope(request);
    if (!envelope || envelope->kind != proto::WantPiece::kind) {
        return "";
    }
    const auto wish = proto::decode_body<proto::WantPiece>(envelope->body);
    if (!wish) {
        return "";
    }
    proto::Piece piece;
    piece.operation = wish->operation;
    piece.digest = wish->digest;
    piece.offset = wish->offset;
    const auto refuse = [&piece](const Error& error) {
        piece.reason = error.stable_reason();
        piece.message = error.message;
    };
    const auto registration = common::parse_id<common::ImageId>(wish->operation);
    if (!registration || !may_have({key, wish->operation})) {
        refuse({ErrorCode::permission_denied, "this is not for that host", "not_allowed"});
        return said(piece);
    }
    auto bytes =
        files.read(*registration, wish->digest, wish->offset, wish->size, steady_clock::now());
    if (!bytes) {
        refuse(bytes.error());
    } else if (is_all_zeros(*bytes)) {
        piece.zeros = wish->size;
    } else {
        piece.data = *std::move(bytes);
    }
    return said(piece);
}

} // namespace hostd::peers
