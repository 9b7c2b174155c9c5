#include "coordinator/http/rest/audit_models.hpp"

#include "common/digest/base64.hpp"
#include "common/digest/digest.hpp"

namespace coordinator::http::rest {

namespace {

std::string tool_of(const AuditRow& row)
{
    return row.action.substr(0, row.action.find('.'));
}

} // namespace

Json event_json(const AuditEvent& event)
{
    const auto& row = event.row;
    Json json{{"seq", event.seq},
              {"at", common::to_rfc3339(event.at)},
              {"kind", row.kind == AuditRow::Kind::intent ? "intent" : "outcome"},
              {"action", row.action},
              {"actor", row.caller.actor},
              {"request_id", row.caller.request.str()}};
    set_if(json, "operation_id", row.operation.str());
    set_if(json, "host", row.host);
    set_if(json, "target", row.target);
    set_if(json, "result", row.result);
    // It is JSON as we wrote it; whatever else it might be is told as text.
    auto detail = Json::parse(row.detail, nullptr, false);
    json["detail"] = detail.is_discarded() ? Json(row.detail) : std::move(detail);
    return json;
}

Json audit_row_json(const AuditEvent& event)
{
    auto json = event_json(event);
    json["tenant"] = event.row.caller.tenant;
    if (event.seal) {
        json["prev_hash"] = common::digest::to_hex(event.seal->prev_hash);
        json["hash"] = common::digest::to_hex(event.seal->hash);
    }
    return json;
}

Json audit_entry_json(const AuditEvent& event)
{
    const auto& row = event.row;
    Json json{{"timestamp", common::to_rfc3339(event.at)},
              {"tool", tool_of(row)},
              {"action", row.action},
              {"request_id", row.caller.request.str()}};
    auto whole = audit_row_json(event);
    if (row.kind == AuditRow::Kind::outcome && row.result != "ok") {
        const auto& detail = whole["detail"];
        const auto said = detail.is_object() ? detail.find("error") : detail.end();
        json["error"] = {{"code", row.result},
                         {"message", said != detail.end() ? *said : Json(row.result)}};
    }
    json["row"] = std::move(whole);
    return json;
}

std::string audit_line(const AuditEvent& event)
{
    auto json = audit_row_json(event);
    if (event.seal) {
        json["payload"] = common::digest::to_base64(event.seal->payload);
    }
    return text_of(json) + "\n";
}

Json audit_counts_json(const AuditCounts& counts)
{
    Json json{{"rows", counts.rows},
              {"first_seq", counts.first},
              {"last_seq", counts.last},
              {"complete", counts.complete},
              {"actions", Json::object()},
              {"results", Json::object()},
              {"actors", Json::object()}};
    for (const auto& [action, kinds] : counts.actions) {
        json["actions"][action] = {{"intents", kinds.intents}, {"outcomes", kinds.outcomes}};
    }
    for (const auto& [result, count] : counts.results) {
        json["results"][result] = count;
    }
    for (const auto& [actor, count] : counts.actors) {
        json["actors"][actor] = count;
    }
    return json;
}

Json audit_check_json(const AuditCheck& check)
{
    Json json{{"ok", !check.flaw}, {"rows", check.rows}, {"head_hash", check.head}};
    if (check.flaw) {
        json["broken_seq"] = check.flaw->seq;
        json["why"] = check.flaw->why;
    }
    return json;
}

} // namespace coordinator::http::rest
