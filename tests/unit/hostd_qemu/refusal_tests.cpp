// What a stream must not be. Each is whole_stream() or one like it, but for what the case names.
#include "tests/unit/hostd_qemu/streams.hpp"

#include <boost/test/unit_test.hpp>

using tests::MigrationStream;
using tests::page;
using tests::reason;

namespace {

/// Ends well what `stream` began.
std::string ended(MigrationStream stream)
{
    stream.last_part();
    for (std::uint64_t at = 0; at < tests::ram_pages * page; at += page) {
        stream.zero("pc.ram", at);
    }
    return stream.end_section().device().bytes;
}

std::string with_blocks(const MigrationStream::Blocks& blocks)
{
    return ended(MigrationStream{}.header().blocks(blocks));
}

MigrationStream in_a_part()
{
    return MigrationStream{}.header().blocks(tests::blocks()).part();
}

/// A stream that has `record` among its pages.
std::string with_record(const MigrationStream& record)
{
    return ended(in_a_part().raw(record.bytes).end_section());
}

const std::string refused = "unknown_stream";

} // namespace

BOOST_AUTO_TEST_SUITE(refusal_tests)

BOOST_AUTO_TEST_CASE(what_these_cases_begin_with_is_taken)
{
    BOOST_TEST(reason(with_blocks(tests::blocks())) == "taken");
    BOOST_TEST(reason(with_record(MigrationStream{}.full("pc.rom", page, 'r'))) == "taken");
}

BOOST_AUTO_TEST_CASE(a_stream_cut_anywhere_is_refused)
{
    const auto stream = tests::whole_stream();
    for (std::size_t size = 0; size < stream.size(); ++size) {
        BOOST_REQUIRE_EQUAL(reason(std::string_view{stream}.substr(0, size)), refused);
    }
    BOOST_TEST(reason(stream + '\0') == refused);
    BOOST_TEST(reason(stream + "}") == refused);
}

BOOST_AUTO_TEST_CASE(another_header_is_refused)
{
    const auto rest = ended(MigrationStream{}.blocks(tests::blocks()));
    const auto with = [&rest](const MigrationStream& head) { return reason(head.bytes + rest); };
    BOOST_TEST(with(MigrationStream{}.header()) == "taken");
    BOOST_TEST(with(MigrationStream{}.u32(0x5145564E).u32(3).u8(7).u32(1).raw("m")) == refused);
    BOOST_TEST(with(MigrationStream{}.u32(0x5145564D).u32(2).u8(7).u32(1).raw("m")) == refused);
    BOOST_TEST(with(MigrationStream{}.u32(0x5145564D).u32(3)) == refused);
    BOOST_TEST(with(MigrationStream{}.header("")) == refused);
    BOOST_TEST(with(MigrationStream{}.header(std::string(256, 'm'))) == refused);
    BOOST_TEST(with(MigrationStream{}.u32(0x5145564D).u32(3).u8(7).u32(0xFFFFFFFF)) == refused);
}

BOOST_AUTO_TEST_CASE(a_source_with_a_capability_is_refused)
{
    MigrationStream stream;
    stream.header().u8(5).name("configuration/capabilities").u32(1).u32(1);
    BOOST_TEST(reason(ended(stream.name("x-ignore-shared").blocks(tests::blocks()))) == refused);
}

BOOST_AUTO_TEST_CASE(an_unknown_section_is_refused)
{
    const auto begun = MigrationStream{}.header().blocks(tests::blocks());
    for (unsigned type = 0; type < 256; ++type) {
        // Without its type, the section of a device is what the stream would go on with.
        const auto rest = MigrationStream{}.device().bytes.substr(1);
        const auto byte = static_cast<std::uint8_t>(type);
        BOOST_TEST(reason(MigrationStream{begun}.u8(byte).raw(rest).bytes) == refused);
        const auto head = MigrationStream{}.header();
        BOOST_TEST(reason(MigrationStream{head}.u8(byte).raw(rest).bytes) == refused);
        const auto whole = tests::whole_stream();
        auto other = whole;
        other[whole.size() - MigrationStream{}.device().bytes.size()] = static_cast<char>(byte);
        BOOST_TEST(reason(other) == (type == 4 ? "taken" : refused));
    }
}

BOOST_AUTO_TEST_CASE(ram_that_is_announced_in_another_way_is_refused)
{
    const auto head = MigrationStream{}.header();
    const auto with = [&head](const MigrationStream& ram) {
        return reason(ended(MigrationStream{head}.raw(ram.bytes)));
    };
    const auto blocks = tests::blocks();
    BOOST_TEST(with(MigrationStream{}.begin_ram().list(blocks).end_section()) == "taken");
    BOOST_TEST(with(MigrationStream{}.begin_ram("ram", 3).list(blocks).end_section()) == refused);
    BOOST_TEST(with(MigrationStream{}.begin_ram("block").list(blocks).end_section()) == refused);
    BOOST_TEST(with(MigrationStream{}.begin_ram().end_section()) == refused);
    BOOST_TEST(with(MigrationStream{}.blocks(blocks).blocks(blocks)) == refused);
    BOOST_TEST(with(MigrationStream{}.begin_ram().list(blocks).list(blocks).end_section()) ==
               refused);
    BOOST_TEST(with(MigrationStream{}.blocks(blocks).u8(2).u32(3).end_section()) == refused);
    auto footer = MigrationStream{}.blocks(blocks).bytes;
    footer.back() = '\3';
    BOOST_TEST(with(MigrationStream{}.raw(footer)) == refused);
}

