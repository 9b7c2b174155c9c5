#pragma once

#include "tests/support/migration_streams.hpp"

namespace tests {

constexpr std::uint64_t page = MigrationStream::page;
constexpr std::size_t ram_pages = 4;

inline hostd::qemu::SplitSettings settings()
{
    hostd::qemu::SplitSettings settings;
    settings.renamed = "paddock.ram";
    settings.ram = common::Bytes{ram_pages * page};
    return settings;
}

inline MigrationStream::Blocks blocks(std::string_view main = "pc.ram")
{
    return {{std::string{main}, ram_pages * page}, {"pc.rom", 2 * page}};
}

/// One with every kind of record that is known.
inline std::string whole_stream()
{
    MigrationStream stream;
    stream.header().blocks(blocks());
    stream.part().full("pc.ram", 0, 'a').full_of_same(page, 'b').zero_of_same(2 * page);
    stream.full("pc.rom", page, 'r').zero("pc.rom", 0).end_section();
    stream.last_part().zero("pc.ram", 3 * page).end_section();
    return stream.device().bytes;
}

/// How the device stream of whole_stream() must come out.
inline std::string its_devices()
{
    MigrationStream stream;
    stream.header().blocks(blocks("paddock.ram"));
    stream.part().full("pc.rom", page, 'r').zero("pc.rom", 0).end_section();
    return stream.last_part().end_section().device().bytes;
}

struct Outcome {
    common::Result<hostd::qemu::Split> split;
    MarkedMemory memory;
};

inline Outcome split(std::string_view stream,
                     const hostd::qemu::SplitSettings& given = settings(),
                     std::size_t portion = std::string_view::npos,
                     std::size_t buffer = hostd::qemu::least_buffer)
{
    TextSource source{stream, portion};
    MarkedMemory memory{given.ram.count()};
    auto done = hostd::qemu::split(source, memory, given, buffer);
    return {std::move(done), std::move(memory)};
}

inline std::string reason(std::string_view stream,
                          const hostd::qemu::SplitSettings& given = settings())
{
    const auto done = split(stream, given).split;
    return done ? "taken" : std::string{done.error().stable_reason()};
}

} // namespace tests
