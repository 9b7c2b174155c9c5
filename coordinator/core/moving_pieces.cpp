// Sandboxes that change hosts: what goes from one to the other, and what takes too long.
#include "coordinator/core/moving.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// For a host to ask for the next piece, or to answer.
constexpr std::chrono::seconds copy_patience{60};
/// What came it makes durable and digests, in silence: so fast at least.
constexpr std::uint64_t digested_per_second = std::uint64_t{16} << 20U;

/// How long nothing need be heard of a step.
std::chrono::seconds patience_for(const Op& step)
{
    const auto* fetch = step ? std::get_if<FetchSnapshotOnHost>(&step->command.what) : nullptr;
    std::uint64_t bytes = 0;
    for (const auto& file :
         fetch == nullptr ? std::vector<CheckpointOffer::File>{} : fetch->offer.files) {
        bytes += file.size.count();
    }
    return copy_patience + std::chrono::seconds{bytes / digested_per_second};
}
/// An answer to a piece that has not come by then never will.
constexpr std::chrono::seconds piece_patience{10};
constexpr std::size_t most_pieces = 32; ///< Under way for one move: a host asks for eight at once.

} // namespace

/// A host gets what the other one offered to it.
bool Core::Moving::on_wanted(const HostWantsPiece& wish)
{
    const auto found = core_.pending_.find(wish.operation);
    if (found == core_.pending_.end() || found->second->kind != Kind::fetch_snapshot ||
        found->second->host != wish.host) {
        return false;
    }
    const auto move = of(found->second);
    const auto& fetch = std::get<FetchSnapshotOnHost>(found->second->command.what);
    if (!move ||
        std::ranges::find(fetch.offer.files, wish.digest, &CheckpointOffer::File::digest) ==
            fetch.offer.files.end()) {
        return false;
    }
    const auto now = core_.clock_.steady();
    move->heard = now;
    std::erase_if(move->wanted,
                  [now](const auto& entry) { return now - entry.second >= piece_patience; });
    if (move->wanted.size() >= most_pieces) {
        return true; // It asks for more than it takes; what matters it asks for again.
    }
    move->wanted.insert_or_assign({wish.digest, wish.offset}, now);
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = move->caller.request;
    command.what =
        GivePieceOnHost{fetch.snapshot, wish.operation, wish.digest, wish.offset, wish.size};
    static_cast<void>(core_.link_.send(move->from, std::move(command)));
    return true;
}

void Core::Moving::on_given(HostGivesPiece piece)
{
    const auto found = core_.pending_.find(piece.operation);
    const auto move = found == core_.pending_.end() ? nullptr : of(found->second);
    if (!move || move->from != piece.host || found->second->kind != Kind::fetch_snapshot ||
        move->wanted.erase({piece.digest, piece.offset}) == 0) {
        return; // Nobody waits for it.
    }
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = move->caller.request;
    command.what = PieceOnHost{
        piece.operation, piece.digest, piece.offset, std::move(piece.data), piece.zeros};
    static_cast<void>(core_.link_.send(move->to, std::move(command)));
}

void Core::Moving::tick()
{
    const auto now = core_.clock_.steady();
    const auto all = moves_; // They come and go meanwhile.
    for (const auto& [id, move] : all) {
        const auto silent = now - move->heard;
        const auto* to = core_.fleet_.host(move->to);
        const bool gone = to == nullptr || to->host.health == HostHealth::lost;
        const bool copies = move->stage == Stage::copying || move->stage == Stage::crossing;
        const auto* from = core_.fleet_.host(move->from);
        const bool left_alone = move->stage == Stage::still && !move->revived && from != nullptr &&
                                from->host.health == HostHealth::lost;
        if (move->stage == Stage::closing && is_quiet(id)) {
            go_on(move);
        } else if (move->stage == Stage::closing && silent >= quiet_patience) {
            fail(move,
                 {ErrorCode::failed_precondition,
                  "move sandbox " + id.str() + ": a command in it has not ended",
                  "busy"});
        } else if (left_alone || (copies && (gone || silent >= patience_for(move->step)))) {
            const Error error{
                ErrorCode::unavailable,
                fmt::format("move sandbox {}: nothing was heard of it from host {} or {}",
                            id.str(),
                            move->from.str(),
                            move->to.str()),
                "host_silent"};
            if (!left_alone) {
                shun(move, error);
            }
            fail(move, error);
        }
    }
    wake_stranded();
}

} // namespace coordinator
