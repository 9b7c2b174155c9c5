#pragma once

#include "hostd/qemu/splitter.hpp"

#include <memory>
#include <string_view>

namespace hostd::qemu {

/// A buffer before a source. Views into it hold until fill().
class StreamReader {
public:
    StreamReader(Source& source, std::size_t capacity);

    /// What is read but not taken.
    [[nodiscard]] std::size_t available() const noexcept { return end_ - begin_; }
    /// Reads until the buffer is full or the source has ended.
    common::Result<> fill();
    /// Of what is available, the next `size` bytes.
    std::string_view take(std::size_t size) noexcept;
    [[nodiscard]] common::Bytes read() const noexcept { return read_; }

private:
    Source& source_;
    std::size_t capacity_;
    std::unique_ptr<char[]> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    common::Bytes read_;
};

} // namespace hostd::qemu
