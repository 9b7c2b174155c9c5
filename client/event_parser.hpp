#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace client {

/// One server-sent event.
struct ServerEvent {
    std::string name; ///< "message" where it has none.
    std::string id;   ///< Its own, or the last one before it.
    std::string data; ///< Lines joined by line feeds.
};

/// Takes a stream of server-sent events apart, in whatever pieces it comes (WHATWG HTML, 9.2.6).
/// What is not whole at its end is no event. `retry` is ignored: when to come back is the reader's.
class EventParser {
public:
    using Each = std::function<void(ServerEvent)>;

    /// `most`: bytes that one event may take.
    explicit EventParser(std::size_t most) : most_{most} {}

    /// Gives each event that these bytes make whole. `too_large`: one is longer than it may be, and
    /// nothing that follows would be understood.
    common::Result<> take(std::string_view bytes, const Each& each);

private:
    void take_line(std::string_view line, const Each& each);
    void take_field(std::string_view name, std::string_view value);
    [[nodiscard]] std::size_t held() const { return line_.size() + name_.size() + data_.size(); }

    const std::size_t most_;
    std::string line_; ///< The beginning of one that has not ended.
    bool at_start_ = true;
    bool after_return_ = false; ///< A line feed now belongs to the line end before it.
    std::string name_;
    std::string id_;
    std::string data_;
};

} // namespace client
