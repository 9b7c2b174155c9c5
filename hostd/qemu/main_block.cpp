#include "hostd/qemu/main_block.hpp"

#include <array>

namespace hostd::qemu {

namespace {

constexpr std::size_t longest_run = 1024; // IOV_MAX of Linux: 4 MiB in one call.
constexpr std::array<char, page_size> zeros{};

} // namespace

MainBlock::MainBlock(Memory& memory, common::Bytes size)
    : memory_{memory}, states_(size.count() / page_size, State::missing), missing_{states_.size()}
{
    run_.reserve(longest_run);
}

common::Result<> MainBlock::page(std::uint64_t offset, const char* content)
{
    ++pages_;
    note(offset, State::content);
    return gather(offset, content);
}

common::Result<> MainBlock::zero_page(std::uint64_t offset)
{
    ++zero_pages_;
    const bool hole = states_[offset / page_size] != State::content;
    note(offset, hole ? State::zero : State::content);
    return hole ? common::Result<>{} : gather(offset, zeros.data());
}

common::Result<> MainBlock::flush()
{
    if (run_.empty()) {
        return {};
    }
    auto written = memory_.write(run_begin_, run_);
    run_.clear();
    return written;
}

common::Result<> MainBlock::gather(std::uint64_t offset, const char* content)
{
    if (offset != run_end_ || run_.size() == longest_run) {
        COMMON_CHECK(flush());
    }
    if (run_.empty()) {
        run_begin_ = offset;
    }
    run_end_ = offset + page_size;
    // Nobody writes through it: iovec has one pointer for reading and writing.
    run_.push_back({const_cast<char*>(content), page_size});
    return {};
}

void MainBlock::note(std::uint64_t offset, State state)
{
    auto& known = states_[offset / page_size];
    missing_ -= known == State::missing ? 1 : 0;
    known = state;
}

} // namespace hostd::qemu
