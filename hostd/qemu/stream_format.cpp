#include "hostd/qemu/stream_format.hpp"

namespace hostd::qemu {

bool ends_whole(std::string_view device)
{
    const auto last_nul = device.rfind('\0');
    for (std::size_t size_byte = 0; last_nul != device.npos && size_byte < 4; ++size_byte) {
        constexpr std::size_t head = 6; // End of file, its own type, the size.
        const auto begin = last_nul - size_byte - 2;
        if (last_nul < size_byte + 2 + 5 || device.size() < begin + head + 2) {
            continue;
        }
        const auto text = device.substr(begin + head);
        if (static_cast<std::uint8_t>(device[begin - 5]) == section_footer &&
            static_cast<std::uint8_t>(device[begin]) == end_of_file &&
            static_cast<std::uint8_t>(device[begin + 1]) == description &&
            big_endian<std::uint32_t>(device.substr(begin + 2, 4)) == text.size() &&
            text.front() == '{' && text.back() == '}') {
            return true;
        }
    }
    return false;
}

} // namespace hostd::qemu
