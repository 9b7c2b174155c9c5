#include "cli/resolve.hpp"

#include "cli/listing.hpp"
#include "cli/text.hpp"
#include "common/id.hpp"

#include <fmt/format.h>
#include <optional>
#include <string_view>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

constexpr std::string_view prefix = "sbx-";

/// Of an id's characters behind its prefix: fewer hit somebody else's sandbox too easily. A
/// mistyped name that has eight of an id's letters alone is the beginning of one of a million ids
/// with a chance of one in a million.
std::size_t least(Meant meant)
{
    return meant == Meant::certain ? 8 : 3;
}

/// `text` with its prefix, if an id could begin so.
std::optional<std::string> beginning_of_id(const std::string& text, Meant meant)
{
    auto whole = text.starts_with(prefix) ? text : std::string{prefix} + text;
    const auto rest = std::string_view{whole}.substr(prefix.size());
    const bool fits =
        rest.size() >= least(meant) &&
        rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string_view::npos;
    return fits ? std::optional{std::move(whole)} : std::nullopt;
}

Error none(const std::string& text, Meant meant)
{
    auto message =
        fmt::format("no sandbox is named \"{}\", and no id begins with it", printable(text));
    if (!beginning_of_id(text, Meant::likely) || beginning_of_id(text, meant)) {
        return Error{ErrorCode::not_found, std::move(message), "no_such_sandbox"};
    }
    message = fmt::format("no sandbox is named \"{}\"; of an id at least {} characters behind {} "
                          "are needed here",
                          printable(text),
                          least(meant),
                          prefix);
    // Not a name that is gone, which `rm --force` would say nothing of.
    return text.starts_with(prefix)
               ? Error{ErrorCode::invalid_argument, std::move(message), "too_short"}
               : Error{ErrorCode::not_found, std::move(message), "no_such_sandbox"};
}

Error several(const std::string& text, const std::vector<KnownSandbox>& found)
{
    std::string lines;
    for (const auto& one : found) {
        lines += one.id + "  " + one.name + "\n";
    }
    return Error{ErrorCode::invalid_argument,
                 fmt::format("\"{}\" may mean {} sandboxes; say more of the id",
                             printable(text),
                             found.size()),
                 "ambiguous",
                 {},
                 std::move(lines)};
}

common::Result<std::vector<KnownSandbox>> listed(client::Session& session, const std::string& query)
{
    COMMON_TRY(const auto listing, list_all(session, "/v1/sandboxes", query, "sandboxes"));
    std::vector<KnownSandbox> known;
    for (const auto& item : listing.items()) {
        known.push_back({text_of(item, "id"), text_of(item, "sandbox_name")});
    }
    return known;
}

} // namespace

common::Result<std::string>
pick_sandbox(const std::string& text, const std::vector<KnownSandbox>& known, Meant meant)
{
    std::vector<KnownSandbox> named;
    std::vector<KnownSandbox> begun;
    const auto beginning = beginning_of_id(text, meant);
    for (const auto& one : known) {
        if (one.id == text) {
            return one.id;
        }
        if (one.name == text) {
            named.push_back(one);
        }
        if (beginning && one.id.starts_with(*beginning)) {
            begun.push_back(one);
        }
    }
    const auto& found = named.empty() ? begun : named;
    if (found.empty()) {
        return none(text, meant);
    }
    return found.size() == 1 ? common::Result<std::string>{found.front().id} : several(text, found);
}

common::Result<std::string>
sandbox_id(client::Session& session, const std::string& text, Meant meant)
{
    if (common::is_id(text, common::SandboxId::tag::prefix)) {
        return text;
    }
    if (!common::is_name(text)) {
        return none(text, meant); // Neither a name nor the beginning of an id.
    }
    COMMON_TRY(auto known, listed(session, "vm_name=" + client::encoded(text)));
    if (known.empty() && beginning_of_id(text, meant)) {
        COMMON_TRY(known, listed(session, ""));
    }
    return pick_sandbox(text, known, meant);
}

common::Result<std::string> audited_target(client::Session& session, const std::string& text)
{
    auto id = sandbox_id(session, text);
    return !id && id.error().code == ErrorCode::not_found ? text : std::move(id);
}

} // namespace cli
