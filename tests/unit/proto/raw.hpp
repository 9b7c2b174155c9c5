#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// msgpack by hand, so that a test can say what no encoder of ours would.
namespace raw {

inline std::string big_endian(std::uint64_t value, unsigned bytes)
{
    std::string text;
    for (unsigned shift = bytes * 8; shift > 0; shift -= 8) {
        text += static_cast<char>(value >> (shift - 8) & 0xFFU);
    }
    return text;
}

inline std::string array(std::uint32_t count)
{
    return '\xDD' + big_endian(count, 4);
}
inline std::string map(std::uint32_t count)
{
    return '\xDF' + big_endian(count, 4);
}
inline std::string uint(std::uint64_t value)
{
    return '\xCF' + big_endian(value, 8);
}
inline std::string str(std::string_view text)
{
    return '\xDB' + big_endian(text.size(), 4) + std::string{text};
}
inline std::string bin(std::string_view bytes)
{
    return '\xC6' + big_endian(bytes.size(), 4) + std::string{bytes};
}
inline std::string minus_one()
{
    return "\xFF";
}
inline std::string nil()
{
    return "\xC0";
}
inline std::string yes()
{
    return "\xC3";
}
inline std::string real()
{
    return '\xCB' + std::string(8, '\0');
}

} // namespace raw
