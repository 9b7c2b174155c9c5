#pragma once

#include "common/bytes.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coordinator {

/// Where something is in a list, by what that is sorted by: after it a page begins, whatever has
/// come and gone meanwhile.
struct Position {
    std::int64_t at_us = 0; ///< Since 1970-01-01; 0 in lists that are sorted by name alone.
    std::string key;        ///< An id, or a name.

    auto operator<=>(const Position&) const = default;
};

struct Page {
    std::uint32_t limit = 100;
    std::uint64_t offset = 0;
    std::optional<Position> after{}; ///< It begins behind that, and not at an offset.
    /// Of commands, plans and templates, what they hold: a page ends after the one that goes past
    /// it.
    common::Bytes bytes = common::Bytes::mib(8);
};

enum class Sorted { ascending, descending };

/// The part of a list that is a page.
struct PagePart {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::optional<Position> next; ///< What the next page begins after; none: this is the last.
};

/// `all` is sorted by the positions of its items, which are unique.
template <typename Item, typename PositionOf>
PagePart
part_of(const std::vector<Item>& all, const Page& page, Sorted sorted, PositionOf position_of)
{
    PagePart part;
    if (page.after) {
        const auto is_before = [&](const Item& item) {
            const auto order = position_of(item) <=> *page.after;
            return sorted == Sorted::ascending ? order <= 0 : order >= 0;
        };
        const auto begin = std::partition_point(all.begin(), all.end(), is_before);
        part.begin = static_cast<std::size_t>(begin - all.begin());
    } else {
        part.begin = std::min<std::uint64_t>(page.offset, all.size());
    }
    part.end = std::min<std::uint64_t>(part.begin + page.limit, all.size());
    if (part.end < all.size() && part.end > part.begin) {
        part.next = position_of(all[part.end - 1]);
    }
    return part;
}

} // namespace coordinator
