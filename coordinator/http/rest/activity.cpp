#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/activity_order.hpp"
#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/sandbox_json.hpp"

#include <algorithm>
#include <cctype>

// What is done in one sandbox, as the predecessor's stream told it: the audit's rows of commands
// and file changes, in its words, and what live commands write.
namespace coordinator::http::rest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Of commands, at the beginning.
constexpr std::uint32_t history = 50;

/// Other protocols that a client offers are passed over (RFC 9110, 7.8).
bool wants_websocket(std::string upgrade)
{
    std::ranges::transform(
        upgrade, upgrade.begin(), [](unsigned char c) { return std::tolower(c); });
    return upgrade.find("websocket") != std::string::npos;
}

class ActivityStream final : public ReplyStream {
public:
    /// `commands`: what came before, unless the reader has had it.
    ActivityStream(common::SandboxId id,
                   Following following,
                   const OutputWatch& watch,
                   std::optional<CommandPage> commands,
                   common::Clock& clock)
        : id_{std::move(id)},
          feed_{following.feed},
          watched_{watch.feed},
          order_{std::move(following.feed), watch, running_in(commands)},
          commands_{std::move(commands)},
          position_{following.from},
          clock_{clock}
    {}

    void on_news(std::function<void()> news) override
    {
        watched_->on_news(news);
        feed_->on_news(std::move(news));
    }
    std::string take(std::size_t size) override
    {
        std::string text;
        if (!std::exchange(begun_, true)) {
            text = said("connected", clock_.wall(), {}) + told_history();
        }
        while (text.size() < size) {
            const auto activity = order_.next();
            if (!activity) {
                break;
            }
            if (const auto* piece = std::get_if<ToldPiece>(&*activity)) {
                text += told(*piece);
                continue;
            }
            const auto& event = std::get<AuditEvent>(*activity);
            position_ = event.seq;
            text += told(event);
        }
        return text;
    }
    [[nodiscard]] bool ended() const override { return false; }
    [[nodiscard]] std::string sign_of_life() const override
    {
        return said("heartbeat", clock_.wall(), {});
    }
    [[nodiscard]] std::string farewell() const override { return interrupted_text(position_); }
    void close() override
    {
        watched_->close();
        feed_->close();
    }

private:
    static std::set<common::CommandId> running_in(const std::optional<CommandPage>& commands)
    {
        std::set<common::CommandId> running;
        for (const auto& command : commands ? commands->commands : std::vector<Command>{}) {
            if (command.status == "running") {
                running.insert(command.id);
            }
        }
        return running;
    }
    [[nodiscard]] std::string
    said(const char* type, common::WallTime at, const std::optional<Json>& data) const
    {
        Json json{{"type", type}, {"timestamp", common::to_rfc3339(at)}, {"sandbox_id", id_.str()}};
        if (data) {
            json["data"] = *data;
        }
        return event_text(type, position_, json);
    }
    std::string told_history()
    {
        if (!commands_) {
            return {};
        }
        Json json{{"commands", Json::array()}, {"total", commands_->total}};
        for (const auto& command : commands_->commands) {
            json["commands"].push_back(command_json(command));
        }
        commands_.reset();
        return said("command_history", clock_.wall(), json);
    }
    [[nodiscard]] std::string told(const AuditEvent& event) const
    {
        const auto& row = event.row;
        auto detail = Json::parse(row.detail, nullptr, false);
        if (!detail.is_object()) {
            detail = Json::object();
        }
        if (row.action == "command.run") {
            return row.kind == AuditRow::Kind::intent
                       ? said("command_start", event.at, detail)
                       : told_output(event) + told_end(event, std::move(detail));
        }
        if (row.action.starts_with("file.") && row.kind == AuditRow::Kind::outcome) {
            Json change{{"change", row.action.substr(5)}};
            for (const auto* name : {"path", "to"}) {
                if (const auto found = detail.find(name); found != detail.end()) {
                    change[name] = *found;
                }
            }
            change["actor"] = row.caller.actor;
            change["result"] = row.result;
            return said("file_change", event.at, change);
        }
        return {};
    }
    /// Of a live command, as it comes. Its id is that of the row before: who comes back is told no
    /// row twice, and of output what is new.
    [[nodiscard]] std::string told(const ToldPiece& piece) const
    {
        Json json{{"command_id", piece.command.str()}, {"seq", piece.position}};
        if (piece.missed > 0) {
            json["missed_bytes"] = piece.missed;
        }
        if (!piece.data.empty()) {
            json["stream"] = piece.of_stderr ? "stderr" : "stdout";
            set_bytes(json, piece.data);
            json["truncated"] = false;
        }
        return said("command_output", clock_.wall(), json);
    }
    [[nodiscard]] std::string told_output(const AuditEvent& event) const
    {
        std::string text;
        if (!event.command) {
            return text;
        }
        const auto& command = *event.command;
        for (const auto& [stream, output] : {std::pair{"stdout", &command.stdout_text},
                                             std::pair{"stderr", &command.stderr_text}}) {
            if (output->empty() || command.status != "finished") {
                continue;
            }
            Json json{{"command_id", command.id.str()}, {"stream", stream}};
            set_bytes(json, *output);
            json["truncated"] = command.truncated;
            text += said("command_output", event.at, json);
        }
        return text;
    }
    [[nodiscard]] std::string told_end(const AuditEvent& event, Json detail) const
    {
        detail["result"] = event.row.result;
        if (event.command) {
            detail["status"] = event.command->status;
            detail["exit_code"] = event.command->exit_code;
            detail["timed_out"] = event.command->timed_out;
        } else {
            detail.erase("exit_code"); // Text there.
        }
        return said("command_end", event.at, detail);
    }

    const common::SandboxId id_;
    std::shared_ptr<EventFeed> feed_;
    std::shared_ptr<WatchFeed> watched_;
    ActivityOrder order_;
    std::optional<CommandPage> commands_;
    std::uint64_t position_;
    common::Clock& clock_;
    bool begun_ = false;
};

} // namespace

Result<Reply> follow_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    QueryFields fields{request.query};
    const auto from = fields.position(request.last_event_id);
    COMMON_CHECK(fields.finish("follow a sandbox"));
    if (wants_websocket(request.upgrade)) {
        return Error{ErrorCode::invalid_argument,
                     "follow a sandbox: this is no WebSocket; GET /v1/sandboxes/" + id.str() +
                         "/stream without Upgrade answers with server-sent events",
                     "use_event_stream"};
    }
    EventFilter filter;
    filter.target = id.str();
    filter.with_commands = true;
    filter.marks_now = true;
    // First who runs, then the rows, then what was before them: what begins or ends in between is
    // told twice, not never.
    COMMON_TRY(auto watch, context.service.live_execs().watch(request.caller, id));
    auto following = context.service.events().follow(request.caller, std::move(filter), from);
    if (!following) {
        watch.feed->close();
        return std::move(following).error();
    }
    auto commands = context.service.commands(
        request.caller, id, {.limit = history, .offset = 0, .bytes = common::Bytes::kib(128)});
    if (!commands) {
        watch.feed->close();
        following->feed->close();
        return std::move(commands).error();
    }
    for (auto& command : commands->commands) {
        cut_outputs(command);
    }
    return event_stream(
        std::make_shared<ActivityStream>(id,
                                         *std::move(following),
                                         watch,
                                         from ? std::nullopt : std::optional{*std::move(commands)},
                                         context.clock));
}

} // namespace coordinator::http::rest
