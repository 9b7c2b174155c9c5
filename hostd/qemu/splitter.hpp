#pragma once

#include "hostd/qemu/migration_stream.hpp"

#include <cstddef>
#include <span>
#include <sys/uio.h>

namespace hostd::qemu {

/// Where a stream comes from.
class Source {
public:
    virtual ~Source() = default;
    /// Puts at most `size` bytes to `to`: how many. 0 is the end.
    virtual common::Result<std::size_t> read(char* to, std::size_t size) = 0;
};

/// Where the main memory's pages go.
class Memory {
public:
    virtual ~Memory() = default;
    /// All of `pieces`, one after another from `offset` on. They are used up.
    virtual common::Result<> write(std::uint64_t offset, std::span<iovec> pieces) = 0;
};

/// Large enough that a write of it is worth the call, small enough for the cache.
constexpr std::size_t default_buffer = std::size_t{4} << 20U;
/// A page with what goes before it.
constexpr std::size_t least_buffer = 4096 + 512;

/// split() of migration_stream.hpp over any source and memory. What comes out does not depend
/// on `buffer`, nor on the portions in which the source gives.
common::Result<Split> split(Source& source,
                            Memory& memory,
                            const SplitSettings& settings,
                            std::size_t buffer = default_buffer);

} // namespace hostd::qemu
