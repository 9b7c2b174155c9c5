#include "common/process/process.hpp"

#include "common/process/child.hpp"

namespace common::process {

Result<Outcome> run(const Command& command)
{
    COMMON_TRY(const auto child, Child::start({command}));
    COMMON_CHECK(child->feed(command.input));
    return child->finish();
}

Result<std::string> run_checked(const Command& command)
{
    COMMON_TRY(auto outcome, run(command));
    if (outcome.status != 0) {
        return failed(command, outcome);
    }
    return std::move(outcome.out);
}

} // namespace common::process
