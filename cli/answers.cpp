#include "cli/answers.hpp"

#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <fmt/format.h>

namespace cli {

using common::Error;
using common::ErrorCode;

common::WallTime now()
{
    return common::SystemClock{}.wall();
}

void show_list(Context& context, const Listing& listing, const Table& table)
{
    if (context.json()) {
        Console::print_json(listing.verbatim);
    } else {
        Console::print(table.render(context.console.out));
    }
}

common::Result<int> show_one(Context& context, const std::string& body, const char* field)
{
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    Console::print(details_of(inner_of(json, field), now(), context.console.out));
    return exit_ok;
}

common::Result<int> list_and_show(Context& context,
                                  const std::string& path,
                                  const std::string& field,
                                  Table (*table)(const Json&, common::WallTime))
{
    COMMON_TRY(const auto listing, list_all(context.session, path, "", field));
    show_list(context, listing, table(listing.items(), now()));
    return exit_ok;
}

common::Result<std::string> long_call(Context& context,
                                      const Waiting& waiting,
                                      std::function<common::Result<std::string>()> call)
{
    constexpr std::chrono::minutes longest{15}; // The coordinator answers before: it has deadlines.
    context.session.set_timeout(longest);
    auto result = wait_for(context.console, waiting, std::move(call));
    return *std::move(result); // There is one: nothing was enough.
}

std::function<std::string()> phase_of(const Context& context, const std::string& id)
{
    if (!context.console.err_is_tty) {
        return {};
    }
    auto session = std::shared_ptr{context.another_session()};
    return [session, id]() -> std::string {
        const auto body = session->get("/v1/sandboxes/" + client::encoded(id));
        if (!body) {
            return "";
        }
        const auto json = client::parse(*body, session->url());
        return json ? text_of(inner_of(*json, "sandbox"), "phase") : "";
    };
}

common::Result<int>
for_each(Context& context,
         const std::vector<std::string>& names,
         const std::function<common::Result<std::string>(const std::string&)>& each)
{
    int status = exit_ok;
    std::string documents;
    for (const auto& name : names) {
        auto answer = each(name);
        if (!answer) {
            if (names.size() == 1) {
                return std::move(answer).error();
            }
            context.console.report(answer.error(), context.session.request_id());
            status = status == exit_ok ? exit_status_of(answer.error()) : status;
        } else if (!answer->empty()) {
            documents += (documents.empty() ? "" : ",\n") + *answer;
        }
    }
    if (context.json() && (names.size() != 1 || !documents.empty())) {
        Console::print_json(names.size() == 1 ? documents : "[" + documents + "]");
    }
    return status;
}

common::Result<nlohmann::json> pairs_of(const std::vector<std::string>& pairs, const char* what)
{
    auto object = nlohmann::json::object();
    for (const auto& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("{} must be KEY=VALUE, not \"{}\"", what, printable(pair))};
        }
        object[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return object;
}

} // namespace cli