BOOST_AUTO_TEST_CASE(blocks_that_do_not_add_up_are_refused)
{
    constexpr auto ram = tests::ram_pages * page;
    BOOST_TEST(reason(with_blocks({{"pc.ram", ram - page}})) == refused);
    BOOST_TEST(reason(with_blocks({{"pc.ram", ram + page}})) == refused);
    BOOST_TEST(reason(with_blocks({{"pc.rom", ram}})) == refused);
    BOOST_TEST(reason(with_blocks({{"pc.ram", ram}, {"pc.ram", ram}})) == refused);
    BOOST_TEST(reason(with_blocks({{"pc.ram", ram}, {"rom", page}, {"rom", page}})) == refused);
    BOOST_TEST(reason(with_blocks({{"pc.ram", ram}, {"paddock.ram", page}})) == refused);
    BOOST_TEST(reason(with_blocks({{"", page}, {"pc.ram", ram}})) == refused);
    BOOST_TEST(reason(with_blocks({{"rom", 0}, {"pc.ram", ram}})) == refused);
    BOOST_TEST(reason(with_blocks({{"a", 8}, {"b", page - 8}, {"pc.ram", ram}})) == refused);
    BOOST_TEST(reason(with_blocks({})) == refused);
    MigrationStream short_total;
    short_total.header().begin_ram().u64((ram - page) | 4U).name("pc.ram").u64(ram).end_section();
    BOOST_TEST(reason(ended(short_total)) == refused);
    MigrationStream::Blocks many{{"pc.ram", ram}};
    while (many.size() < 256) {
        many.emplace_back("rom" + std::to_string(many.size()), page);
    }
    BOOST_TEST(reason(with_blocks(many)) == "taken");
    many.emplace_back("one more", page);
    BOOST_TEST(reason(with_blocks(many)) == refused);
}

BOOST_AUTO_TEST_CASE(an_unknown_flag_is_refused)
{
    for (std::uint64_t flags = 0; flags < page; ++flags) {
        const auto kind = flags & ~std::uint64_t{0x20};
        const bool known = kind == 0x02 || kind == 0x08 || flags == 0x10;
        if (!known) {
            const auto record = MigrationStream{}.zero("pc.ram", 0).u64(page | flags);
            BOOST_TEST(reason(with_record(MigrationStream{record}.name("pc.ram").u8(0))) ==
                       refused);
        }
    }
    // An end with an address is none.
    BOOST_TEST(reason(with_record(MigrationStream{}.u64(page | 0x10U))) == refused);
}

BOOST_AUTO_TEST_CASE(a_page_that_no_block_has_is_refused)
{
    constexpr auto end = tests::ram_pages * page;
    BOOST_TEST(reason(with_record(MigrationStream{}.full("pc.ram", end, 'x'))) == refused);
    BOOST_TEST(reason(with_record(MigrationStream{}.zero("pc.ram", end))) == refused);
    BOOST_TEST(reason(with_record(MigrationStream{}.zero("pc.ram", ~(page - 1)))) == refused);
    BOOST_TEST(reason(with_record(MigrationStream{}.full("pc.rom", 2 * page, 'x'))) == refused);
    BOOST_TEST(reason(with_record(MigrationStream{}.full("vga", 0, 'x'))) == refused);
    BOOST_TEST(reason(with_record(MigrationStream{}.full_of_same(0, 'x'))) == refused);
    BOOST_TEST(reason(with_record(MigrationStream{}.zero_of_same(0))) == refused);
}

BOOST_AUTO_TEST_CASE(a_page_of_one_byte_other_than_zero_is_refused)
{
    for (const std::string block : {"pc.ram", "pc.rom"}) {
        BOOST_TEST(reason(with_record(MigrationStream{}.u64(2).name(block).u8(1))) == refused);
    }
}

BOOST_AUTO_TEST_CASE(memory_of_which_a_page_never_came_is_refused)
{
    MigrationStream stream;
    stream.header().blocks(tests::blocks()).last_part();
    stream.zero("pc.ram", 0).full("pc.ram", page, 'x').zero("pc.ram", 2 * page);
    stream.zero("pc.ram", 2 * page).end_section().device();
    BOOST_TEST(reason(stream.bytes) == refused);
}

BOOST_AUTO_TEST_CASE(more_memory_after_the_last_part_is_refused)
{
    const auto whole = with_blocks(tests::blocks());
    const auto device = MigrationStream{}.device().bytes;
    const auto ram = whole.substr(0, whole.size() - device.size());
    const auto more = MigrationStream{}.part().zero("pc.ram", 0).end_section();
    BOOST_TEST(reason(ram + device) == "taken");
    BOOST_TEST(reason(ram + more.bytes + device) == refused);
}

BOOST_AUTO_TEST_CASE(a_description_of_another_size_is_refused)
{
    auto stream = tests::whole_stream();
    const auto text = stream.rfind('{', stream.find("page_size"));
    stream[text - 1] = static_cast<char>(stream[text - 1] + 1);
    BOOST_TEST(reason(stream) == refused);
    auto without = tests::whole_stream();
    without.resize(text - 6);
    BOOST_TEST(reason(without) == refused);
    BOOST_TEST(reason(without + '\0') == refused);
}

BOOST_AUTO_TEST_SUITE_END()
