#include "coordinator/http/rest/file_models.hpp"

#include "coordinator/http/rest/event_text.hpp"

namespace coordinator::http::rest {

namespace {

/// What every reply about one file has.
void put_info(Json& json, const FileInfo& info)
{
    json["size"] = info.size;
    json["mode"] = mode_text(info.mode);
    json["mod_time"] = common::to_rfc3339(info.modified);
    json["uid"] = info.uid;
    json["gid"] = info.gid;
}

Json lines_json(const FileAnswer& answer)
{
    Json json;
    json["content"] = answer.text;
    if (!answer.entries.empty()) {
        put_info(json, answer.entries.front());
    }
    json["from_line"] = answer.from;
    json["to_line"] = answer.to;
    if (answer.total) {
        json["total_lines"] = *answer.total;
    }
    json["truncated"] = answer.truncated;
    return json;
}

Json list_json(const FileAnswer& answer)
{
    Json json{{"files", Json::array()}, {"truncated", answer.truncated}};
    for (const auto& info : answer.entries) {
        json["files"].push_back(file_json(info));
    }
    if (answer.unreadable > 0) {
        json["unreadable"] = answer.unreadable;
    }
    return json;
}

Json exists_json(const FileAnswer& answer)
{
    Json json{{"exists", !answer.entries.empty()}};
    if (!answer.entries.empty()) {
        json["is_dir"] = answer.entries.front().kind == "folder";
        json["info"] = file_json(answer.entries.front());
    }
    return json;
}

Json written_json(const FileAnswer& answer)
{
    return {{"written", true},
            {"created", answer.created},
            {"bytes_written", answer.bytes},
            {"sha256", answer.sha256}};
}

Json edited_json(const FileAnswer& answer)
{
    return {{"edited", answer.count > 0},
            {"replacements", answer.count},
            {"diff", answer.text},
            {"diff_truncated", answer.truncated},
            {"size", answer.bytes},
            {"sha256", answer.sha256}};
}

Json copied_json(const FileAnswer& answer)
{
    return {{"copied", true},
            {"bytes_copied", answer.bytes},
            {"entries", answer.count},
            {"skipped", answer.skipped}};
}

Json told_json(FileAction action, const FileAnswer& answer)
{
    switch (action) {
    case FileAction::exists: return exists_json(answer);
    case FileAction::list: return list_json(answer);
    case FileAction::lines: return lines_json(answer);
    case FileAction::hash: return {{"algorithm", "sha256"}, {"hash", answer.sha256}};
    case FileAction::write: return written_json(answer);
    case FileAction::edit: return edited_json(answer);
    case FileAction::mkdir: return {{"created", answer.created}};
    case FileAction::move: return {{"moved", true}};
    case FileAction::copy: return copied_json(answer);
    case FileAction::remove:
        return {{"deleted", true}, {"was_dir", answer.was_folder}, {"entries", answer.count}};
    case FileAction::read:
    case FileAction::watch: break;
    }
    return Json::object();
}

} // namespace

std::string mode_text(unsigned mode)
{
    return fmt::format("{:04o}", mode);
}

Json file_json(const FileInfo& info)
{
    const auto slash = info.path.rfind('/');
    const auto name = slash == std::string::npos ? info.path : info.path.substr(slash + 1);
    Json json{{"name", name.empty() ? info.path : name},
              {"path", info.path},
              {"kind", info.kind},
              {"is_dir", info.kind == "folder"}};
    put_info(json, info);
    set_if(json, "target", info.target);
    return json;
}

Json file_answer_json(const FileRequest& file, const FileAnswer& answer)
{
    const bool has_two = file.action == FileAction::copy || file.action == FileAction::move;
    Json json =
        has_two ? Json{{"source", file.path}, {"destination", file.to}} : Json{{"path", file.path}};
    json.update(told_json(file.action, answer));
    return json;
}

std::string WatchStream::take(std::size_t size)
{
    std::string text;
    if (!std::exchange(begun_, true)) {
        text = event_text("connected", 0, Json::object());
    }
    while (!told_end_ && text.size() < size) {
        const auto change = watch_->take();
        if (!change && watch_->ended()) {
            told_end_ = true;
            text += event_text("end", told_, Json::object());
        }
        if (!change) {
            break;
        }
        Json json{{"change", change->change}, {"path", change->path}, {"is_dir", change->folder}};
        set_if(json, "to", change->to);
        if (change->partial) {
            json["partial"] = true;
        }
        text += event_text("change", ++told_, json);
    }
    return text;
}

std::string WatchStream::sign_of_life() const
{
    return event_text("keepalive", told_, Json::object());
}

} // namespace coordinator::http::rest
