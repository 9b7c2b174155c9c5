#pragma once

#include "common/clock.hpp"
#include "common/result.hpp"
#include "hostd/core/blob.hpp"
#include "hostd/core/pace.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

namespace hostd {

/// Files that the coordinator keeps, or another host, fetched by workers. One asks for several
/// pieces at once, and again for those that do not come: neither a lost connection nor a
/// coordinator that starts anew ends a download, unless it lasts. Any thread.
class Downloads {
public:
    struct Settings {
        std::uint32_t piece = 256U << 10U; ///< Bytes.
        std::size_t window = 8;            ///< Pieces that are asked for and not taken yet.
        std::chrono::milliseconds ask_again{5'000};
        std::chrono::milliseconds patience{60'000}; ///< For the next piece to come.
        common::Bytes per_second;                   ///< Of what pace() is asked about; 0: no bound.
    };
    /// Asks the coordinator; returns at once. What it asks for may never come.
    using Ask = std::function<void(PieceWish)>;
    /// Takes the file from its beginning on. Its error ends the download.
    using Sink = std::function<common::Result<>(std::string_view)>;

    Downloads(Ask ask, Settings settings)
        : ask_{std::move(ask)}, settings_{settings}, pace_{settings.per_second}
    {}

    /// Blocks until the sink has all of it from byte `from` on. What it holds then is not looked
    /// at. The sink's error, or what the coordinator says; `unavailable`: coordinator_silent,
    /// host_ending.
    common::Result<> fetch(const common::OperationId& operation,
                           const BlobRef& blob,
                           const Sink& sink,
                           std::uint64_t from = 0);

    /// Blocks for as long as these have to wait for the bound. `unavailable`: host_ending.
    common::Result<> pace(std::size_t bytes);

    /// Of the coordinator. One that nobody has asked for is forgotten, and so is one that does not
    /// come only now (piece_busy). Returns at once.
    void deliver(Piece piece);

    /// Ends what is under way, and what would begin.
    void stop();

private:
    using Key = std::pair<common::OperationId, std::string>;
    struct Awaited {
        common::SteadyTime asked;
        std::uint32_t size = 0;
        std::optional<Piece> come{};
    };
    /// By offset.
    using Window = std::map<std::uint64_t, Awaited>;

    /// The piece that begins there, as soon as it has come; asks again for what is late.
    common::Result<std::string> next(const Key& key, std::uint64_t offset);
    void ask(const Key& key, std::uint64_t offset, std::uint32_t size) const;
    common::Result<>
    pass_on(const Key& key, const BlobRef& blob, const Sink& sink, std::uint64_t from);

    const Ask ask_;
    const Settings settings_;
    Pace pace_;
    std::mutex mutex_;
    std::condition_variable news_;
    std::map<Key, Window> under_way_;
    bool stopped_ = false;
};

} // namespace hostd
