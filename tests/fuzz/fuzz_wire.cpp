// Every decoder of the coordinator–hostd protocol. The first byte chooses one; what it
// takes must be stable: encoded and decoded again it is the same bytes.
#include "tests/fuzz/samples.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/stability.hpp"

#include <array>
#include <cstddef>

namespace {

void envelope(std::string_view bytes)
{
    const auto decoded = proto::decode_envelope(bytes);
    if (!decoded) {
        return;
    }
    const auto once = proto::encode(*decoded);
    const auto again = proto::decode_envelope(once);
    require(again && proto::encode(*again) == once);
}

template <typename Message>
void body(std::string_view bytes)
{
    const auto decoded = proto::decode_body<Message>(bytes);
    if (!decoded) {
        return;
    }
    const auto once = proto::encode_body(*decoded);
    const auto again = proto::decode_body<Message>(once);
    require(again && proto::encode_body(*again) == once);
}

using Decoder = void (*)(std::string_view);

template <typename... Messages>
constexpr auto decoders_of(const std::tuple<Messages...>*)
{
    return std::array<Decoder, sizeof...(Messages) + 1>{envelope, body<Messages>...};
}
constexpr auto decoders = decoders_of(static_cast<decltype(samples::wire_messages())*>(nullptr));

std::vector<std::string> seeds()
{
    std::vector<std::string> seeds;
    const auto add = [&seeds](std::string_view bytes) {
        seeds.push_back(static_cast<char>(seeds.size()) + std::string{bytes});
    };
    add(proto::encode(samples::envelope()));
    std::apply([&add](const auto&... message) { (add(proto::encode_body(message)), ...); },
               samples::wire_messages());
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
