#pragma once

#include "common/id.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

namespace hostd {

/// Somebody who reads what a live exec writes, as it comes.
struct ExecReader {
    common::OperationId operation; ///< The exec's.
    std::uint64_t number = 0;      ///< The reader's own, among all of this host.
};

/// What a reader is told, in this order: that it has started, output, and one of the others at the
/// end. Of output no more than it has credit for. A position counts the bytes of stdout and stderr
/// before it; where one is skipped, what was there is gone.
struct ReaderNews {
    enum class Kind {
        started,
        output,
        end,  ///< It has had all of it, and the exec has ended.
        gone, ///< The exec is not known here, or not any more.
    };
    ExecReader reader;
    Kind kind = Kind::gone;
    bool of_stderr = false;
    std::uint64_t position = 0; ///< Of the first byte; at the end, of what would follow.
    std::string data;
};

/// Somebody who sees what all live execs of a sandbox write, calls left out, and holds none of them
/// up: what there is no credit for is missed. Told as a reader is, by `output` and `end`; at the
/// end of an exec nothing is waited for but a moment for credit.
struct OutputWatch {
    std::uint64_t number = 0;
    std::uint32_t credit = 0; ///< More, if this number watches already.
    /// Where those go on that were watched before. Of the others: from now on.
    std::map<common::OperationId, std::uint64_t> from{};
};

struct StdinPiece {
    std::string data;
    bool eof = false; ///< Nothing follows it.
};
struct ExecSignal {
    int number = 0;
};
struct TerminalSize {
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
};
/// What is done to a live exec that runs.
using ExecInput = std::variant<StdinPiece, ExecSignal, TerminalSize>;

} // namespace hostd
