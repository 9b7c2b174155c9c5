#include "coordinator/http/rest/activity_order.hpp"

#include "coordinator/http/rest/json_text.hpp"

#include <utility>

namespace coordinator::http::rest {

namespace {

/// Of output whose command's start is not told yet: the audit is a moment behind.
constexpr std::size_t most_before_start = std::size_t{128} << 10U;

common::CommandId command_of_row(const AuditEvent& event)
{
    if (event.row.action != "command.run") {
        return {};
    }
    const auto detail = Json::parse(event.row.detail, nullptr, false);
    const auto id = detail.is_object() ? detail.find("command_id") : detail.end();
    return detail.is_object() && id != detail.end() && id->is_string()
               ? common::CommandId{id->get<std::string>()}
               : common::CommandId{};
}

bool is_run(const AuditEvent& event)
{
    return event.command && event.command->mode == CommandMode::run;
}

} // namespace

ActivityOrder::ActivityOrder(std::shared_ptr<EventFeed> rows,
                             OutputWatch watch,
                             std::set<common::CommandId> known)
    : rows_{std::move(rows)},
      watched_{std::move(watch.feed)},
      running_{std::move(watch.running)},
      known_{std::move(known)}
{
    for (const auto& command : running_) {
        lives_[command];
    }
}

std::optional<ToldActivity> ActivityOrder::next()
{
    while (ready_.empty()) {
        if (!ending_) {
            if (auto row = rows_->take()) {
                take_row(*std::move(row));
                continue;
            }
        }
        if (ending_ && may_finish()) {
            finish();
            continue;
        }
        const auto event = watched_->take();
        if (!event) {
            return std::nullopt;
        }
        looks_ -= looks_ > 0 ? 1 : 0;
        take_watched(*event);
    }
    auto told = std::move(ready_.front());
    ready_.pop_front();
    return told;
}

void ActivityOrder::take_row(AuditEvent row)
{
    if (row.ends) {
        for (const auto& command : std::exchange(running_, {})) {
            now_known(command);
        }
        return;
    }
    const auto command = command_of_row(row);
    if (!command.empty() && row.row.kind == AuditRow::Kind::outcome) {
        // A live one whose begin was not told yet has it among what waits there by now: it is told
        // before its outcome is written.
        looks_ = is_run(row) ? 0 : watched_->size();
        ending_ = std::move(row);
        ending_of_ = command;
        return;
    }
    ready_.emplace_back(std::move(row));
    if (!command.empty()) {
        now_known(command);
    }
}

bool ActivityOrder::may_finish() const
{
    const auto live = lives_.find(ending_of_);
    return live == lives_.end() ? looks_ == 0 : live->second.end.has_value();
}

void ActivityOrder::finish()
{
    if (const auto found = lives_.find(ending_of_); found != lives_.end()) {
        auto& live = found->second;
        tell_waiting(live);
        if (const auto total = live.end->total.value_or(0); total > live.position) {
            ready_.emplace_back(ToldPiece{ending_of_, false, total, total - live.position, {}});
        }
        lives_.erase(found);
    }
    known_.erase(ending_of_);
    running_.erase(ending_of_);
    ready_.emplace_back(*std::exchange(ending_, std::nullopt));
}

void ActivityOrder::now_known(const common::CommandId& command)
{
    known_.insert(command);
    if (const auto live = lives_.find(command); live != lives_.end()) {
        tell_waiting(live->second);
    }
}

void ActivityOrder::take_watched(const WatchedEvent& event)
{
    if (const auto* piece = std::get_if<Piece>(&event)) {
        take_piece(*piece);
    } else if (const auto* begin = std::get_if<WatchedBegin>(&event)) {
        lives_[begin->command];
    } else {
        const auto& end = std::get<WatchedEnd>(event);
        if (const auto live = lives_.find(end.command); live != lives_.end()) {
            live->second.end = end;
        }
    }
}

void ActivityOrder::take_piece(const Piece& piece)
{
    const auto live = lives_.find(piece->command);
    if (live == lives_.end()) {
        return; // Its end was told.
    }
    if (known_.contains(piece->command)) {
        tell(live->second, piece);
    } else if (waiting_ + piece->data.size() <= most_before_start) {
        waiting_ += piece->data.size();
        live->second.waiting.push_back(piece);
    }
}

void ActivityOrder::tell(Live& live, const Piece& piece)
{
    ready_.emplace_back(ToldPiece{piece->command,
                                  piece->of_stderr,
                                  piece->position,
                                  piece->position - live.position,
                                  piece->data});
    live.position = piece->position + piece->data.size();
}

void ActivityOrder::tell_waiting(Live& live)
{
    for (const auto& piece : std::exchange(live.waiting, {})) {
        waiting_ -= piece->data.size();
        tell(live, piece);
    }
}

} // namespace coordinator::http::rest
