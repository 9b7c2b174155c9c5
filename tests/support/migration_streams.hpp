#pragma once

#include "hostd/qemu/splitter.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tests {

/// A migration stream, written piece by piece as QEMU would, or as it never would.
class MigrationStream {
public:
    static constexpr std::uint32_t ram_section = 2;
    static constexpr std::uint64_t page = 4096;

    std::string bytes;

    MigrationStream& number(std::uint64_t value, unsigned size)
    {
        for (unsigned shift = size * 8; shift > 0; shift -= 8) {
            bytes.push_back(static_cast<char>(static_cast<unsigned char>(value >> (shift - 8))));
        }
        return *this;
    }
    MigrationStream& u8(std::uint8_t value) { return number(value, 1); }
    MigrationStream& u32(std::uint32_t value) { return number(value, 4); }
    MigrationStream& u64(std::uint64_t value) { return number(value, 8); }
    MigrationStream& raw(std::string_view text)
    {
        bytes += text;
        return *this;
    }
    MigrationStream& name(std::string_view text)
    {
        return u8(static_cast<std::uint8_t>(text.size())).raw(text);
    }

    MigrationStream& header(std::string_view machine = "pc-q35-7.2")
    {
        u32(0x5145564D).u32(3).u8(7).u32(static_cast<std::uint32_t>(machine.size()));
        return raw(machine);
    }
    using Blocks = std::vector<std::pair<std::string, std::uint64_t>>;
    MigrationStream& begin_ram(std::string_view section = "ram", std::uint32_t version = 4)
    {
        return u8(1).u32(ram_section).name(section).u32(0).u32(version);
    }
    MigrationStream& list(const Blocks& blocks)
    {
        std::uint64_t total = 0;
        for (const auto& block : blocks) {
            total += block.second;
        }
        u64(total | 0x04U);
        for (const auto& [block, size] : blocks) {
            name(block).u64(size);
        }
        return *this;
    }
    /// The whole section that a stream's RAM begins with.
    MigrationStream& blocks(const Blocks& list_of)
    {
        return begin_ram().list(list_of).end_section();
    }
    MigrationStream& part() { return u8(2).u32(ram_section); }
    MigrationStream& last_part() { return u8(3).u32(ram_section); }
    MigrationStream& end_section() { return u64(0x10).u8(0x7E).u32(ram_section); }

    MigrationStream& full(std::string_view block, std::uint64_t at, char fill)
    {
        return u64(at | 0x08U).name(block).raw(std::string(page, fill));
    }
    MigrationStream& full_of_same(std::uint64_t at, char fill)
    {
        return u64(at | 0x28U).raw(std::string(page, fill));
    }
    MigrationStream& zero(std::string_view block, std::uint64_t at)
    {
        return u64(at | 0x02U).name(block).u8(0);
    }
    MigrationStream& zero_of_same(std::uint64_t at) { return u64(at | 0x22U).u8(0); }

    /// One device and the stream's end.
    MigrationStream& device(std::string_view state = "state")
    {
        u8(4).u32(7).name("timer").u32(0).u32(2).raw(state).u8(0x7E).u32(7);
        constexpr std::string_view description = R"({"page_size": 4096, "devices": []})";
        return u8(0).u8(6).u32(description.size()).raw(description);
    }
};

/// Gives a text, at most `portion` bytes at a time.
class TextSource final : public hostd::qemu::Source {
public:
    explicit TextSource(std::string_view text, std::size_t portion = std::string_view::npos)
        : text_{text}, portion_{portion}
    {}
    common::Result<std::size_t> read(char* to, std::size_t size) override
    {
        const auto given = text_.substr(0, std::min(size, portion_));
        std::copy(given.begin(), given.end(), to);
        text_.remove_prefix(given.size());
        return given.size();
    }

private:
    std::string_view text_;
    std::size_t portion_;
};

/// Memory whose holes show: they keep the mark.
class MarkedMemory final : public hostd::qemu::Memory {
public:
    static constexpr char hole = '\xEE';

    explicit MarkedMemory(std::size_t size) : content(size, hole) {}
    common::Result<> write(std::uint64_t offset, std::span<iovec> pieces) override
    {
        ++writes;
        for (const auto& piece : pieces) {
            if (offset + piece.iov_len > content.size()) {
                return common::Error{common::ErrorCode::internal, "written outside the memory"};
            }
            std::memcpy(content.data() + offset, piece.iov_base, piece.iov_len);
            offset += piece.iov_len;
        }
        return {};
    }

    std::string content;
    int writes = 0;
};

} // namespace tests
