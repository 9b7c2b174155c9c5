#include "common/log/log.hpp"

#include <memory>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace common::log {

namespace {

/// %* : the message as the inside of a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message,
                const std::tm&,
                spdlog::memory_buf_t& out) override
    {
        for (const char c : message.payload) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out.push_back('\\');
                out.push_back(c);
            } else if (byte < 0x20) {
                fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
            } else {
                out.push_back(c);
            }
        }
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override
    {
        return std::make_unique<JsonMessage>();
    }
};

} // namespace

Result<> init(const std::string& level, const std::string& format)
{
    const auto parsed = spdlog::level::from_str(level);
    if (parsed == spdlog::level::off && level != "off") {
        return Error{ErrorCode::invalid_argument,
                     "log_level '" + level + "': use trace, debug, info, warning or error"};
    }
    auto logger = std::make_shared<spdlog::logger>(
        "paddock", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    if (format == "json") {
        formatter->add_flag<JsonMessage>('*').set_pattern(
            R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","thread":%t,"message":"%*"})");
    } else if (format == "text") {
        formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v");
    } else {
        return Error{ErrorCode::invalid_argument, "log_format '" + format + "': use text or json"};
    }
    logger->set_formatter(std::move(formatter));
    logger->set_level(parsed);
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
    return {};
}

} // namespace common::log
