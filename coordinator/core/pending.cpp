#include "coordinator/core/pending.hpp"

#include "common/utf8.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;

std::string_view to_string(Pending::Kind kind) noexcept
{
    switch (kind) {
    case Pending::Kind::create: return "create";
    case Pending::Kind::claim: return "claim";
    case Pending::Kind::start: return "start";
    case Pending::Kind::pause: return "pause";
    case Pending::Kind::suspend: return "suspend";
    case Pending::Kind::stop: return "stop";
    case Pending::Kind::restore: return "restore";
    case Pending::Kind::destroy: return "destroy";
    case Pending::Kind::snapshot: return "snapshot";
    case Pending::Kind::delete_snapshot: return "delete_snapshot";
    case Pending::Kind::verify_snapshot: return "verify_snapshot";
    case Pending::Kind::make_image: return "make_image";
    case Pending::Kind::remove_image: return "remove_image";
    case Pending::Kind::register_image: return "register_image";
    case Pending::Kind::fetch_image: return "fetch_image";
    case Pending::Kind::drop_image: return "drop_image";
    case Pending::Kind::move: return "move";
    case Pending::Kind::offer_snapshot: return "offer_snapshot";
    case Pending::Kind::fetch_snapshot: return "fetch_snapshot";
    case Pending::Kind::leave: return "leave";
    case Pending::Kind::replicate: return "replicate";
    case Pending::Kind::drop_replica: return "drop_replica";
    case Pending::Kind::run: return "run";
    case Pending::Kind::read: return "read";
    case Pending::Kind::list_vms: return "list_vms";
    }
    return "unknown";
}

bool is_lifecycle(Pending::Kind kind) noexcept
{
    return kind != Pending::Kind::run && !is_question(kind) && !is_about_checkpoint(kind) &&
           !is_about_image(kind) && !is_about_move(kind);
}

bool is_about_move(Pending::Kind kind) noexcept
{
    return kind == Pending::Kind::move || kind == Pending::Kind::offer_snapshot ||
           kind == Pending::Kind::fetch_snapshot || kind == Pending::Kind::leave ||
           kind == Pending::Kind::replicate || kind == Pending::Kind::drop_replica;
}

bool is_question(Pending::Kind kind) noexcept
{
    return kind == Pending::Kind::read || kind == Pending::Kind::list_vms;
}

bool is_about_checkpoint(Pending::Kind kind) noexcept
{
    return kind == Pending::Kind::snapshot || kind == Pending::Kind::delete_snapshot ||
           kind == Pending::Kind::verify_snapshot;
}

bool is_about_image(Pending::Kind kind) noexcept
{
    return kind == Pending::Kind::make_image || kind == Pending::Kind::remove_image ||
           is_about_registration(kind);
}

bool is_about_registration(Pending::Kind kind) noexcept
{
    return kind == Pending::Kind::register_image || kind == Pending::Kind::fetch_image ||
           kind == Pending::Kind::drop_image;
}

std::string audit_action(std::string_view kind)
{
    if (kind == "run") {
        return "command.run";
    }
    if (kind == "snapshot") {
        return "snapshot.create";
    }
    if (kind == "restore") {
        return "snapshot.restore";
    }
    if (kind == "make_image") {
        return "image.create";
    }
    if (kind == "remove_image") {
        return "image.delete";
    }
    if (const auto end = kind.find("_image"); end != std::string_view::npos) {
        return "image." + std::string{kind.substr(0, end)};
    }
    if (kind.starts_with("file_")) {
        return "file." + std::string{kind.substr(5)};
    }
    if (constexpr std::string_view terminal = "terminal_"; kind.starts_with(terminal)) {
        return "terminal." + std::string{kind.substr(terminal.size())};
    }
    if (const auto end = kind.find("_snapshot"); end != std::string_view::npos) {
        return "snapshot." + std::string{kind.substr(0, end)};
    }
    return "sandbox." + std::string{kind};
}

