#include "cli/image_tools.hpp"

#include "common/process/child.hpp"

namespace cli {

using common::Error;
using common::ErrorCode;
using common::Result;

Error not_an_image(const std::string& what, const std::string& why)
{
    return {ErrorCode::invalid_argument, what + ": " + why};
}

Result<> run_tool(const ImageWork& work,
                  std::vector<std::string> argv,
                  const std::string& package,
                  const std::function<Result<>(std::string_view)>& sink,
                  std::vector<std::string> environment)
{
    const common::process::Command command{std::move(argv), "", std::chrono::hours{24}};
    const auto ended = [&]() -> Result<common::process::Outcome> {
        COMMON_TRY(const auto child,
                   common::process::Child::start({.command = command,
                                                  .environment = std::move(environment),
                                                  .on_output = sink,
                                                  .interrupt = work.signals.fd()}));
        return child->finish();
    }();
    if (!ended && ended.error().code == ErrorCode::not_found) {
        return Error{ErrorCode::failed_precondition,
                     command.argv.front() + " is needed for that: apt-get install " + package,
                     "no_program"};
    }
    if (!ended) {
        return ended.error();
    }
    return ended->status == 0 ? Result<>{} : common::process::failed(command, *ended);
}

} // namespace cli
