#include "hostd/qemu/splitter.hpp"

#include "hostd/qemu/main_block.hpp"
#include "hostd/qemu/stream_format.hpp"
#include "hostd/qemu/stream_reader.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

namespace hostd::qemu {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t longest_machine = 255;
constexpr std::size_t most_blocks = 256; // Machines have about twenty.

Error unknown(std::string_view what)
{
    return {ErrorCode::failed_precondition,
            fmt::format("the migration stream is not one that can be split: {}", what),
            "unknown_stream"};
}

class Splitter {
public:
    Splitter(Source& source, Memory& memory, const SplitSettings& settings, std::size_t buffer)
        : settings_{settings},
          reader_{source, std::max(buffer, least_buffer)},
          main_{memory, settings.ram}
    {}

    Result<Split> run();

private:
    struct Block {
        std::string name;
        std::uint64_t size;
        bool main;
    };
    enum class Ram { expected, begun, ended };

    Result<> header();
    Result<> sections();
    Result<> begin_ram();
    Result<> go_on_with_ram(std::uint8_t type);
    Result<> records();
    Result<> block_list(std::uint64_t total);
    Result<> choose_block();
    Result<> page(std::uint64_t record);
    Result<> main_page(std::uint64_t offset, std::uint64_t kind);
    Result<> other_page(std::uint64_t offset, std::uint64_t kind);
    Result<> devices();

    /// The next bytes; at most least_buffer. They hold until more are needed than were read.
    Result<std::string_view> take(std::size_t size);
    /// The next bytes, which go to the device stream too.
    Result<std::string_view> keep(std::size_t size);
    template <typename Number>
    Result<Number> take_number();
    template <typename Number>
    Result<Number> keep_number();

    Result<> put(std::string_view bytes);
    Result<> put_number(std::uint64_t number);
    Result<> put_name(std::string_view name);

    const SplitSettings& settings_;
    StreamReader reader_;
    MainBlock main_;
    Ram ram_ = Ram::expected;
    std::uint32_t ram_section_ = 0;
    std::vector<Block> blocks_;
    const Block* block_ = nullptr; ///< Whose pages come.
    std::string device_;
};

Result<std::string_view> Splitter::take(std::size_t size)
{
    if (reader_.available() < size) {
        COMMON_CHECK(main_.flush()); // Its pages are in the reader's buffer.
        COMMON_CHECK(reader_.fill());
        if (reader_.available() < size) {
            return unknown(fmt::format("it ends after {} bytes", reader_.read().count()));
        }
    }
    return reader_.take(size);
}

Result<std::string_view> Splitter::keep(std::size_t size)
{
    COMMON_TRY(const auto bytes, take(size));
    COMMON_CHECK(put(bytes));
    return bytes;
}

template <typename Number>
Result<Number> Splitter::take_number()
{
    COMMON_TRY(const auto bytes, take(sizeof(Number)));
    return big_endian<Number>(bytes);
}

template <typename Number>
Result<Number> Splitter::keep_number()
{
    COMMON_TRY(const auto bytes, keep(sizeof(Number)));
    return big_endian<Number>(bytes);
}

Result<> Splitter::put(std::string_view bytes)
{
    if (bytes.size() > settings_.device_limit.count() - device_.size()) {
        return Error{ErrorCode::too_large,
                     fmt::format("the migration stream has more than {} KiB beside the main memory",
                                 settings_.device_limit.kib())};
    }
    device_ += bytes;
    return {};
}

Result<> Splitter::put_number(std::uint64_t number)
{
    std::string bytes;
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        bytes.push_back(static_cast<char>(static_cast<unsigned char>(number >> (shift - 8))));
    }
    return put(bytes);
}

Result<> Splitter::put_name(std::string_view name)
{
    COMMON_CHECK(put(std::string(1, static_cast<char>(static_cast<unsigned char>(name.size())))));
    return put(name);
}

