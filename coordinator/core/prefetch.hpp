#pragma once

#include "coordinator/scheduler/scheduler.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace coordinator {

/// Which hosts fetch an image of files before anybody asks for it there. The others fetch it when a
/// sandbox of it is to go there, and keep it then.
struct Prefetch {
    bool everywhere = true;
    scheduler::Labels labels{}; ///< If not everywhere: hosts that have all of these; {}: none.

    [[nodiscard]] bool covers(const scheduler::Labels& of_host) const;

    friend bool operator==(const Prefetch&, const Prefetch&) = default;
};
/// "all", "none" or "label=value,label=value".
std::string to_string(const Prefetch& prefetch);
/// Nothing if it is none of these. Which labels there can be is up to the caller.
std::optional<Prefetch> prefetch_from(std::string_view text);

} // namespace coordinator