Error not_recorded(std::string_view attempt, const Error& cause)
{
    const auto text = std::string{attempt} + ": the database did not record it: " + cause.message;
    switch (cause.code) {
    case ErrorCode::timeout: return {ErrorCode::timeout, text, "outcome_unknown"};
    case ErrorCode::rate_limited: return {ErrorCode::rate_limited, text, "database_busy"};
    case ErrorCode::internal: return {ErrorCode::internal, text};
    default: return {ErrorCode::unavailable, text, "database_unavailable"};
    }
}

Error not_ready(const Checkpoint& checkpoint, std::string_view attempt)
{
    return {ErrorCode::failed_precondition,
            std::string{attempt} + " snapshot " + checkpoint.name + ": it is " +
                (checkpoint.status == Checkpoint::Status::taking ? "being taken" : "being deleted"),
            "wrong_state"};
}

Error deleted_later(const Checkpoint& checkpoint)
{
    return {ErrorCode::timeout,
            "delete snapshot " + checkpoint.name + ": its host " + checkpoint.host.str() +
                " is not connected; this is finished when it is back",
            "outcome_unknown"};
}

Error restored()
{
    return {ErrorCode::failed_precondition,
            "the sandbox was restored to a checkpoint while the command ran",
            "restored"};
}

Error no_network(std::string_view attempt)
{
    return {ErrorCode::failed_precondition,
            std::string{attempt} + ": it has no network, and so no address",
            "no_network"};
}

namespace {

void append_escaped(std::string& out, std::string_view text)
{
    constexpr std::string_view hex = "0123456789abcdef";
    while (!text.empty()) {
        const auto length = std::max<std::size_t>(common::utf8_sequence(text), 1);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length > 1) {
            out += text.substr(0, length);
        } else if (byte == '"' || byte == '\\') {
            out += '\\';
            out += text.front();
        } else if (byte < 0x20 || byte >= 0x7f) {
            // Not only controls: what a guest or a caller said need not be UTF-8.
            out += "\\u00";
            out += hex[byte >> 4U];
            out += hex[byte & 0xfU];
        } else {
            out += text.front();
        }
        text.remove_prefix(length);
    }
}

} // namespace

std::string detail_of(const std::vector<std::pair<std::string_view, std::string>>& fields)
{
    constexpr std::size_t longest = 1024;
    std::string json = "{";
    for (const auto& [name, value] : fields) {
        json += json.size() > 1 ? ",\"" : "\"";
        append_escaped(json, name);
        json += "\":\"";
        append_escaped(json, common::utf8_front(value, longest));
        json += '"';
    }
    return json + "}";
}

std::string
detail_of_create(const Sandbox& sandbox, const CreateRequest& request, const std::string& pool)
{
    std::vector<std::pair<std::string_view, std::string>> detail{
        {"image", sandbox.image.str()},
        {"image_digest", sandbox.image_digest},
        {"name", sandbox.name},
        {"agent_id", sandbox.agent_id}};
    if (!pool.empty()) {
        detail.emplace(detail.begin(), "pool", pool);
    }
    if (!request.from_template.empty()) {
        detail.emplace_back("template", request.from_template);
    }
    return detail_of(detail);
}

std::vector<std::pair<std::string_view, std::string>> about_run(const Pending& op)
{
    constexpr std::size_t shown = 200;
    const auto& record = op.record;
    std::vector<std::pair<std::string_view, std::string>> detail{
        {"command_id", record.id.str()},
        {"command", std::string{common::utf8_front(record.command, shown)}}};
    const auto* exec = std::get_if<ExecOnHost>(&op.command.what);
    if (exec == nullptr || !exec->live) {
        return detail;
    }
    for (const auto& [name, value] : exec->live->about) {
        if (!value.empty()) {
            detail.emplace_back(name, value);
        }
    }
    return detail;
}

} // namespace coordinator
