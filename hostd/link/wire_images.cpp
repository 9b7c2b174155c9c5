#include "hostd/link/wire_images.hpp"

#include "common/digest/digest.hpp"
#include "hostd/link/wire_fields.hpp"

namespace hostd::link {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Result<common::ImageName> image_name(const std::string& text)
{
    if (!common::is_name(text)) {
        return Error{ErrorCode::invalid_argument, "field 'image': not a name"};
    }
    return common::ImageName{text};
}

/// An image of nobody's would be everybody's.
Result<std::string> owner(const std::string& text)
{
    if (text.empty()) {
        return Error{ErrorCode::invalid_argument, "field 'tenant': empty"};
    }
    return text;
}

Error wrong(const char* field, const std::string& why)
{
    return {ErrorCode::invalid_argument, std::string{"field '"} + field + "': " + why};
}

/// Of a CURVE key, as Z85.
Result<std::string> public_key(const std::string& text)
{
    constexpr std::size_t characters = 40;
    if (text.size() != characters) {
        return wrong("key", "not a public key");
    }
    return text;
}

Result<PeerRef> peer_of(const proto::PeerRef& wire)
{
    if (!wire.endpoint.starts_with("tcp://") || wire.endpoint.find('\0') != std::string::npos) {
        return wrong("peers", "not an endpoint");
    }
    COMMON_TRY(auto key, public_key(wire.key));
    return PeerRef{wire.endpoint, std::move(key)};
}

enum class IfNone { fine, refuse };

Result<BlobRef> blob(const char* field, const proto::BlobRef& wire, IfNone if_none)
{
    if (wire.digest.empty() && if_none == IfNone::fine) {
        return BlobRef{};
    }
    if (!common::digest::sha256_from_hex(wire.digest)) {
        return wrong(field, "not a digest");
    }
    constexpr std::uint64_t largest = std::uint64_t{1}
                                      << 50U; // So that sums of them are none's surprise.
    if (wire.size_bytes == 0 || wire.size_bytes > largest) {
        return wrong(field, "a file of no bytes, or of too many");
    }
    return BlobRef{wire.digest, common::Bytes{wire.size_bytes}};
}

} // namespace

Result<std::string> digest_in(const std::string& text)
{
    if (!common::digest::sha256_from_hex(text)) {
        return wrong("digest", "not a digest");
    }
    return text;
}

Result<Command> make_image_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::MakeImage>(envelope.body));
    MakeImageCommand make;
    COMMON_TRY(make.id, sandbox_id(wire.id));
    COMMON_TRY(make.snapshot, snapshot_id(wire.snapshot_id, "snapshot_id"));
    COMMON_TRY(make.image, image_name(wire.image));
    COMMON_TRY(make.tenant, owner(wire.tenant));
    return with(envelope, std::move(make));
}

Result<Command> remove_image_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::RemoveImage>(envelope.body));
    RemoveImageCommand remove;
    COMMON_TRY(remove.image, image_name(wire.image));
    COMMON_TRY(remove.tenant, owner(wire.tenant));
    if (!wire.registration.empty()) {
        COMMON_TRY(remove.registration, id_in<common::ImageId>("registration", wire.registration));
    }
    return with(envelope, std::move(remove));
}

Result<Command> add_image_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::AddImage>(envelope.body));
    ImageRecipe recipe;
    COMMON_TRY(recipe.registration, id_in<common::ImageId>("registration", wire.registration));
    COMMON_TRY(recipe.name, image_name(wire.image));
    COMMON_TRY(recipe.tenant, owner(wire.tenant));
    const auto boot = boot_from(wire.boot);
    const auto agent = agent_kind_from(wire.agent);
    if (!boot || !agent) {
        return Error{ErrorCode::unimplemented,
                     "an image that boots by '" + wire.boot + "', with agent '" + wire.agent +
                         "', is not known to this hostd"};
    }
    recipe.boot = *boot;
    recipe.agent = *agent;
    COMMON_TRY(recipe.disk, blob("disk", wire.disk, IfNone::refuse));
    COMMON_TRY(
        recipe.kernel,
        blob("kernel", wire.kernel, recipe.boot == Boot::kernel ? IfNone::refuse : IfNone::fine));
    COMMON_TRY(recipe.initrd, blob("initrd", wire.initrd, IfNone::fine));
    if (recipe.boot != Boot::kernel &&
        !(wire.kernel.digest + wire.initrd.digest + wire.cmdline).empty()) {
        return wrong("boot", "only a kernel has an initrd and a command line");
    }
    recipe.cmdline = wire.cmdline;
    recipe.vcpus = wire.vcpus;
    recipe.memory = common::Bytes{wire.memory_bytes};
    std::vector<PeerRef> peers;
    for (const auto& peer : wire.peers) {
        COMMON_TRY(auto known, peer_of(peer));
        peers.push_back(std::move(known));
    }
    return with(envelope, AddImageCommand{std::move(recipe), std::move(peers)});
}

Result<Command> share_image_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::ShareImage>(envelope.body));
    ShareImageCommand share;
    COMMON_TRY(share.registration, id_in<common::ImageId>("registration", wire.registration));
    COMMON_TRY(share.key, public_key(wire.key));
    return with(envelope, std::move(share));
}

Result<Command> import_vm_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::ImportVm>(envelope.body));
    ImportVmCommand import;
    if (wire.vm.empty() || wire.vm.find('\0') != std::string::npos) {
        return wrong("vm", "not a name");
    }
    import.vm = wire.vm;
    COMMON_TRY(import.image, image_name(wire.image));
    COMMON_TRY(import.tenant, owner(wire.tenant));
    if (!wire.agent.empty()) {
        import.agent = agent_kind_from(wire.agent);
        if (!import.agent) {
            return Error{ErrorCode::unimplemented,
                         "agent '" + wire.agent + "' is not known to this hostd"};
        }
    }
    using Import = ImportVmCommand;
    import.running = wire.running ? Import::Running::taken : Import::Running::refused;
    import.if_other = wire.renew ? Import::IfOther::renew : Import::IfOther::refuse;
    return with(envelope, std::move(import));
}

Result<Command> piece_of(const proto::Envelope& envelope)
{
    COMMON_TRY(auto wire, proto::decode_body<proto::Piece>(envelope.body));
    Piece piece;
    COMMON_TRY(piece.operation, id_in<common::OperationId>("op", wire.operation));
    COMMON_TRY(piece.digest, digest_in(wire.digest));
    piece.offset = wire.offset;
    piece.data = std::move(wire.data);
    piece.zeros = wire.zeros;
    if (!piece.data.empty() && piece.zeros > 0) {
        return wrong("zeros", "there are data, too");
    }
    if (!wire.reason.empty()) {
        piece.error =
            Error{ErrorCode::unavailable, std::move(wire.message), std::move(wire.reason)};
    }
    return with(envelope, PieceCommand{std::move(piece)});
}

proto::WantPiece to_wire(const PieceWish& wish)
{
    return {wish.operation.str(), wish.digest, wish.offset, wish.size};
}

} // namespace hostd::link
