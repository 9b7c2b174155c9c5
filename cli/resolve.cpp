#include "cli/resolve.hpp"

#include "cli/listing.hpp"
#include "cli/text.hpp"
#include "common/id.hpp"

#include <fmt/format.h>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

constexpr std::string_view prefix = "sbx-";
constexpr std::size_t least = 3; // Fewer hit somebody else's sandbox too easily.

Error none(const std::string& text)
{
    return Error{
        ErrorCode::not_found,
        fmt::format("no sandbox is named \"{0}\", and no id begins with it", printable(text)),
        "no_such_sandbox"};
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

} // namespace

common::Result<std::string> pick_sandbox(const std::string& text,
                                         const std::vector<KnownSandbox>& known)
{
    std::vector<KnownSandbox> named;
    std::vector<KnownSandbox> begun;
    const auto wanted = text.starts_with(prefix) ? text : std::string{prefix} + text;
    for (const auto& one : known) {
        if (one.id == text) {
            return one.id;
        }
        if (one.name == text) {
            named.push_back(one);
        }
        if (wanted.size() >= prefix.size() + least && one.id.starts_with(wanted)) {
            begun.push_back(one);
        }
    }
    const auto& found = named.empty() ? begun : named;
    if (found.empty()) {
        return none(text);
    }
    return found.size() == 1 ? common::Result<std::string>{found.front().id} : several(text, found);
}

common::Result<std::string> sandbox_id(client::Session& session, const std::string& text)
{
    if (common::is_id(text, common::SandboxId::tag::prefix)) {
        return text;
    }
    if (!common::is_name(text)) {
        return none(text); // Neither a name nor the beginning of an id.
    }
    COMMON_TRY(const auto listing, list_all(session, "/v1/sandboxes", "", "sandboxes"));
    std::vector<KnownSandbox> known;
    for (const auto& item : listing.items()) {
        known.push_back({text_of(item, "id"), text_of(item, "sandbox_name")});
    }
    return pick_sandbox(text, known);
}

} // namespace cli
