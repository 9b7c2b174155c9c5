#pragma once

#include "cli/listing.hpp"
#include "cli/table.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cli {

/// Rows of the audit, one a line, in the API's order.
Table audit_table(const Json& rows);

/// What an export sends, in whatever pieces: only whole lines are passed on, so that one that was
/// cut off can go on behind the last of them.
class AuditLines {
public:
    /// False from `write`: it cannot.
    explicit AuditLines(std::function<bool(std::string_view)> write) : write_{std::move(write)} {}

    bool take(std::string_view piece);
    /// What is not whole will come again.
    void cut_off() { rest_.clear(); }
    /// They could not be written: nothing more is.
    [[nodiscard]] bool stuck() const noexcept { return stuck_; }
    /// Nothing is left that is not whole.
    [[nodiscard]] bool whole() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
    /// The number of the last row; 0 before there is one.
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }

private:
    std::function<bool(std::string_view)> write_;
    std::string rest_;
    std::uint64_t rows_ = 0;
    std::uint64_t last_ = 0;
    bool stuck_ = false;
};

} // namespace cli
