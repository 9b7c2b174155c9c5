// What a hostile guest can send: the stream's framing, cut into pieces at will, and every
// message that both sides decode.
#include "tests/fuzz/samples.hpp"
#include "tests/fuzz/seeds.hpp"
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

/// What a call's answer is made of, which the coordinator decodes.
template <typename Message>
void call(std::string_view bytes)
{
    const auto decoded = proto::decode_call<Message>(bytes);
    if (!decoded) {
        return;
    }
    const auto once = proto::encode_call(*decoded);
    const auto again = proto::decode_call<Message>(once);
    require(again && proto::encode_call(*again) == once);
}

using Decoder = void (*)(std::string_view);

template <typename... Messages, typename... Calls>
constexpr auto decoders_of(const std::tuple<Messages...>*, const std::tuple<Calls...>*)
{
    return std::array<Decoder, sizeof...(Messages) + sizeof...(Calls) + 2>{
        stream, frame, body<Messages>..., call<Calls>...};
}
constexpr auto decoders = decoders_of(static_cast<decltype(samples::guest_messages())*>(nullptr),
                                      static_cast<decltype(samples::call_messages())*>(nullptr));

/// Two sessions as an agent would see them: the second begins in the middle of a frame.
std::string two_sessions()
{
    const auto session = samples::guest_frame().session;
    std::string bytes(1, '\x06'); // Pieces of 7 bytes.
    bytes += proto::guest_frame(session, 0, proto::GuestReset{});
    bytes += proto::guest_frame(session, 1, proto::GuestPing{1}).substr(0, 20);
    bytes += std::string(256, '\0');
    const auto echo = proto::echo_of(proto::Session{});
    bytes.append(reinterpret_cast<const char*>(echo.data()), echo.size());
    bytes += proto::guest_frame(proto::Session{}, 1, proto::GuestPong{1});
    return bytes;
}

std::vector<std::string> seeds()
{
    std::vector<std::string> seeds;
    const auto add = [&seeds](std::string_view bytes) {
        seeds.push_back(static_cast<char>(seeds.size()) + std::string{bytes});
    };
    add(two_sessions());
    add(proto::encode(samples::guest_frame()));
    std::apply([&add](const auto&... message) { (add(proto::encode_guest_body(message)), ...); },
               samples::guest_messages());
    std::apply([&add](const auto&... message) { (add(proto::encode_call(message)), ...); },
               samples::call_messages());
    return seeds;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv)
{
    write_seeds_if_asked(*argc, *argv, seeds());
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 0) {
        decoders[data[0] % decoders.size()]({reinterpret_cast<const char*>(data) + 1, size - 1});
    }
    return 0;
}
