#include "guest/files/reader.hpp"

#include "guest/files/hash.hpp"
#include "guest/files/lines.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <fcntl.h>
#include <random>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct ReaderFixture : FilesFixture {
    std::string read(const std::string& name, Range range = {}, std::size_t piece_size = 7)
    {
        return read_whole(path(name), range, piece_size);
    }
    std::string read_whole(const std::string& file, Range range = {}, std::size_t piece_size = 7)
    {
        auto reader = Reader::open(policy, file, range);
        if (!reader) {
            return reason_of(reader);
        }
        std::string all;
        std::vector<char> piece(piece_size);
        while (true) {
            const auto count = reader->read(piece);
            if (!count) {
                return reason_of(count);
            }
            if (*count == 0) {
                return all;
            }
            all.append(piece.data(), *count);
        }
    }
    Lines lines(const std::string& text, LineRange range, LineLimits limits = {})
    {
        write(in() / "lines", text);
        return *read_lines(policy, path("lines"), range, limits);
    }
};

constexpr const char* cpus = "/sys/devices/system/cpu/online"; ///< "0-1\n", of "4096" bytes.

boost::test_tools::assertion_result sys_is_there(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result there{fs::exists(cpus)};
    there.message() << "no " << cpus;
    return there;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_tests, ReaderFixture)

BOOST_AUTO_TEST_CASE(a_range_is_what_was_asked_for_as_far_as_it_is_there)
{
    write(in() / "file", "0123456789");
    BOOST_TEST(read("file") == "0123456789");
    BOOST_TEST(read("file", {3, 4}) == "3456");
    BOOST_TEST(read("file", {8, 100}) == "89");
    BOOST_TEST(read("file", {10, {}}) == "");
    BOOST_TEST(read("file", {11, {}}) == "range_beyond_end");
    BOOST_TEST(read("file", {0, UINT64_MAX}) == "0123456789");
    BOOST_TEST(*Reader::open(policy, path("file"), Range{3, 4})->length() == 4U);
}

