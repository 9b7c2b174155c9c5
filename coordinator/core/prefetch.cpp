#include "coordinator/core/prefetch.hpp"

#include <algorithm>

namespace coordinator {

bool Prefetch::covers(const scheduler::Labels& of_host) const
{
    return everywhere ||
           (!labels.empty() && std::ranges::all_of(labels, [&of_host](const auto& wanted) {
               const auto has = of_host.find(wanted.first);
               return has != of_host.end() && has->second == wanted.second;
           }));
}

std::string to_string(const Prefetch& prefetch)
{
    if (prefetch.everywhere) {
        return "all";
    }
    std::string text;
    for (const auto& [label, value] : prefetch.labels) {
        text += (text.empty() ? "" : ",") + label + "=" + value;
    }
    return text.empty() ? "none" : text;
}

std::optional<Prefetch> prefetch_from(std::string_view text)
{
    if (text == "all" || text == "none") {
        return Prefetch{text == "all", {}};
    }
    Prefetch prefetch{false, {}};
    for (auto left = text; !left.empty();) {
        const auto end = std::min(left.find(','), left.size());
        const auto one = left.substr(0, end);
        const auto equals = one.find('=');
        const bool last = end == left.size();
        left.remove_prefix(last ? end : end + 1);
        if (equals == std::string_view::npos || equals == 0 || (!last && left.empty()) ||
            !prefetch.labels.emplace(one.substr(0, equals), one.substr(equals + 1)).second) {
            return std::nullopt;
        }
    }
    return text.empty() ? std::nullopt : std::optional{std::move(prefetch)};
}

} // namespace coordinator
