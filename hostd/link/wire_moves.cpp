#include "hostd/link/wire_moves.hpp"

#include "hostd/link/wire.hpp"
#include "hostd/link/wire_fields.hpp"

namespace hostd::link {

using common::Result;

/// What the offer says is for the store to judge: only another host has seen it.
Result<Command> fetch_snapshot_of(const proto::Envelope& envelope)
{
    COMMON_TRY(auto wire, proto::decode_body<proto::FetchSnapshot>(envelope.body));
    FetchSnapshotCommand fetch;
    COMMON_TRY(fetch.id, sandbox_id(wire.id));
    COMMON_TRY(fetch.snapshot, snapshot_id(wire.snapshot_id, "snapshot_id"));
    fetch.offer.manifest = std::move(wire.offer.manifest);
    for (auto& file : wire.offer.files) {
        fetch.offer.files.push_back(
            {std::move(file.name), std::move(file.digest), common::Bytes{file.size_bytes}});
    }
    return with(envelope, std::move(fetch));
}

Result<Command> give_piece_of(const proto::Envelope& envelope)
{
    COMMON_TRY(auto wire, proto::decode_body<proto::GivePiece>(envelope.body));
    GivePieceCommand give;
    COMMON_TRY(give.snapshot, snapshot_id(wire.snapshot_id, "snapshot_id"));
    COMMON_TRY(give.wish.operation, id_in<common::OperationId>("op", wire.operation));
    COMMON_TRY(give.wish.digest, digest_in(wire.digest));
    give.wish.offset = wire.offset;
    give.wish.size = wire.size;
    return with(envelope, std::move(give));
}

proto::SnapshotOffer to_wire(const CheckpointOffer& offer)
{
    proto::SnapshotOffer wire{offer.manifest, {}};
    for (const auto& file : offer.files) {
        wire.files.push_back({file.name, file.digest, file.size.count()});
    }
    return wire;
}

proto::Piece to_wire(Piece piece)
{
    proto::Piece wire;
    wire.operation = piece.operation.str();
    wire.digest = std::move(piece.digest);
    wire.offset = piece.offset;
    if (piece.error) {
        auto error = to_wire(*piece.error);
        wire.reason = error.reason.empty() ? std::move(error.code) : std::move(error.reason);
        wire.message = std::move(error.message);
    } else {
        wire.data = std::move(piece.data);
        wire.zeros = piece.zeros;
    }
    return wire;
}

} // namespace hostd::link