Result<Split> Splitter::run()
{
    COMMON_CHECK(header());
    COMMON_CHECK(sections());
    COMMON_CHECK(main_.flush());
    return Split{std::move(device_), main_.pages(), main_.zero_pages(), reader_.read()};
}

Result<> Splitter::header()
{
    COMMON_TRY(const auto found_magic, keep_number<std::uint32_t>());
    if (found_magic != magic) {
        return unknown(fmt::format("it begins with {:#010x}", found_magic));
    }
    COMMON_TRY(const auto version, keep_number<std::uint32_t>());
    if (version != format_version) {
        return unknown(fmt::format("version {}", version));
    }
    COMMON_TRY(const auto type, keep_number<std::uint8_t>());
    if (type != configuration) {
        return unknown(fmt::format("{:#04x} in place of the configuration", type));
    }
    COMMON_TRY(const auto length, keep_number<std::uint32_t>());
    if (length == 0 || length > longest_machine) {
        return unknown(fmt::format("a machine's name of {} bytes", length));
    }
    COMMON_CHECK(keep(length));
    return {};
}

Result<> Splitter::sections()
{
    for (;;) {
        // Among what is refused: a subsection of the configuration, which says that the source
        // has a capability, and a command, which a return path or postcopy sends.
        COMMON_TRY(const auto type, keep_number<std::uint8_t>());
        if (type == section_start && ram_ == Ram::expected) {
            COMMON_CHECK(begin_ram());
        } else if ((type == section_part || type == section_end) && ram_ == Ram::begun) {
            COMMON_CHECK(go_on_with_ram(type));
        } else if (type == section_full && ram_ == Ram::ended) {
            return devices();
        } else {
            return unknown(fmt::format("{:#04x} where a section should begin", type));
        }
    }
}

Result<> Splitter::begin_ram()
{
    COMMON_TRY(ram_section_, keep_number<std::uint32_t>());
    COMMON_TRY(const auto length, keep_number<std::uint8_t>());
    COMMON_TRY(const auto name, keep(length));
    if (name != "ram") {
        return unknown(
            fmt::format("a live section that is not of RAM but of {} bytes' name", length));
    }
    COMMON_TRY(const auto instance, keep_number<std::uint32_t>());
    COMMON_TRY(const auto version, keep_number<std::uint32_t>());
    if (instance != 0 || version != ram_version) {
        return unknown(fmt::format("RAM of instance {}, version {}", instance, version));
    }
    ram_ = Ram::begun;
    COMMON_TRY(const auto record, keep_number<std::uint64_t>());
    if ((record & flag_bits) != flag_block_list) {
        return unknown("RAM that does not begin with its blocks");
    }
    COMMON_CHECK(block_list(record & ~flag_bits));
    return records();
}

Result<> Splitter::go_on_with_ram(std::uint8_t type)
{
    COMMON_TRY(const auto section, keep_number<std::uint32_t>());
    if (section != ram_section_) {
        return unknown(fmt::format("more of section {}, which is not RAM", section));
    }
    COMMON_CHECK(records());
    if (type == section_end) {
        ram_ = Ram::ended;
        if (main_.missing() != 0) {
            return unknown(
                fmt::format("{} pages of {} never came", main_.missing(), settings_.ram_block));
        }
    }
    return {};
}

Result<> Splitter::records()
{
    for (;;) {
        COMMON_TRY(const auto record, take_number<std::uint64_t>());
        if (record == flag_end) {
            break;
        }
        COMMON_CHECK(page(record));
    }
    COMMON_CHECK(put_number(flag_end));
    COMMON_TRY(const auto footer, keep_number<std::uint8_t>());
    COMMON_TRY(const auto section, keep_number<std::uint32_t>());
    if (footer != section_footer || section != ram_section_) {
        return unknown("a section without its footer");
    }
    return {};
}

