#include "cli/console.hpp"

#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

namespace cli {

namespace {

Look look_of(int fd, bool no_colour)
{
    Look look;
    if (::isatty(fd) == 0) {
        return look;
    }
    const char* terminal = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe): before any thread.
    look.colour = !no_colour && terminal != nullptr && std::string_view{terminal} != "dumb";
    struct winsize size {};
    look.width = ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    return look;
}

} // namespace

Console Console::of_process(bool no_colour)
{
    Console console;
    console.out = look_of(STDOUT_FILENO, no_colour);
    console.err = look_of(STDERR_FILENO, no_colour);
    console.err_is_tty = ::isatty(STDERR_FILENO) != 0;
    return console;
}

void Console::print(std::string_view text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void Console::print_json(std::string_view document)
{
    print(shown_json(document));
    if (!document.ends_with('\n')) {
        print("\n");
    }
}

std::string shown_json(std::string_view json)
{
    std::string shown;
    shown.reserve(json.size());
    for (std::size_t at = 0; at < json.size(); ++at) {
        const auto byte = static_cast<unsigned char>(json[at]);
        const auto next = at + 1 < json.size() ? static_cast<unsigned char>(json[at + 1]) : 0U;
        if (byte == 0x7f) {
            shown += "\\u007f";
        } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
            shown += fmt::format("\\u{:04x}", next);
            ++at;
        } else {
            shown += json[at];
        }
    }
    return shown;
}

void Console::say(std::string_view text)
{
    std::fwrite(text.data(), 1, text.size(), stderr);
}

void Console::report(const common::Error& error, const std::string& request_id) const
{
    std::fflush(stdout); // In the order that it happened in, where both go to one place.
    say(output == Output::json ? error_json(error, request_id) + "\n"
                               : error_text(error, request_id, err));
}

bool all_written()
{
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

std::string error_text(const common::Error& error, const std::string& request_id, const Look& look)
{
    std::string text = toned("paddock:", Tone::bad, look) + " " + printable(error.message) + " " +
                       toned(fmt::format("({}{}{})",
                                         error.stable_reason(),
                                         request_id.empty() ? "" : ", request ",
                                         request_id),
                             Tone::dim,
                             look) +
                       "\n";
    for (const auto& field : error.fields) {
        text += "  " + printable(field.field) + " " + printable(field.message) + "\n";
    }
    for (std::size_t from = 0; from < error.details.size();) {
        const auto end = std::min(error.details.find('\n', from), error.details.size());
        text += "  " + printable(std::string_view{error.details}.substr(from, end - from)) + "\n";
        from = end + 1;
    }
    return text;
}

std::string error_json(const common::Error& error, const std::string& request_id)
{
    nlohmann::ordered_json json{{"error", error.message}, {"reason", error.stable_reason()}};
    if (!error.details.empty()) {
        json["details"] = error.details;
    }
    for (const auto& field : error.fields) {
        json["errors"].push_back({{"field", field.field}, {"message", field.message}});
    }
    if (!request_id.empty()) {
        json["request_id"] = request_id;
    }
    json["exit_status"] = exit_status_of(error);
    return shown_json(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace cli
