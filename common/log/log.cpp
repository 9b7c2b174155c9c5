#include "common/log/log.hpp"

#include "common/log/json_fields.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

namespace common::log {

namespace {

/// %* : the message, as members of a JSON object.
class JsonMessage final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message,
                const std::tm&,
                spdlog::memory_buf_t& out) override
    {
        const auto json = json_fields({message.payload.data(), message.payload.size()});
        out.append(json.data(), json.data() + json.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override
    {
        return std::make_unique<JsonMessage>();
    }
};

/// %* : the message in one line, whatever it quotes.
class OneLine final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message,
                const std::tm&,
                spdlog::memory_buf_t& out) override
    {
        std::string_view rest{message.payload.data(), message.payload.size()};
        while (!rest.empty() && rest.back() == '\n') {
            rest.remove_suffix(1);
        }
        for (const char c : rest) {
            if (c == '\n') {
                out.append(std::string_view{"\\n"});
            } else {
                out.push_back(c);
            }
        }
        const auto ids = text_fields({message.payload.data(), message.payload.size()});
        out.append(ids.data(), ids.data() + ids.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override
    {
        return std::make_unique<OneLine>();
    }
};

/// %& : the priority that the journal reads off a line's front, as sd-daemon(3) has it.
class Priority final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message,
                const std::tm&,
                spdlog::memory_buf_t& out) override
    {
        const std::string_view text = [&message] {
            switch (message.level) {
            case spdlog::level::critical: return "<2>";
            case spdlog::level::err: return "<3>";
            case spdlog::level::warn: return "<4>";
            case spdlog::level::info: return "<6>";
            default: return "<7>";
            }
        }();
        out.append(text);
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override
    {
        return std::make_unique<Priority>();
    }
};

/// systemd.exec(5): $JOURNAL_STREAM is the device and inode of what it gave us for stderr, so that
/// one that was redirected is told apart.
bool stderr_is_the_journal()
{
    const char* stream = std::getenv("JOURNAL_STREAM"); // NOLINT(concurrency-mt-unsafe)
    struct stat about {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &about) == 0 &&
           fmt::format("{}:{}", about.st_dev, about.st_ino) == stream;
}

Result<spdlog::level::level_enum> level_from(const std::string& text)
{
    const auto level = spdlog::level::from_str(text);
    if (level == spdlog::level::off && text != "off") {
        return Error{ErrorCode::invalid_argument,
                     "log_level '" + text + "': use trace, debug, info, warning or error"};
    }
    return level;
}

} // namespace

Result<> init(const std::string& level, const std::string& format)
{
    COMMON_TRY(const auto parsed, level_from(level));
    auto logger = std::make_shared<spdlog::logger>(
        "paddock", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    std::string pattern;
    if (stderr_is_the_journal()) {
        formatter->add_flag<Priority>('&');
        pattern = "%&";
    }
    if (format == "json") {
        formatter->add_flag<JsonMessage>('*');
        pattern += R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","thread":%t,%*})";
    } else if (format == "text") {
        formatter->add_flag<OneLine>('*');
        pattern += "%Y-%m-%dT%H:%M:%S.%eZ %-7l %*";
    } else {
        return Error{ErrorCode::invalid_argument, "log_format '" + format + "': use text or json"};
    }
    formatter->set_pattern(pattern);
    logger->set_formatter(std::move(formatter));
    logger->set_level(parsed);
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
    return {};
}

Result<> set_level(const std::string& level)
{
    COMMON_TRY(const auto parsed, level_from(level));
    const auto tell = [&level] { spdlog::info("log_level is {} from here on", level); };
    const bool is_quieter = parsed > spdlog::get_level();
    if (is_quieter) {
        tell();
    }
    spdlog::set_level(parsed);
    if (!is_quieter) {
        tell();
    }
    return {};
}

} // namespace common::log
