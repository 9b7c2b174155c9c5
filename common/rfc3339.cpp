#include "common/rfc3339.hpp"

namespace common {

namespace {

/// Takes a text apart from its front; once something was not there, all() is false for good.
class Reader {
public:
    explicit Reader(std::string_view text) : text_{text} {}

    /// So many digits, within bounds.
    int number(std::size_t digits, int low, int high)
    {
        int value = 0;
        for (; digits > 0; --digits) {
            const char digit = next();
            well_ = well_ && digit >= '0' && digit <= '9';
            value = value * 10 + (digit - '0');
        }
        well_ = well_ && value >= low && value <= high;
        return value;
    }
    /// One of these; which.
    char one_of(std::string_view allowed)
    {
        const char found = next();
        well_ = well_ && allowed.find(found) != std::string_view::npos;
        return found;
    }
    /// ".123" as microseconds, if that is what comes.
    int fraction()
    {
        if (text_.empty() || text_.front() != '.') {
            return 0;
        }
        next();
        int us = 0;
        int digits = 0;
        for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; ++digits) {
            const char digit = next();
            us = digits < 6 ? us * 10 + (digit - '0') : us;
        }
        well_ = well_ && digits > 0;
        for (; digits < 6; ++digits) {
            us *= 10;
        }
        return us;
    }
    [[nodiscard]] bool all() const { return well_ && text_.empty(); }

private:
    char next()
    {
        const char first = text_.empty() ? '\0' : text_.front();
        text_.remove_prefix(text_.empty() ? 0 : 1);
        return first;
    }

    std::string_view text_;
    bool well_ = true;
};

} // namespace

std::optional<WallTime> from_rfc3339(std::string_view text)
{
    Reader in{text};
    const int year = in.number(4, 1970, 2200); // What a WallTime holds for certain.
    in.one_of("-");
    const int month = in.number(2, 1, 12);
    in.one_of("-");
    const int day = in.number(2, 1, 31);
    in.one_of("Tt");
    const int hour = in.number(2, 0, 23);
    in.one_of(":");
    const int minute = in.number(2, 0, 59);
    in.one_of(":");
    const int second = in.number(2, 0, 60); // A leap second is the next one.
    const int us = in.fraction();
    std::chrono::minutes east{0};
    if (const char sign = in.one_of("Zz+-"); sign == '+' || sign == '-') {
        const int hours = in.number(2, 0, 23);
        in.one_of(":");
        east = std::chrono::minutes{hours * 60 + in.number(2, 0, 59)};
        east = sign == '-' ? -east : east;
    }
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!in.all() || !date.ok()) {
        return std::nullopt;
    }
    const auto moment = std::chrono::sys_days{date} + std::chrono::hours{hour} +
                        std::chrono::minutes{minute} + std::chrono::seconds{second} +
                        std::chrono::microseconds{us} - east;
    return from_unix_us(moment.time_since_epoch().count());
}

} // namespace common
