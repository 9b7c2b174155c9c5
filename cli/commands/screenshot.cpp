#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/local_file.hpp"
#include "cli/resolve.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace cli {

namespace {

using common::Error;
using common::ErrorCode;
using common::Result;

struct ScreenshotOptions {
    std::string sandbox;
    std::string file = "-";
    std::uint32_t columns = 80;
    std::uint32_t rows = 25;
};

Result<int> save_screenshot(Context& context, const ScreenshotOptions& wanted)
{
    if (wanted.file == "-" && ::isatty(STDOUT_FILENO) != 0) {
        return Error{ErrorCode::invalid_argument,
                     "a picture is nothing for a terminal: name a file, or send stdout to one",
                     "usage"};
    }
    COMMON_TRY(const auto id, sandbox_id(context.session, wanted.sandbox));
    COMMON_TRY(
        const auto png,
        context.session.get(fmt::format(
            "/v1/sandboxes/{}/screenshot?columns={}&rows={}", id, wanted.columns, wanted.rows)));
    COMMON_TRY(auto target, LocalTarget::open(wanted.file, false));
    if (!target.write(png)) {
        return Error{ErrorCode::failed_precondition, target.failure()};
    }
    COMMON_CHECK(target.finish(""));
    if (context.json() && wanted.file != "-") {
        Console::print_json(nlohmann::json{{"path", wanted.file}, {"bytes", target.size()}}.dump());
    }
    return exit_ok;
}

} // namespace

void add_screenshot(CommandLine& line)
{
    auto* command = line.add(line.app,
                             "screenshot",
                             "A picture of what its console shows, as a PNG",
                             {"paddock screenshot web console.png",
                              "paddock screenshot web --columns 132 --rows 50 > console.png"});
    command->group("Sandboxes");
    auto wanted = std::make_shared<ScreenshotOptions>();
    add_sandbox(command, wanted->sandbox);
    command->add_option("FILE", wanted->file, "that it becomes; - is stdout, no terminal (-)")
        ->type_name("");
    command->add_option("--columns", wanted->columns, "of the terminal, in characters")
        ->type_name("N")
        ->check(CLI::Range(20U, 300U))
        ->capture_default_str();
    command->add_option("--rows", wanted->rows, "likewise")
        ->type_name("N")
        ->check(CLI::Range(5U, 100U))
        ->capture_default_str();
    line.runs(command, [wanted](Context& context) { return save_screenshot(context, *wanted); });
}

} // namespace cli
