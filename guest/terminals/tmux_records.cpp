#include "guest/terminals/tmux_records.hpp"

#include "guest/terminals/checks.hpp"
#include "vt/characters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <sys/random.h>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t records_at_most = 1024;
constexpr std::size_t field_at_most = 4096;

Error unreadable(std::string_view what)
{
    return {ErrorCode::internal,
            "tmux printed " + std::string{what} + " that cannot be",
            "tmux_failed"};
}

template <typename Number>
bool read_number(std::string_view text, Number& number)
{
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return !text.empty() && error == std::errc{} && stop == end;
}

/// Reads one record's fields in their order; `good` stays true as long as they are what they must.
class Fields {
public:
    explicit Fields(const std::vector<std::string>& fields) : fields_{fields} {}

    std::string id(char kind)
    {
        const auto& text = fields_[at_++];
        good_ = good_ && check_id(text, kind).has_value();
        return text;
    }
    std::string text() { return vt::as_utf8(fields_[at_++]).substr(0, field_at_most); }
    template <typename Number>
    Number number()
    {
        Number number = 0;
        good_ = read_number(fields_[at_++], number) && good_;
        return number;
    }
    bool flag() { return fields_[at_++] == "1"; }
    TerminalSize width_and_height()
    {
        const auto columns = number<std::uint16_t>();
        return {number<std::uint16_t>(), columns};
    }
    std::string_view raw() { return fields_[at_++]; }
    [[nodiscard]] bool good() const noexcept { return good_; }

private:
    const std::vector<std::string>& fields_;
    std::size_t at_ = 0;
    bool good_ = true;
};

} // namespace

TmuxRecords::TmuxRecords()
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, 16> bytes{};
    // As many bytes are never cut short.
    static_cast<void>(::getrandom(bytes.data(), bytes.size(), 0));
    for (const unsigned char byte : bytes) {
        mark_ += digits[byte >> 4U];
        mark_ += digits[byte & 15U];
    }
}

/// Each field is the mark, '=' and its text; each record ends with the mark and '.'.
std::string TmuxRecords::format(std::initializer_list<std::string_view> names) const
{
    std::string format;
    for (const auto name : names) {
        format.append(mark_).append("=#{").append(name).append("}");
    }
    return format + mark_ + ".";
}

std::string TmuxRecords::session_format() const
{
    return format({"session_id",
                   "session_name",
                   "session_created",
                   "session_windows",
                   "session_attached",
                   "cursor_x",
                   "cursor_y"});
}

std::string TmuxRecords::window_format() const
{
    return format({"window_id",
                   "session_name",
                   "window_index",
                   "window_name",
                   "window_active",
                   "window_panes",
                   "window_width",
                   "window_height"});
}

std::string TmuxRecords::pane_format() const
{
    return format({"pane_id",
                   "session_name",
                   "window_index",
                   "window_name",
                   "pane_index",
                   "pane_title",
                   "pane_current_path",
                   "pane_pid",
                   "pane_active",
                   "pane_width",
                   "pane_height",
                   "pane_dead",
                   "pane_dead_status",
                   "pane_dead_signal",
                   "version"});
}

Result<std::vector<std::vector<std::string>>> TmuxRecords::records(std::string_view printed,
                                                                   std::size_t fields) const
{
    std::vector<std::vector<std::string>> records;
    std::vector<std::string> record;
    while (!printed.empty()) {
        if (!printed.starts_with(mark_) || records.size() >= records_at_most) {
            return unreadable("a list");
        }
        printed.remove_prefix(mark_.size());
        const auto end = std::min(printed.find(mark_), printed.size());
        const auto field = printed.substr(0, end);
        printed.remove_prefix(end);
        if (field.starts_with('=') && record.size() < fields) {
            record.emplace_back(field.substr(1));
        } else if (field == ".\n" && record.size() == fields) {
            records.push_back(std::exchange(record, {}));
        } else {
            return unreadable("a list");
        }
    }
    if (!record.empty()) {
        return unreadable("a list");
    }
    return records;
}

