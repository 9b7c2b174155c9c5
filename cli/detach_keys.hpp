#pragma once

#include "common/result.hpp"

#include <string>
#include <string_view>

namespace cli {

/// The keys by which somebody leaves a live command and has it go on. What may be their beginning
/// is held back until it is known.
class DetachKeys {
public:
    /// "ctrl-p,ctrl-q": single characters and ctrl- with a letter or one of @ [ \ ] ^ _, between
    /// commas; "none" for no such keys.
    static common::Result<DetachKeys> parse(std::string_view text);

    struct Typed {
        std::string bytes;   ///< To be given on.
        bool leaves = false; ///< They were typed; what came behind them is dropped.
    };
    Typed take(std::string_view typed);
    [[nodiscard]] bool holds() const noexcept { return held_ > 0; }
    /// What was held back, and turned out to be no beginning.
    std::string release();

private:
    std::string keys_;
    std::size_t held_ = 0; ///< So many of keys_ have been typed.
};

} // namespace cli
