#include "coordinator/http/rest/exec_stream.hpp"

#include "coordinator/http/rest/event_text.hpp"

namespace coordinator::http::rest {

Json exec_json(const Command& record)
{
    const bool running = record.status == "running";
    Json json{{"id", record.id.str()},
              {"sandbox_id", record.sandbox.str()},
              {"command", record.command},
              {"user", record.user},
              {"status", record.status},
              {"pty", record.mode == CommandMode::terminal},
              {"stdin", record.mode != CommandMode::live},
              {"started_at", common::to_rfc3339(record.started_at)}};
    set_if(json, "cwd", record.cwd);
    set_if_time(json, "ended_at", record.ended_at);
    if (!running) {
        json["exit_code"] = record.exit_code;
        json["timed_out"] = record.timed_out;
    }
    if (record.status != "finished" && !running) {
        set_if(json, "error", record.stderr_text);
    }
    return json;
}

ExecStream::ExecStream(std::shared_ptr<ExecFeed> feed, std::uint64_t from)
    : feed_{std::move(feed)}, position_{from}
{}

std::string ExecStream::take(std::size_t size)
{
    std::string text;
    if (!std::exchange(begun_, true)) {
        text = event_text("start", position_, Json{{"exec", exec_json(feed_->record())}});
    }
    while (!ended_ && text.size() < size) {
        const auto event = feed_->take();
        if (!event) {
            break;
        }
        text += text_of_event(*event);
    }
    return text;
}

std::string ExecStream::text_of_event(const ExecFeed::Event& event)
{
    if (const auto* output = std::get_if<ExecFeed::Output>(&event)) {
        position_ = output->position + output->data.size();
        Json json{{"seq", output->position}};
        set_bytes(json, output->data);
        return event_text(output->of_stderr ? "stderr" : "stdout", position_, json);
    }
    if (const auto* gap = std::get_if<ExecFeed::Gap>(&event)) {
        position_ = gap->to;
        return event_text("gap", position_, Json{{"from", gap->from}, {"to", gap->to}});
    }
    ended_ = true;
    if (const auto* end = std::get_if<ExecFeed::Ended>(&event)) {
        return event_text("exit", end->position, exec_json(end->record));
    }
    return interrupted_text(position_);
}

std::string ExecStream::sign_of_life() const
{
    return event_text("keepalive", position_, Json::object());
}

std::string ExecStream::farewell() const
{
    return interrupted_text(position_);
}

} // namespace coordinator::http::rest
