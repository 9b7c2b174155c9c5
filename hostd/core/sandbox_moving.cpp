// Checkpoints on their way from one host to another: offered and given here, or fetched.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

void SandboxService::offer_checkpoint(const Op& op)
{
    const auto& wish = std::get<OfferSnapshotCommand>(op->command.what);
    const auto known = checkpoints_.find(wish.snapshot);
    if (known == checkpoints_.end() || known->second.spec.id != wish.id) {
        return fail(op,
                    {ErrorCode::not_found,
                     "this host has no checkpoint " + wish.snapshot.str() + " of " + wish.id.str(),
                     "unknown_snapshot"});
    }
    blocking_on(
        *piece_workers_,
        [this, snapshot = wish.snapshot] { return ports_.checkpoints.offer(snapshot); },
        [this, op](Result<CheckpointOffer> offered) {
            if (offered) {
                return answer(op, *std::move(offered));
            }
            const auto& snapshot = std::get<OfferSnapshotCommand>(op->command.what).snapshot;
            fail(op, std::move(offered).error().during("offer " + snapshot.str()));
        });
}

/// In the lane of a sandbox that need not be here: what is to take the checkpoint away again, or
/// to be made of it, comes after. No sweep waits for a download: the store knows what it is about.
void SandboxService::fetch_checkpoint(const Op& op)
{
    const auto id = std::get<FetchSnapshotCommand>(op->command.what).id;
    in_lane(id, [this, op, id] {
        blocking_on(
            *fetch_workers_,
            [this, op] {
                const auto& wish = std::get<FetchSnapshotCommand>(op->command.what);
                return ports_.checkpoints.fetch(
                    wish.id,
                    wish.snapshot,
                    wish.offer,
                    [this, &op](const BlobRef& file, const CheckpointStore::Sink& sink) {
                        return downloads_.fetch(op->command.operation, file, sink);
                    });
            },
            [this, op, id](Result<Checkpoint> fetched) {
                if (fetched) {
                    checkpoints_.insert_or_assign(fetched->id, *fetched);
                    answer(op, *std::move(fetched));
                } else {
                    const auto& wish = std::get<FetchSnapshotCommand>(op->command.what);
                    auto error = std::move(fetched).error().during("fetch " + wish.snapshot.str());
                    spdlog::warn("{}", error.message);
                    fail(op, std::move(error));
                    sweep_soon();
                }
                leave_lane(id);
            });
    });
}

/// As it comes, without an operation of its own: who needs it asks again.
void SandboxService::give_piece(const GivePieceCommand& command)
{
    constexpr unsigned most_asked_for = 64; // Four hosts' worth, as each of their workers asks.
    const auto& wish = command.wish;
    const auto refuse = [this, &wish](Error error) {
        ports_.uplink.give_piece({wish.operation, wish.digest, wish.offset, {}, std::move(error)});
    };
    if (!adopted_ || pieces_asked_for_ >= most_asked_for) {
        return refuse(
            {ErrorCode::unavailable, "this host has too much to do, ask again", piece_busy});
    }
    if (!checkpoints_.contains(command.snapshot)) {
        return refuse({ErrorCode::not_found,
                       "this host has no checkpoint " + command.snapshot.str(),
                       "unknown_snapshot"});
    }
    ++pieces_asked_for_;
    blocking_on(
        *piece_workers_,
        [this, command] { return read_piece(command); },
        [this](Piece piece) {
            --pieces_asked_for_;
            ports_.uplink.give_piece(std::move(piece));
        });
}

/// On a worker.
Piece SandboxService::read_piece(const GivePieceCommand& command) const
{
    const auto& wish = command.wish;
    Piece piece{wish.operation, wish.digest, wish.offset, {}, {}};
    auto data =
        ports_.checkpoints.read_piece(command.snapshot, wish.digest, wish.offset, wish.size);
    if (!data) {
        piece.error = std::move(data).error();
    } else if (is_all_zeros(*data)) {
        piece.zeros = static_cast<std::uint32_t>(data->size()); // Most of an idle guest's memory.
    } else {
        piece.data = *std::move(data);
    }
    return piece;
}

} // namespace hostd