Result<> Splitter::block_list(std::uint64_t total)
{
    while (total > 0) {
        COMMON_TRY(const auto length, take_number<std::uint8_t>());
        COMMON_TRY(const auto bytes, take(length));
        const std::string name{bytes};
        COMMON_TRY(const auto size, take_number<std::uint64_t>());
        if (size == 0 || size % page_size != 0 || size > total) {
            return unknown(fmt::format("a block of {} bytes, with {} left of all", size, total));
        }
        const bool is_main = name == settings_.ram_block;
        if (is_main && size != settings_.ram.count()) {
            return unknown(fmt::format("{} of {} bytes", name, size));
        }
        const auto taken = [&](const Block& other) { return other.name == name; };
        if (name.empty() || (!is_main && name == settings_.renamed) ||
            std::any_of(blocks_.begin(), blocks_.end(), taken) || blocks_.size() == most_blocks) {
            return unknown("a block's name is none or there twice, or there are too many");
        }
        COMMON_CHECK(put_name(is_main ? settings_.renamed : name));
        COMMON_CHECK(put_number(size));
        blocks_.push_back({name, size, is_main});
        total -= size;
    }
    return {};
}

Result<> Splitter::choose_block()
{
    COMMON_TRY(const auto length, take_number<std::uint8_t>());
    COMMON_TRY(const auto name, take(length));
    const auto found = std::find_if(
        blocks_.begin(), blocks_.end(), [&](const Block& block) { return block.name == name; });
    if (found == blocks_.end()) {
        return unknown("a page of a block that is not in the list");
    }
    block_ = &*found;
    return {};
}

Result<> Splitter::page(std::uint64_t record)
{
    const auto offset = record & ~flag_bits;
    const auto kind = record & flag_bits & ~flag_same_block;
    if (kind != flag_page && kind != flag_zero) {
        return unknown(fmt::format("a record of RAM with the flags {:#x}", record & flag_bits));
    }
    if ((record & flag_same_block) == 0) {
        COMMON_CHECK(choose_block());
    }
    if (block_ == nullptr) {
        return unknown("a page of no block");
    }
    if (offset >= block_->size) {
        return unknown(fmt::format("a page at {:#x} of a block of {:#x}", offset, block_->size));
    }
    return block_->main ? main_page(offset, kind) : other_page(offset, kind);
}

Result<> Splitter::main_page(std::uint64_t offset, std::uint64_t kind)
{
    if (kind == flag_page) {
        COMMON_TRY(const auto content, take(page_size));
        return main_.page(offset, content.data());
    }
    COMMON_TRY(const auto fill, take_number<std::uint8_t>());
    return fill == 0 ? main_.zero_page(offset) : unknown("a page of one byte other than zero");
}

Result<> Splitter::other_page(std::uint64_t offset, std::uint64_t kind)
{
    // Named each time: the page before it may have been one of the main memory.
    COMMON_CHECK(put_number(offset | kind));
    COMMON_CHECK(put_name(block_->name));
    COMMON_TRY(const auto content, keep(kind == flag_page ? page_size : 1));
    return kind == flag_page || content[0] == 0 ? Result<>{}
                                                : unknown("a page of one byte other than zero");
}

Result<> Splitter::devices()
{
    COMMON_CHECK(main_.flush());
    do {
        COMMON_CHECK(keep(reader_.available()));
        COMMON_CHECK(reader_.fill());
    } while (reader_.available() > 0);
    return ends_whole(device_) ? Result<>{} : unknown("it does not end as a whole one does");
}

} // namespace

Result<Split>
split(Source& source, Memory& memory, const SplitSettings& settings, std::size_t buffer)
{
    const auto named = [](const std::string& name) { return !name.empty() && name.size() < 256; };
    if (settings.ram.count() == 0 || settings.ram.count() % page_size != 0 ||
        !named(settings.ram_block) || !named(settings.renamed)) {
        return Error{ErrorCode::invalid_argument,
                     "a main memory has a name, another one where it is loaded, and whole pages"};
    }
    return Splitter{source, memory, settings, buffer}.run();
}

} // namespace hostd::qemu
