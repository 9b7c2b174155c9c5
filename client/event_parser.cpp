#include "client/event_parser.hpp"

#include <fmt/format.h>
#include <utility>

namespace client {

using common::Error;
using common::ErrorCode;

common::Result<> EventParser::take(std::string_view bytes, const Each& each)
{
    while (!bytes.empty()) {
        if (std::exchange(after_return_, false) && bytes.front() == '\n') {
            bytes.remove_prefix(1);
            continue;
        }
        const auto end = bytes.find_first_of("\r\n");
        const auto piece = bytes.substr(0, end);
        if (held() + piece.size() > most_) {
            return Error{ErrorCode::too_large,
                         fmt::format("an event of more than {} bytes came", most_),
                         "event_too_large"};
        }
        if (end == std::string_view::npos) {
            line_ += piece;
            return {};
        }
        after_return_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        if (line_.empty()) {
            take_line(piece, each);
        } else {
            line_ += piece;
            take_line(std::exchange(line_, {}), each);
        }
    }
    return {};
}

void EventParser::take_line(std::string_view line, const Each& each)
{
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (std::exchange(at_start_, false) && line.starts_with(byte_order_mark)) {
        line.remove_prefix(byte_order_mark.size());
    }
    if (!line.empty()) {
        const auto colon = line.find(':');
        auto value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
        if (value.starts_with(' ')) {
            value.remove_prefix(1);
        }
        return take_field(line.substr(0, colon), value); // A comment is a field without a name.
    }
    auto name = std::exchange(name_, {});
    auto data = std::exchange(data_, {});
    if (!data.empty()) {
        data.pop_back(); // The last line feed joins nothing.
        each({name.empty() ? "message" : std::move(name), id_, std::move(data)});
    }
}

void EventParser::take_field(std::string_view name, std::string_view value)
{
    if (name == "event") {
        name_ = value;
    } else if (name == "data") {
        data_.append(value).push_back('\n');
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
        id_ = value;
    }
}

} // namespace client
