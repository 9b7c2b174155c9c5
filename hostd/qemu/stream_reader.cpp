#include "hostd/qemu/stream_reader.hpp"

#include <cstring>

namespace hostd::qemu {

StreamReader::StreamReader(Source& source, std::size_t capacity)
    : source_{source},
      capacity_{capacity},
      buffer_{std::make_unique_for_overwrite<char[]>(capacity)}
{}

common::Result<> StreamReader::fill()
{
    std::memmove(buffer_.get(), buffer_.get() + begin_, available());
    end_ -= begin_;
    begin_ = 0;
    while (end_ < capacity_) {
        COMMON_TRY(const auto size, source_.read(buffer_.get() + end_, capacity_ - end_));
        if (size == 0) {
            break;
        }
        end_ += size;
        read_ += common::Bytes{size};
    }
    return {};
}

std::string_view StreamReader::take(std::size_t size) noexcept
{
    const std::string_view taken{buffer_.get() + begin_, size};
    begin_ += size;
    return taken;
}

} // namespace hostd::qemu
