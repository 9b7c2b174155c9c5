#include "cli/detach_keys.hpp"

#include "cli/text.hpp"

#include <fmt/format.h>
#include <optional>
#include <utility>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

std::optional<char> key_of(std::string_view text)
{
    constexpr std::string_view ctrl = "ctrl-";
    if (text.size() == 1) {
        return text.front();
    }
    if (!text.starts_with(ctrl) || text.size() != ctrl.size() + 1) {
        return std::nullopt;
    }
    const char key = text.back();
    const bool letter = key >= 'a' && key <= 'z';
    const bool fits = letter || std::string_view{"@[\\]^_"}.find(key) != std::string_view::npos;
    return fits ? std::optional{static_cast<char>(key & 0x1f)} : std::nullopt;
}

} // namespace

common::Result<DetachKeys> DetachKeys::parse(std::string_view text)
{
    DetachKeys keys;
    if (text == "none") {
        return keys;
    }
    for (auto rest = text;;) {
        const auto comma = rest.find(',');
        const auto key = key_of(rest.substr(0, comma));
        if (!key) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("\"{}\" are no keys: like ctrl-p,ctrl-q or ctrl-] or none",
                                     printable(text))};
        }
        keys.keys_ += *key;
        if (comma == std::string_view::npos) {
            return keys;
        }
        rest.remove_prefix(comma + 1);
    }
}

DetachKeys::Typed DetachKeys::take(std::string_view typed)
{
    if (keys_.empty()) {
        return {std::string{typed}};
    }
    Typed result;
    for (const char byte : typed) {
        if (held_ > 0 && byte != keys_[held_]) {
            result.bytes += release();
        }
        if (byte != keys_[held_]) {
            result.bytes += byte;
        } else if (++held_ == keys_.size()) {
            held_ = 0;
            result.leaves = true;
            return result;
        }
    }
    return result;
}

std::string DetachKeys::release()
{
    return keys_.substr(0, std::exchange(held_, 0));
}

} // namespace cli