BOOST_AUTO_TEST_CASE(random_ranges_in_random_pieces_are_right)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::mt19937 random{seed};
        std::string text(50'000, '\0');
        std::ranges::generate(text, [&] { return static_cast<char>(random()); });
        write(in() / "file", text);
        for (int i = 0; i < 200; ++i) {
            const auto offset = random() % (text.size() + 1);
            const auto length = random() % text.size();
            const auto got = read("file", {offset, length}, 1 + random() % 5000);
            BOOST_TEST((got == text.substr(offset, length)));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_would_block_or_act_is_not_opened)
{
    BOOST_REQUIRE(::mkfifo(path("pipe").c_str(), 0600) == 0);
    BOOST_REQUIRE(::mknod(path("null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0);
    const common::UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path("socket").copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    BOOST_REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    for (const auto* each : {"pipe", "null", "socket"}) {
        BOOST_TEST(read(each) == "not_a_file", each);
    }
    BOOST_TEST(read("") == "is_a_folder");
    BOOST_TEST(read("missing") == "not_found");
}

BOOST_AUTO_TEST_CASE(what_the_kernel_makes_up_is_read_to_its_end)
{
    policy = *PathPolicy::of({});
    auto reader = *Reader::open(policy, "/proc/self/status");
    BOOST_TEST(!reader.length());
    std::vector<char> piece(10);
    std::string text;
    while (const auto count = *reader.read(piece)) {
        text.append(piece.data(), count);
    }
    BOOST_TEST(text.starts_with("Name:"));
    BOOST_TEST(text.find("nonvoluntary_ctxt_switches") != std::string::npos);
    write(in() / "empty", "");
    BOOST_TEST(read("empty") == "");
    BOOST_TEST(read("empty", {0, 5}) == "");
}

BOOST_AUTO_TEST_CASE(what_ends_before_its_size_is_read_to_its_end,
                     *boost::unit_test::precondition(sys_is_there))
{
    const std::string online = content(cpus);
    policy = *PathPolicy::of({});
    BOOST_REQUIRE(online.size() > 1U);
    BOOST_TEST(guest::files::stat(policy, cpus, LastLink::kept)->size > online.size());
    BOOST_TEST(!Reader::open(policy, cpus)->length());
    BOOST_REQUIRE(read_whole(cpus) == online);
    BOOST_TEST(read_whole(cpus, {1, {}}) == online.substr(1));
    BOOST_TEST(read_whole(cpus, {0, 1}) == online.substr(0, 1));
    BOOST_TEST(read_whole(cpus, {4000, 5}) == "");
    BOOST_TEST(read_whole(cpus, {5000, {}}) == "");
    BOOST_TEST(read_whole(cpus, {UINT64_MAX, {}}) == "range_beyond_end");
    BOOST_TEST(hash(policy, cpus)->size == online.size());
    BOOST_TEST(read_lines(policy, cpus)->content == online);
    BOOST_TEST(*read_lines(policy, cpus)->total == 1U);
    const auto offset_in_proc = read_whole("/proc/self/status", {5, 10});
    BOOST_TEST(offset_in_proc.size() == 10U);
}

BOOST_AUTO_TEST_CASE(a_bound_that_is_the_end_is_no_error)
{
    write(in() / "grows", "");
    auto whole = *Reader::open(policy, path("grows"));
    auto asked = *Reader::open(policy, path("grows"), Range{0, Reader::unsized_at_most});
    fs::resize_file(in() / "grows", Reader::unsized_at_most);
    std::vector<char> piece(Reader::unsized_at_most);
    BOOST_TEST(*whole.read(piece) == Reader::unsized_at_most);
    BOOST_TEST(*whole.read(piece) == 0U);
    fs::resize_file(in() / "grows", Reader::unsized_at_most + 1);
    BOOST_TEST(*asked.read(piece) == Reader::unsized_at_most); // No more was asked for.
    BOOST_TEST(*asked.read(piece) == 0U);
    BOOST_TEST(whole.changed());
}

BOOST_AUTO_TEST_CASE(what_has_no_size_has_a_bound_all_the_same)
{
    write(in() / "grows", "");
    auto reader = *Reader::open(policy, path("grows"));
    fs::resize_file(in() / "grows", Reader::unsized_at_most + 1);
    std::vector<char> piece(std::size_t{1} << 20U);
    std::string reason;
    std::uint64_t total = 0;
    while (reason.empty() && total <= Reader::unsized_at_most) {
        const auto count = reader.read(piece);
        reason = reason_of(count);
        total += count ? *count : 0;
    }
    BOOST_TEST(reason == "too_large");
}

BOOST_AUTO_TEST_CASE(a_file_that_grows_or_is_cut_is_told)
{
    write(in() / "file", "12345");
    auto reader = *Reader::open(policy, path("file"));
    BOOST_TEST(!reader.changed());
    std::ofstream{in() / "file", std::ios::app} << "more";
    std::vector<char> piece(100);
    BOOST_TEST(*reader.read(piece) == 5U);
    BOOST_TEST(*reader.read(piece) == 0U);
    BOOST_TEST(reader.changed());

    auto cut = *Reader::open(policy, path("file"));
    fs::resize_file(in() / "file", 2);
    BOOST_TEST(*cut.read(piece) == 2U);
    BOOST_TEST(reason_of(cut.read(piece)) == "file_changed");
}

BOOST_AUTO_TEST_CASE(a_file_of_terabytes_costs_no_memory)
{
    write(in() / "sparse", "");
    constexpr std::uint64_t size = std::uint64_t{1} << 42U;
    std::error_code unsupported;
    fs::resize_file(in() / "sparse", size, unsupported);
    BOOST_REQUIRE(!unsupported);
    BOOST_TEST(read("sparse", {size - 3, {}}) == std::string(3, '\0'));
    BOOST_TEST(*Reader::open(policy, path("sparse"))->length() == size);
    BOOST_TEST(reason_of(hash(policy, path("sparse"))) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_hash_is_that_of_all_bytes)
{
    const std::string text(1'000'000, 'a');
    write(in() / "file", text);
    const auto hashed = *hash(policy, path("file"));
    // FIPS 180-2, appendix B.3.
    BOOST_TEST(common::digest::to_hex(hashed.sha256) ==
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    BOOST_TEST(hashed.size == 1'000'000U);
    BOOST_TEST(reason_of(hash(policy, path("missing"))) == "not_found");
}

BOOST_AUTO_TEST_CASE(lines_are_counted_from_one_with_both_ends)
{
    const std::string text = "one\ntwo\nthree\nfour";
    const auto all = lines(text, {});
    BOOST_TEST(all.content == text);
    BOOST_TEST(all.from == 1U);
    BOOST_TEST(all.to == 4U);
    BOOST_TEST(*all.total == 4U);
    BOOST_TEST(!all.truncated);
    const auto two = lines(text, {2, 3});
    BOOST_TEST(two.content == "two\nthree\n");
    BOOST_TEST(two.from == 2U);
    BOOST_TEST(two.to == 3U);
    BOOST_TEST(*two.total == 4U);
    BOOST_TEST(!two.truncated);
    BOOST_TEST(lines(text, {2, 0, 1}).content == "two\n");
    BOOST_TEST(lines(text, {4, 9}).content == "four");
    const auto none = lines(text, {5, 9});
    BOOST_TEST(none.content == "");
    BOOST_TEST(none.from == 0U);
    BOOST_TEST(none.to == 0U);
    BOOST_TEST(*lines("a\n", {}).total == 1U);
    BOOST_TEST(*lines("", {}).total == 0U);
    BOOST_TEST(reason_of(read_lines(policy, path("lines"), {3, 2})) == "invalid");
}

BOOST_AUTO_TEST_CASE(lines_stop_at_their_limits_and_say_so)
{
    const auto cut = lines("one\ntwo\nthree\n", {2}, {6});
    BOOST_TEST(cut.content == "two\nth");
    BOOST_TEST(cut.truncated);
    BOOST_TEST(cut.to == 3U);
    BOOST_TEST(*cut.total == 3U);
    // Three bytes each: no part of one is left.
    BOOST_TEST(lines("€€€", {}, {5}).content == "€");
    BOOST_TEST(lines("€€€", {}, {6}).content == "€€");
    BOOST_TEST(lines("€€€", {}, {2}).content == "");

    std::string many;
    for (int i = 1; i <= 100'000; ++i) {
        many += std::to_string(i) + "\n";
    }
    const auto unseen = lines(many, {99'000}, {1000, 100'000});
    BOOST_TEST(unseen.content == "");
    BOOST_TEST(unseen.truncated);
    BOOST_TEST(!unseen.total);
    const auto early = lines(many, {2, 3}, {1000, 100'000});
    BOOST_TEST(early.content == "2\n3\n");
    BOOST_TEST(!early.truncated);
    BOOST_TEST(!early.total);
}

BOOST_AUTO_TEST_SUITE_END()
