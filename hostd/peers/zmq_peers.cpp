#include "hostd/peers/zmq_peers.hpp"

#include "proto/envelope.hpp"
#include "proto/wire_images.hpp"

#include <fmt/format.h>
#include <zmq.hpp>

namespace hostd::peers {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::SteadyTime;
using std::chrono::steady_clock;

namespace {

/// One file that is fetched of one host. One thread. Throws zmq::error_t.
class Fetching {
public:
    Fetching(zmq::context_t& context,
             const ZmqPeers::Settings& settings,
             const PeerRef& peer,
             const common::ImageId& registration,
             const BlobRef& blob,
             std::uint64_t from)
        : settings_{settings},
          peer_{peer},
          registration_{registration.str()},
          blob_{blob},
          at_{from},
          asked_{from},
          context_{context}
    {
        open();
    }

    Result<> run(const Peers::Sink& sink, const std::atomic<bool>& stopping)
    {
        heard_ = steady_clock::now();
        while (at_ < blob_.size.count()) {
            if (stopping) {
                return Error{ErrorCode::unavailable, "this host is ending", "host_ending"};
            }
            ask_ahead();
            zmq::message_t message;
            if (dealer_.recv(message)) {
                COMMON_CHECK(take(message.to_string_view()));
                COMMON_CHECK(pass_on(sink));
            } else {
                ask_for_what_is_late();
            }
            if (steady_clock::now() - heard_ >= settings_.patience) {
                return Error{ErrorCode::unavailable,
                             fmt::format("nothing came from byte {} on, for {} s",
                                         at_,
                                         settings_.patience.count() / 1000),
                             "peer_silent"};
            }
        }
        return {};
    }

private:
    struct Awaited {
        std::uint32_t size = 0;
        std::optional<std::string> come{};
    };

    /// Who was refused is not let in later on the same socket.
    void open()
    {
        const auto ms = [](std::chrono::milliseconds time) {
            return static_cast<int>(time.count());
        };
        dealer_ = zmq::socket_t{context_, zmq::socket_type::dealer};
        dealer_.set(zmq::sockopt::linger, 0);
        dealer_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(proto::max_message_bytes));
        dealer_.set(zmq::sockopt::curve_serverkey, peer_.key);
        dealer_.set(zmq::sockopt::curve_publickey, settings_.keys.public_key);
        dealer_.set(zmq::sockopt::curve_secretkey, settings_.keys.secret_key);
        dealer_.set(zmq::sockopt::connect_timeout, ms(settings_.patience));
        dealer_.set(zmq::sockopt::handshake_ivl, ms(settings_.patience));
        constexpr int look_ms = 200; // How soon the end is noticed.
        dealer_.set(zmq::sockopt::rcvtimeo, look_ms);
        dealer_.connect(peer_.endpoint);
        opened_ = steady_clock::now();
    }
    void ask(std::uint64_t offset, const Awaited& awaited)
    {
        proto::Envelope envelope;
        envelope.kind = proto::WantPiece::kind;
        envelope.body =
            proto::encode_body(proto::WantPiece{registration_, blob_.digest, offset, awaited.size});
        // One that is not taken is asked for again.
        static_cast<void>(
            dealer_.send(zmq::buffer(proto::encode(envelope)), zmq::send_flags::dontwait));
    }
    void ask_ahead()
    {
        const auto end = blob_.size.count();
        for (; asked_ < end && window_.size() < settings_.window; asked_ += settings_.piece) {
            const auto size = std::min<std::uint64_t>(settings_.piece, end - asked_);
            auto& awaited = window_[asked_];
            awaited.size = static_cast<std::uint32_t>(size);
            ask(asked_, awaited);
        }
    }
    void ask_for_what_is_late()
    {
        const auto now = steady_clock::now();
        if (now - std::max(heard_, opened_) < settings_.ask_again) {
            return;
        }
        open();
        for (auto& [offset, awaited] : window_) {
            if (!awaited.come) {
                ask(offset, awaited);
            }
        }
    }
    Result<> take(std::string_view bytes)
    {
        COMMON_TRY(const auto envelope, proto::decode_envelope(bytes));
        COMMON_TRY(auto piece, proto::decode_body<proto::Piece>(envelope.body));
        const auto awaited = window_.find(piece.offset);
        if (piece.operation != registration_ || piece.digest != blob_.digest ||
            awaited == window_.end() || awaited->second.come) {
            return {}; // It was asked for twice.
        }
        if (!piece.reason.empty()) {
            return Error{ErrorCode::unavailable,
                         piece.reason + ": " + piece.message.substr(0, longest_message),
                         "peer_refused"};
        }
        if (piece.data.size() + piece.zeros != awaited->second.size) {
            return Error{
                ErrorCode::unavailable, "it gave more or less than was asked for", "peer_refused"};
        }
        awaited->second.come =
            piece.zeros > 0 ? std::string(piece.zeros, '\0') : std::move(piece.data);
        return {};
    }
    Result<> pass_on(const Peers::Sink& sink)
    {
        for (auto first = window_.begin(); first != window_.end() && first->second.come;
             first = window_.erase(first)) {
            heard_ = steady_clock::now();
            COMMON_CHECK(sink(*first->second.come));
            heard_ = steady_clock::now(); // The sink may have kept us waiting.
            at_ += first->second.size;
        }
        return {};
    }

    static constexpr std::size_t longest_message = 256;
    const ZmqPeers::Settings& settings_;
    const PeerRef& peer_;
    const std::string registration_;
    const BlobRef& blob_;
    std::uint64_t at_;                        ///< What is before has been passed on.
    std::uint64_t asked_;                     ///< What is before has been asked for.
    std::map<std::uint64_t, Awaited> window_; ///< By offset; the first one is at at_.
    SteadyTime heard_{};                      ///< When at_ moved last.
    SteadyTime opened_{};
    zmq::context_t& context_;
    zmq::socket_t dealer_;
};

} // namespace

ZmqPeers::ZmqPeers(Settings settings, PeerServer* server)
    : settings_{std::move(settings)}, server_{server}, context_{std::make_unique<zmq::context_t>(1)}
{}

ZmqPeers::~ZmqPeers() = default;

void ZmqPeers::allow(const common::ImageId& registration, const std::string& key)
{
    if (server_ != nullptr) {
        server_->allow(registration, key);
    }
}

Result<> ZmqPeers::fetch(const PeerRef& peer,
                         const common::ImageId& registration,
                         const BlobRef& blob,
                         std::uint64_t from,
                         const Sink& sink)
{
    try {
        return Fetching{*context_, settings_, peer, registration, blob, from}.run(sink, stopping_);
    } catch (const zmq::error_t& error) {
        return Error{ErrorCode::unavailable, peer.endpoint + ": " + error.what(), "peer_silent"};
    }
}

} // namespace hostd::peers
