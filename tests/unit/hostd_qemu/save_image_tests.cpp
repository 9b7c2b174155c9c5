#include "hostd/qemu/save_image.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

using common::ErrorCode;
using namespace hostd::qemu;

namespace {

const std::string xml = "<domain type='kvm'><name>vm</name></domain>";
constexpr std::size_t header_size = 92;

/// Where the header's numbers are.
enum Field : std::size_t {
    version = 16,
    data_length = 20,
    running = 24,
    compressed = 28,
    cookie = 32
};

std::string with(std::string head, std::size_t at, std::uint32_t value)
{
    std::memcpy(head.data() + at, &value, sizeof value);
    return head;
}

std::string reason(std::string_view head)
{
    const auto image = parse_save_image(head);
    return image ? "taken" : image.error().reason;
}

struct Folder : tests::TempFolder {
    [[nodiscard]] std::filesystem::path file() const { return path() / "vm.save"; }
    [[nodiscard]] std::string content() const
    {
        std::ostringstream text;
        text << std::ifstream{file(), std::ios::binary}.rdbuf();
        return text.str();
    }
    void hold(const std::string& text) const { std::ofstream{file(), std::ios::binary} << text; }
    [[nodiscard]] std::string read_reason() const
    {
        const auto image = read_save_image(file());
        return image ? "taken" : std::string{image.error().stable_reason()};
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(save_image_tests, Folder)

BOOST_AUTO_TEST_CASE(a_head_is_what_libvirt_reads)
{
    const auto head = save_image_head(xml);
    BOOST_TEST(head.size() == 4096U);
    BOOST_TEST(head.substr(0, 16) == "LibvirtQemudSave");
    const auto number = [&head](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, head.data() + at, sizeof value);
        return value;
    };
    BOOST_TEST(number(version) == 2U);
    BOOST_TEST(number(data_length) == 4096U - header_size);
    for (std::size_t at = running; at < header_size; at += 4) {
        BOOST_TEST(number(at) == 0U);
    }
    BOOST_TEST((head.substr(header_size) ==
                xml + std::string(head.size() - header_size - xml.size(), '\0')));
}

BOOST_AUTO_TEST_CASE(a_head_has_room_for_the_nul_however_long_the_xml_is)
{
    for (const std::size_t length : {4002U, 4003U, 4004U, 4005U}) {
        const std::string text(length, 'x');
        const auto head = save_image_head(text);
        BOOST_TEST(head.size() == (length + header_size + 1 <= 4096 ? 4096U : 8192U));
        const auto image = parse_save_image(head);
        BOOST_REQUIRE(image);
        BOOST_TEST(image->domain_xml == text);
        BOOST_TEST(image->stream_offset == head.size());
    }
}

BOOST_AUTO_TEST_CASE(an_image_comes_back_whole)
{
    hold("something older and longer" + std::string(10'000, 'x'));
    const std::string stream("QEVM\0\0\0\3", 8);
    BOOST_REQUIRE(write_save_image(file(), xml, stream));
    struct stat about {};
    BOOST_REQUIRE(::stat(file().c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 07777U) == 0600U);
    const auto image = read_save_image(file());
    BOOST_REQUIRE(image);
    BOOST_TEST(image->domain_xml == xml);
    BOOST_TEST((content().substr(image->stream_offset) == stream));
}

BOOST_AUTO_TEST_CASE(a_link_is_replaced_not_followed)
{
    const auto target = path() / "target";
    std::ofstream{target} << "precious";
    std::filesystem::create_symlink(target, file());
    BOOST_REQUIRE(write_save_image(file(), xml, "state"));
    BOOST_TEST(!std::filesystem::is_symlink(file()));
    BOOST_TEST(std::filesystem::file_size(target) == 8U);
}

BOOST_AUTO_TEST_CASE(xml_that_no_domain_has_is_refused_and_leaves_no_file)
{
    for (const auto& text : {std::string{}, std::string("<a/>\0<b/>", 9)}) {
        const auto written = write_save_image(file(), text, "state");
        BOOST_REQUIRE(!written);
        BOOST_CHECK(written.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(!std::filesystem::exists(file()));
    }
    BOOST_TEST(!write_save_image(path() / "none" / "vm.save", xml, "state"));
}

BOOST_AUTO_TEST_CASE(an_image_with_a_cookie_is_read)
{
    auto head = with(save_image_head(xml), cookie, static_cast<std::uint32_t>(xml.size() + 1));
    const std::string text = "<cookie/>";
    head.replace(header_size + xml.size() + 1, text.size(), text);
    head = with(head, running, 1);
    const auto image = parse_save_image(head);
    BOOST_REQUIRE(image);
    BOOST_TEST(image->domain_xml == xml);
    BOOST_TEST(image->stream_offset == 4096U);
}

BOOST_AUTO_TEST_CASE(a_cookie_elsewhere_is_refused)
{
    const auto head = save_image_head(xml);
    for (const std::size_t at : {std::size_t{1}, xml.size(), xml.size() + 2, std::size_t{4004}}) {
        BOOST_TEST(reason(with(head, cookie, static_cast<std::uint32_t>(at))) == "unknown_format");
    }
    // One without an end.
    auto endless = with(head, cookie, static_cast<std::uint32_t>(xml.size() + 1));
    std::fill(endless.begin() + static_cast<std::ptrdiff_t>(header_size + xml.size() + 1),
              endless.end(),
              'c');
    BOOST_TEST(reason(endless) == "unknown_format");
}

BOOST_AUTO_TEST_CASE(a_head_cut_anywhere_is_refused)
{
    const auto head = save_image_head(xml);
    BOOST_TEST(reason(head) == "taken");
    BOOST_TEST(reason(head + "QEVM") == "taken");
    for (std::size_t size = 0; size < head.size(); ++size) {
        BOOST_REQUIRE_EQUAL(reason(std::string_view{head}.substr(0, size)), "unknown_format");
    }
    for (const std::size_t size : {0U, 15U, 91U, 92U, 200U, 4095U}) {
        hold(head.substr(0, size));
        BOOST_TEST(read_reason() == "unknown_format");
    }
}

BOOST_AUTO_TEST_CASE(an_image_that_was_not_finished_is_incomplete)
{
    auto head = save_image_head(xml);
    head.replace(0, 16, "LibvirtQemudPart");
    BOOST_TEST(reason(head) == "incomplete");
    hold(head);
    BOOST_TEST(read_reason() == "incomplete");
    hold(head.substr(0, 16));
    BOOST_TEST(read_reason() == "incomplete");
}

BOOST_AUTO_TEST_CASE(another_format_is_refused)
{
    const auto head = save_image_head(xml);
    auto magic = head;
    magic[15] = 'x';
    BOOST_TEST(reason(magic) == "unknown_format");
    for (const std::uint32_t number : {0U, 1U, 3U, 0x02000000U}) {
        BOOST_TEST(reason(with(head, version, number)) == "unknown_format");
    }
    BOOST_TEST(reason(with(head, running, 2)) == "unknown_format");
    BOOST_TEST(reason(with(head, compressed, 1)) == "unknown_format");
    for (std::size_t at = cookie + 4; at < header_size; at += 4) {
        BOOST_TEST(reason(with(head, at, 1)) == "unknown_format");
    }
}

BOOST_AUTO_TEST_CASE(a_length_that_cannot_be_is_refused)
{
    const auto head = save_image_head(xml);
    for (const std::uint32_t length : {0U, 1U, (16U << 20U) + 1, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
        BOOST_TEST(reason(with(head, data_length, length)) == "unknown_format");
        hold(with(head, data_length, length));
        BOOST_TEST(read_reason() == "unknown_format");
    }
    // The XML does not end within it.
    const auto length = static_cast<std::uint32_t>(xml.size());
    BOOST_TEST(reason(with(head, data_length, length)) == "unknown_format");
    BOOST_TEST(reason(with(head, data_length, length + 1)) == "taken");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_not_found)
{
    BOOST_TEST(read_reason() == "not_found");
}

BOOST_AUTO_TEST_SUITE_END()
