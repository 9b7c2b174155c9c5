#pragma once

#include <cstdlib>
#include <string_view>

/// Ends the process where the fuzzer sees it.
inline void require(bool holds)
{
    if (!holds) {
        std::abort();
    }
}
