#include "guest/calls/services.hpp"

#include "guest/calls/stdio.hpp"
#include "guest/calls/terminal_answers.hpp"
#include "guest/calls/terminal_keepers.hpp"

#include <memory>

namespace guest::calls {

using common::Result;

Services services()
{
    auto keepers = std::make_shared<TerminalKeepers>();
    auto terminals = [keepers = std::move(keepers)](std::string_view request,
                                                    const User& user,
                                                    const std::string& group) -> Result<CallWork> {
        auto connection = keepers->connect(user, group);
        if (!connection) {
            auto said = proto::call_head(terminal_refusal(connection.error()));
            return CallWork{[said = std::move(said)] { return put(said) ? refused : 1; }, {}};
        }
        return CallWork{[wanted = std::string{request}] { return serve_terminals(wanted); },
                        *std::move(connection)};
    };
    return {{"files", plain_service(&serve_files)}, {"terminals", std::move(terminals)}};
}

} // namespace guest::calls
