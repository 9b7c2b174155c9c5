// What a hostile guest can send: the stream's framing, cut into pieces at will, and every
// message that both sides decode.
#include "proto/guest_messages.hpp"
#include "tests/fuzz/stability.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace {

std::vector<std::string>
read_all(std::string_view stream, std::size_t piece, proto::FrameReader::OnDamage on_damage)
{
    proto::FrameReader reader{on_damage};
    std::vector<std::string> payloads;
    while (!stream.empty()) {
        const auto size = std::min(piece, stream.size());
        reader.feed(stream.substr(0, size));
        stream.remove_prefix(size);
        for (auto next = reader.next(); next && *next; next = reader.next()) {
            payloads.push_back(**next);
        }
    }
    return payloads;
}

/// However the stream is cut, the same frames come out of it.
void stream(std::string_view bytes)
{
    if (bytes.empty()) {
        return;
    }
    const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) + 1;
    bytes.remove_prefix(1);
    for (const auto on_damage :
         {proto::FrameReader::OnDamage::stop, proto::FrameReader::OnDamage::skip}) {
        const auto whole = read_all(bytes, bytes.size() + 1, on_damage);
        require(read_all(bytes, piece, on_damage) == whole);
        for (const auto& payload : whole) {
            require(payload.size() <= proto::max_frame_payload);
        }
    }
    proto::EchoFinder finder{proto::Session{}};
    std::size_t given = 0;
    while (given < bytes.size() && !finder.feed(bytes.substr(given, piece))) {
        given += piece;
        require(finder.discarded() <= bytes.size());
    }
}

void frame(std::string_view bytes)
{
    const auto decoded = proto::decode_guest_frame(bytes);
    if (!decoded) {
        return;
    }
    const auto once = proto::encode(*decoded);
    const auto again = proto::decode_guest_frame(once);
    require(again && proto::encode(*again) == once);
}

template <typename Message>
void body(std::string_view bytes)
{
    const auto decoded = proto::decode_guest_body<Message>(bytes);
    if (!decoded) {
        return;
    }
    const auto once = proto::encode_guest_body(*decoded);
    const auto again = proto::decode_guest_body<Message>(once);
    require(again && proto::encode_guest_body(*again) == once);
}

using Decoder = void (*)(std::string_view);
constexpr std::array<Decoder, 18> decoders{stream,
                                           frame,
                                           body<proto::GuestReset>,
                                           body<proto::GuestExec>,
                                           body<proto::GuestStdin>,
                                           body<proto::GuestSignal>,
                                           body<proto::GuestCredit>,
                                           body<proto::GuestExecAck>,
                                           body<proto::GuestShutdown>,
                                           body<proto::GuestBecome>,
                                           body<proto::GuestPing>,
                                           body<proto::GuestHello>,
                                           body<proto::GuestNet>,
                                           body<proto::GuestStarted>,
                                           body<proto::GuestOutput>,
                                           body<proto::GuestExit>,
                                           body<proto::GuestExecError>,
                                           body<proto::GuestPong>};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 0) {
        decoders[data[0] % decoders.size()]({reinterpret_cast<const char*>(data) + 1, size - 1});
    }
    return 0;
}
