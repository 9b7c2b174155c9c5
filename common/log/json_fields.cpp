#include "common/log/json_fields.hpp"

#include "common/id.hpp"
#include "common/utf8.hpp"
#include "common/working_on.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace common::log {

namespace {

struct IdField {
    std::string_view name;
    std::string_view prefix;
};

constexpr IdField id_fields[]{{"request_id", RequestId::tag::prefix},
                              {"sandbox_id", SandboxId::tag::prefix},
                              {"snapshot_id", SnapshotId::tag::prefix},
                              {"operation_id", OperationId::tag::prefix},
                              {"command_id", CommandId::tag::prefix}};

bool is_base32(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

/// A word of letters, digits and underscores goes on with it: no id begins or ends there.
bool is_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Empty: there is none.
std::string_view first_id(std::string_view text, std::string_view prefix)
{
    constexpr std::size_t characters = 16; // 80 bits.
    for (auto at = text.find(prefix); at != std::string_view::npos;
         at = text.find(prefix, at + 1)) {
        const auto id = text.substr(at, prefix.size() + 1 + characters);
        const auto end = at + id.size();
        if (id.size() == prefix.size() + 1 + characters && id[prefix.size()] == '-' &&
            std::ranges::all_of(id.substr(prefix.size() + 1), is_base32) &&
            (at == 0 || !is_in_word(text[at - 1])) &&
            (end == text.size() || !is_in_word(text[end]))) {
            return id;
        }
    }
    return {};
}

/// Of this thread; empty: nothing of that kind.
std::string_view worked_on(std::string_view prefix)
{
    const auto& work = WorkingOn::now();
    if (work && prefix == RequestId::tag::prefix) {
        return work->request.str();
    }
    return work && prefix == SandboxId::tag::prefix ? work->sandbox.str() : std::string_view{};
}

std::string escaped(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        const auto length = utf8_sequence(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0) {
            out += "\\ufffd";
        } else if (byte == '"' || byte == '\\') {
            out += '\\';
            out += text.front();
        } else if (byte < 0x20) {
            out += fmt::format("\\u{:04x}", byte);
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

} // namespace

std::string json_fields(std::string_view message)
{
    auto json = fmt::format(R"("message":"{}")", escaped(message));
    for (const auto& [name, prefix] : id_fields) {
        auto id = first_id(message, prefix);
        id = id.empty() ? first_id(worked_on(prefix), prefix) : id;
        if (!id.empty()) {
            json += fmt::format(R"(,"{}":"{}")", name, id);
        }
    }
    return json;
}

std::string text_fields(std::string_view message)
{
    std::string text;
    for (const auto& [name, prefix] : id_fields) {
        const auto id = first_id(worked_on(prefix), prefix);
        if (!id.empty() && first_id(message, prefix).empty()) {
            text += fmt::format("{}{}", text.empty() ? " (" : " ", id);
        }
    }
    return text.empty() ? text : text + ")";
}

} // namespace common::log
