#pragma once

#include <compare>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace common {

/// A string that names one kind of thing. Ids of different kinds do not mix:
/// passing a HostName where a SandboxId is wanted does not compile, and there is
/// no implicit way in or out. An id is checked once, where it enters the process
/// (see common/id.hpp); past that point it is known to be well formed.
template <typename Tag>
class StrongId {
public:
    using tag = Tag;

    StrongId() = default;
    explicit StrongId(std::string value) : value_{std::move(value)} {}

    [[nodiscard]] const std::string& str() const noexcept { return value_; }
    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }

    friend auto operator<=>(const StrongId&, const StrongId&) = default;
    friend std::ostream& operator<<(std::ostream& out, const StrongId& id)
    {
        return out << id.value_;
    }

private:
    std::string value_;
};

} // namespace common

template <typename Tag>
struct std::hash<common::StrongId<Tag>> {
    std::size_t operator()(const common::StrongId<Tag>& id) const noexcept
    {
        return std::hash<std::string>{}(id.str());
    }
};
