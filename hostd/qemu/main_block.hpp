#pragma once

#include "hostd/qemu/splitter.hpp"
#include "hostd/qemu/stream_format.hpp"

#include <vector>

namespace hostd::qemu {

/// The guest's main memory on its way to where it is kept: gathers neighbouring pages into
/// large writes, and knows which pages came.
class MainBlock {
public:
    /// `size` is a multiple of page_size.
    MainBlock(Memory& memory, common::Bytes size);

    /// The page at `offset`, which is in the block. `content` must hold until flush().
    common::Result<> page(std::uint64_t offset, const char* content);
    /// A page of zeros: a hole, unless it had content before.
    common::Result<> zero_page(std::uint64_t offset);
    /// Writes what is gathered.
    common::Result<> flush();

    [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }
    [[nodiscard]] std::uint64_t zero_pages() const noexcept { return zero_pages_; }
    /// How many never came.
    [[nodiscard]] std::uint64_t missing() const noexcept { return missing_; }

private:
    enum class State : char { missing, zero, content };

    common::Result<> gather(std::uint64_t offset, const char* content);
    void note(std::uint64_t offset, State state);

    Memory& memory_;
    std::vector<State> states_;
    std::vector<iovec> run_;
    std::uint64_t run_begin_ = 0;
    std::uint64_t run_end_ = 0;
    std::uint64_t pages_ = 0;
    std::uint64_t zero_pages_ = 0;
    std::uint64_t missing_;
};

} // namespace hostd::qemu
