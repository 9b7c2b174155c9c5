#include "hostd/core/downloads.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;

namespace {

Error ending()
{
    return {ErrorCode::unavailable, "this host is ending", "host_ending"};
}

} // namespace

Result<> Downloads::fetch(const common::OperationId& operation,
                          const BlobRef& blob,
                          const Sink& sink,
                          std::uint64_t from)
{
    const Key key{operation, blob.digest};
    {
        const std::scoped_lock lock{mutex_};
        if (stopped_) {
            return ending();
        }
        if (!under_way_.try_emplace(key).second) {
            return Error{ErrorCode::internal, blob.digest + " is being fetched already"};
        }
    }
    auto passed = pass_on(key, blob, sink, from);
    const std::scoped_lock lock{mutex_};
    under_way_.erase(key);
    return passed;
}

Result<> Downloads::pace(std::size_t bytes)
{
    const auto wait = pace_.take(bytes, steady_clock::now());
    std::unique_lock lock{mutex_};
    if (news_.wait_for(lock, wait, [this] { return stopped_; })) {
        return ending();
    }
    return {};
}

Result<>
Downloads::pass_on(const Key& key, const BlobRef& blob, const Sink& sink, std::uint64_t from)
{
    const auto end = blob.size.count();
    auto asked = from;
    for (auto at = from; at < end;) {
        const auto ahead = at + settings_.window * settings_.piece;
        for (; asked < std::min(ahead, end); asked += settings_.piece) {
            const auto size =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(settings_.piece, end - asked));
            {
                const std::scoped_lock lock{mutex_};
                under_way_[key][asked] = {steady_clock::now(), size};
            }
            ask(key, asked, size);
        }
        COMMON_TRY(const auto data, next(key, at));
        COMMON_CHECK(sink(data));
        at += data.size();
    }
    return {};
}

Result<std::string> Downloads::next(const Key& key, std::uint64_t offset)
{
    const auto give_up = steady_clock::now() + settings_.patience;
    bool is_last = false; // This process may have stood still: after that it looks once more.
    while (true) {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> late;
        {
            std::unique_lock lock{mutex_};
            auto& window = under_way_.at(key);
            const auto& first = window.at(offset);
            const auto come = [&] { return stopped_ || first.come.has_value(); };
            const auto until = steady_clock::now() + settings_.ask_again;
            news_.wait_until(lock, until, come);
            if (stopped_) {
                return ending();
            }
            if (first.come) {
                auto piece = std::move(*window.extract(offset).mapped().come);
                if (piece.error) {
                    return *std::move(piece.error);
                }
                return piece.zeros > 0 ? std::string(piece.zeros, '\0') : std::move(piece.data);
            }
            const auto now = steady_clock::now();
            if (is_last) {
                return Error{ErrorCode::unavailable,
                             fmt::format("nothing came of {} from byte {} on, for {} s",
                                         key.second,
                                         offset,
                                         settings_.patience.count() / 1000),
                             "coordinator_silent"};
            }
            is_last = now >= give_up;
            for (auto& [at, awaited] : window) {
                if (!awaited.come && now - awaited.asked >= settings_.ask_again) {
                    awaited.asked = now;
                    late.emplace_back(at, awaited.size);
                }
            }
        }
        for (const auto& [at, size] : late) {
            ask(key, at, size);
        }
    }
}

void Downloads::ask(const Key& key, std::uint64_t offset, std::uint32_t size) const
{
    ask_({key.first, key.second, offset, size});
}

void Downloads::deliver(Piece piece)
{
    const std::scoped_lock lock{mutex_};
    const auto found = under_way_.find({piece.operation, piece.digest});
    if (found == under_way_.end()) {
        return;
    }
    const auto awaited = found->second.find(piece.offset);
    if (awaited == found->second.end() || awaited->second.come) {
        return;
    }
    if (piece.error ? piece.error->reason == piece_busy
                    : piece.data.size() + piece.zeros != awaited->second.size) {
        return; // It is asked for again.
    }
    awaited->second.come = std::move(piece);
    news_.notify_all();
}

void Downloads::stop()
{
    const std::scoped_lock lock{mutex_};
    stopped_ = true;
    news_.notify_all();
}

} // namespace hostd
