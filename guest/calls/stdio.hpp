#pragma once

#include "common/digest/digest.hpp"
#include "common/result.hpp"

#include <optional>
#include <string>
#include <string_view>

// A call's stdin and stdout (proto/guest_calls.hpp), blocking.
namespace guest::calls {

/// What SIGTERM, by which the host ends a call, does from now on to this process.
enum class OnTerm {
    dies,    ///< At once: it has nothing to put in order.
    stops,   ///< It ends where it waits for its body.
    goes_on, ///< It ends by itself.
};
void on_term(OnTerm what);

/// All of it to stdout; false when nobody reads.
bool put(std::string_view bytes);

/// The body on stdin, piece by piece.
class Body {
public:
    /// The next piece, valid until the next call; nothing at the end, if that fits all that came.
    /// `unavailable` (reason body_incomplete) when it ends before its end, or the host ends it.
    common::Result<std::optional<std::string_view>> next();

private:
    common::Result<std::string_view> take(std::size_t size);

    std::string buffer_;
    common::digest::Hasher hasher_;
};

} // namespace guest::calls
