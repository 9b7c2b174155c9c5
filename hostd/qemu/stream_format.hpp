#pragma once

#include <cstdint>
#include <string_view>

/// The format is that of QEMU's migration/savevm.c and migration/ram.c: a header, then sections.
/// Those of "ram" say how long they are by their records; those of devices do not, so all from
/// the first of them on is taken as it is, and its end is found by the description that QEMU
/// puts there.
namespace hostd::qemu {

constexpr std::uint64_t page_size = 4096;

constexpr std::uint32_t magic = 0x5145564D; // "QEVM"
constexpr std::uint32_t format_version = 3;
constexpr std::uint32_t ram_version = 4;

// What a section begins with.
constexpr std::uint8_t end_of_file = 0x00;
constexpr std::uint8_t section_start = 0x01;
constexpr std::uint8_t section_part = 0x02;
constexpr std::uint8_t section_end = 0x03;
constexpr std::uint8_t section_full = 0x04;
constexpr std::uint8_t description = 0x06;
constexpr std::uint8_t configuration = 0x07;
constexpr std::uint8_t section_footer = 0x7E;

// A record of the "ram" section is an address and these, in one word.
constexpr std::uint64_t flag_bits = page_size - 1;
constexpr std::uint64_t flag_zero = 0x02;
constexpr std::uint64_t flag_block_list = 0x04;
constexpr std::uint64_t flag_page = 0x08;
constexpr std::uint64_t flag_end = 0x10;
constexpr std::uint64_t flag_same_block = 0x20;

template <typename Number>
Number big_endian(std::string_view bytes)
{
    Number number = 0;
    for (const char byte : bytes) {
        number = static_cast<Number>(number << 8U) | static_cast<unsigned char>(byte);
    }
    return number;
}

template <>
inline std::uint8_t big_endian(std::string_view bytes)
{
    return static_cast<std::uint8_t>(bytes[0]);
}

/// Whether `device` ends as QEMU ends a stream: footer of the last section, end of file, and
/// a description in JSON of the size that goes before it. JSON has no NUL, but the size has,
/// because more than 16 MiB of description is none.
bool ends_whole(std::string_view device);

} // namespace hostd::qemu
