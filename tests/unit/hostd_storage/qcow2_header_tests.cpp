#include "hostd/storage/qcow2_header.hpp"

#include "tests/unit/hostd_storage/checkpoints.hpp"

#include <sys/stat.h>
#include <unistd.h>

using namespace hostd::storage;

namespace {

constexpr std::uint64_t size = 1 << 20;
const std::string backing = "/state/layers/lyr-aaaaaaaaaaaaaaaa.qcow2";

bool refused(const std::string& bytes)
{
    const auto header = parse_qcow2_header(bytes);
    return !header && header.error().reason == "disk_damaged";
}

std::string with(std::size_t at, std::size_t width, std::uint64_t value)
{
    auto bytes = qcow2_bytes(backing, size);
    put_number(bytes, at, width, value);
    return bytes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(qcow2_header_tests)

BOOST_AUTO_TEST_CASE(backing_file_and_size_are_read)
{
    const auto header = parse_qcow2_header(qcow2_bytes(backing, size));
    BOOST_REQUIRE(header);
    BOOST_TEST(header->backing == backing);
    BOOST_TEST(header->virtual_bytes == size);
    const auto alone = parse_qcow2_header(qcow2_bytes("", size));
    BOOST_REQUIRE(alone);
    BOOST_TEST(alone->backing.empty());
    BOOST_TEST(parse_qcow2_header(qcow2_bytes(backing, size) + std::string(9000, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(cut_anywhere_it_is_refused)
{
    const auto whole = qcow2_bytes(backing, size);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        BOOST_REQUIRE(refused(whole.substr(0, length)));
    }
}

BOOST_AUTO_TEST_CASE(numbers_that_lead_out_of_the_header_are_refused)
{
    constexpr auto most = ~std::uint64_t{0};
    for (const auto offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{103}, most}) {
        BOOST_TEST(refused(with(8, 8, offset))); // Of the backing file's name.
    }
    for (const auto length : {std::uint64_t{0}, std::uint64_t{1024}, most}) {
        BOOST_TEST(refused(with(16, 4, length)));
    }
    for (const auto length : {std::uint64_t{0}, std::uint64_t{103}, std::uint64_t{5000}, most}) {
        BOOST_TEST(refused(with(100, 4, length))); // Of the header.
    }
    BOOST_TEST(refused(with(108, 4, most))); // Of an extension.
    BOOST_TEST(refused(with(24, 8, 0)));
    BOOST_TEST(refused(with(24, 8, most)));
}

BOOST_AUTO_TEST_CASE(what_may_refer_to_another_file_or_is_no_plain_disk_is_refused)
{
    BOOST_TEST(refused(with(0, 4, 0x52415721)));
    BOOST_TEST(refused(with(4, 4, 1)));
    BOOST_TEST(refused(with(4, 4, 4)));
    BOOST_TEST(refused(with(32, 4, 2)));        // Encrypted.
    BOOST_TEST(refused(with(72, 8, 4)));        // An external data file.
    BOOST_TEST(refused(with(72, 8, 1U << 9U))); // Not known to us.
    BOOST_TEST(!refused(with(72, 8, 1)));       // Dirty: in use.
    BOOST_TEST(refused(qcow2_bytes(std::string("/a\0b", 4), size)));
}

BOOST_AUTO_TEST_CASE(a_backing_file_must_be_declared_as_qcow2)
{
    BOOST_TEST(refused(qcow2_bytes(backing, size, "raw")));
    BOOST_TEST(refused(with(104, 4, 0x12345678)));
    BOOST_TEST(refused(with(104, 4, 0)));
}

BOOST_AUTO_TEST_CASE(only_a_regular_file_is_read)
{
    const tests::TempFolder temp;
    write(temp.path() / "file", qcow2_bytes(backing, size));
    BOOST_TEST(read_qcow2_header(temp.path() / "file").has_value());
    BOOST_REQUIRE(::symlink("file", (temp.path() / "link").c_str()) == 0);
    BOOST_REQUIRE(::mkfifo((temp.path() / "pipe").c_str(), 0600) == 0);
    for (const auto* name : {"link", "pipe", "none", ""}) {
        BOOST_TEST(!read_qcow2_header(temp.path() / name));
    }
}

BOOST_AUTO_TEST_SUITE_END()
