// Every decoder of the coordinator–hostd protocol. The first byte chooses one; what it
// takes must be stable: encoded and decoded again it is the same bytes.
#include "proto/envelope.hpp"
#include "proto/wire_messages.hpp"
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
constexpr std::array<Decoder, 17> decoders{envelope,
                                           body<proto::Hello>,
                                           body<proto::Heartbeat>,
                                           body<proto::Inventory>,
                                           body<proto::Status>,
                                           body<proto::Reply>,
                                           body<proto::Welcome>,
                                           body<proto::Refused>,
                                           body<proto::StatusAck>,
                                           body<proto::SyncRequest>,
                                           body<proto::CreateSandbox>,
                                           body<proto::StartSandbox>,
                                           body<proto::StopSandbox>,
                                           body<proto::DestroySandbox>,
                                           body<proto::Exec>,
                                           body<proto::ExecAck>,
                                           body<proto::ListVms>};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 0) {
        decoders[data[0] % decoders.size()]({reinterpret_cast<const char*>(data) + 1, size - 1});
    }
    return 0;
}