Result<std::vector<SessionView>> TmuxRecords::sessions(std::string_view printed) const
{
    COMMON_TRY(const auto found, records(printed, 7));
    std::vector<SessionView> views;
    for (const auto& record : found) {
        Fields fields{record};
        SessionView view;
        view.id = fields.id('$');
        view.name = fields.text();
        view.created = fields.number<std::int64_t>();
        view.windows = fields.number<std::uint32_t>();
        view.attached = fields.number<std::uint32_t>() > 0;
        view.column = fields.number<std::uint16_t>();
        view.row = fields.number<std::uint16_t>();
        if (!fields.good()) {
            return unreadable("a session");
        }
        views.push_back(std::move(view));
    }
    return views;
}

Result<std::vector<WindowView>> TmuxRecords::windows(std::string_view printed) const
{
    COMMON_TRY(const auto found, records(printed, 8));
    std::vector<WindowView> views;
    for (const auto& record : found) {
        Fields fields{record};
        WindowView view;
        view.id = fields.id('@');
        view.session = fields.text();
        view.index = fields.number<std::uint32_t>();
        view.name = fields.text();
        view.active = fields.flag();
        view.panes = fields.number<std::uint32_t>();
        view.size = fields.width_and_height();
        if (!fields.good()) {
            return unreadable("a window");
        }
        views.push_back(std::move(view));
    }
    return views;
}

Result<std::vector<PaneView>> TmuxRecords::panes(std::string_view printed) const
{
    COMMON_TRY(const auto found, records(printed, 15));
    std::vector<PaneView> views;
    for (const auto& record : found) {
        Fields fields{record};
        PaneView view;
        view.id = fields.id('%');
        view.session = fields.text();
        view.window_index = fields.number<std::uint32_t>();
        view.window = fields.text();
        view.index = fields.number<std::uint32_t>();
        view.title = fields.text();
        view.path = fields.text();
        view.pid = fields.number<std::int32_t>();
        view.active = fields.flag();
        view.size = fields.width_and_height();
        // In the order of the format.
        const TmuxEnd said{fields.raw(), fields.raw(), fields.raw(), fields.raw()};
        view.ended = said.dead == "1";
        view.end = pane_end(said);
        if (!fields.good()) {
            return unreadable("a pane");
        }
        views.push_back(std::move(view));
    }
    return views;
}

std::optional<PaneEnd> pane_end(const TmuxEnd& said)
{
    if (said.dead != "1") {
        return std::nullopt;
    }
    std::uint8_t number = 0;
    if (read_number(said.signal, number) && number > 0) {
        return PaneEnd{128 + number, number};
    }
    if (read_number(said.status, number)) {
        return PaneEnd{number, 0};
    }
    // Before 3.3 tmux says nothing of signals: then it was one, whichever.
    const bool tells_signals =
        !(said.version.starts_with("2.") || said.version.starts_with("3.0") ||
          said.version.starts_with("3.1") || said.version.starts_with("3.2"));
    return tells_signals ? std::nullopt : std::optional{PaneEnd{128, 0}};
}

Error tmux_error(std::string_view said)
{
    const auto text = vt::as_utf8(said.substr(0, std::min<std::size_t>(said.find('\n'), 300)));
    const auto says = [&](std::string_view beginning) { return text.starts_with(beginning); };
    if (says("can't find pane")) {
        return {ErrorCode::not_found, text, "no_such_pane"};
    }
    if (says("can't find window")) {
        return {ErrorCode::not_found, text, "no_such_window"};
    }
    if (says("can't find session")) {
        return {ErrorCode::not_found, text, "no_such_session"};
    }
    if (says("duplicate session")) {
        return {ErrorCode::already_exists, text, "session_exists"};
    }
    if (text.find("no space for new pane") != std::string::npos ||
        text.find("pane too small") != std::string::npos) {
        return {ErrorCode::failed_precondition, text, "no_space"};
    }
    if (says("no server running on ") || says("error connecting to ")) {
        return {ErrorCode::not_found, text, std::string{no_server}};
    }
    // The last: who comes while a server goes for want of sessions.
    if (says("server exited") || says("lost server") || says("no current target")) {
        return {ErrorCode::unavailable, "tmux's server has ended: " + text, "tmux_gone"};
    }
    return {ErrorCode::internal, "tmux: " + text, "tmux_failed"};
}

} // namespace guest::terminals
