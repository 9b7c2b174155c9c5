// The format is that of libvirt's src/qemu/qemu_saveimage.h.
#include "hostd/qemu/save_image.hpp"

#include "common/unique_fd.hpp"
#include "hostd/qemu/file_error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace hostd::qemu {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

struct Header {
    std::array<char, 16> magic;
    std::uint32_t version;
    std::uint32_t data_length; ///< From the header's end to the stream.
    std::uint32_t was_running;
    std::uint32_t compressed;
    std::uint32_t cookie_offset; ///< In the data; 0 is none.
    std::array<std::uint32_t, 14> unused;
};
static_assert(sizeof(Header) == 92);

constexpr std::string_view magic = "LibvirtQemudSave";
constexpr std::string_view magic_of_a_part = "LibvirtQemudPart";
constexpr std::uint32_t format_version = 2;
constexpr std::size_t alignment = 4096;
/// Of XML, cookie and padding. libvirt's own have some 100 KiB.
constexpr std::size_t longest_data = std::size_t{16} << 20U;

Error unknown(std::string_view what)
{
    return {ErrorCode::failed_precondition,
            fmt::format("not a save image that can be read: {}", what),
            "unknown_format"};
}

Result<Header> parse_header(std::string_view bytes)
{
    if (bytes.starts_with(magic_of_a_part)) {
        return Error{ErrorCode::failed_precondition,
                     "writing the save image was not finished",
                     "incomplete"};
    }
    if (bytes.size() < sizeof(Header) || !bytes.starts_with(magic)) {
        return unknown("it does not begin as one");
    }
    Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    const bool unused = std::all_of(
        header.unused.begin(), header.unused.end(), [](std::uint32_t word) { return word == 0; });
    if (header.version != format_version || header.was_running > 1 || header.compressed != 0 ||
        !unused) {
        return unknown(fmt::format("version {}, running {}, compression {}",
                                   header.version,
                                   header.was_running,
                                   header.compressed));
    }
    if (header.data_length < 2 || header.data_length > longest_data ||
        header.cookie_offset >= header.data_length) {
        return unknown(fmt::format(
            "{} bytes of XML, a cookie at {}", header.data_length, header.cookie_offset));
    }
    return header;
}

Result<> write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return file_error("write a save image", errno);
        }
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return {};
}

/// At most `size` more bytes of the file.
Result<> read_more(int fd, std::string& bytes, std::size_t size)
{
    auto at = bytes.size();
    bytes.resize(at + size);
    while (at < bytes.size()) {
        const auto got = ::read(fd, bytes.data() + at, bytes.size() - at);
        if (got < 0 && errno != EINTR) {
            return file_error("read a save image", errno);
        }
        if (got == 0) {
            break;
        }
        at += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    }
    bytes.resize(at);
    return {};
}

} // namespace

std::string save_image_head(std::string_view domain_xml)
{
    const auto least = sizeof(Header) + domain_xml.size() + 1;
    const auto size = (least + alignment - 1) / alignment * alignment;
    Header header{};
    std::copy(magic.begin(), magic.end(), header.magic.begin());
    header.version = format_version;
    header.data_length = static_cast<std::uint32_t>(size - sizeof(Header));
    std::string head(sizeof(Header), '\0');
    std::memcpy(head.data(), &header, sizeof header);
    head += domain_xml;
    head.resize(size, '\0');
    return head;
}

Result<> write_save_image(const std::filesystem::path& file,
                          std::string_view domain_xml,
                          std::string_view device_stream)
{
    if (domain_xml.empty() || domain_xml.size() > longest_data - alignment ||
        domain_xml.find('\0') != domain_xml.npos) {
        return Error{ErrorCode::invalid_argument, "a save image needs the XML of a domain"};
    }
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
        return file_error("replace " + file.string(), errno);
    }
    const common::UniqueFd fd{
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd) {
        return file_error("make " + file.string(), errno);
    }
    auto written = write_all(fd.get(), save_image_head(domain_xml));
    if (written) {
        written = write_all(fd.get(), device_stream);
    }
    if (!written) {
        ::unlink(file.c_str());
        return std::move(written).error().during(file.string());
    }
    return {};
}

Result<SaveImage> parse_save_image(std::string_view head)
{
    COMMON_TRY(const auto header, parse_header(head));
    auto data = head.substr(sizeof(Header));
    if (data.size() < header.data_length) {
        return unknown("it ends before its stream begins");
    }
    data = data.substr(0, header.data_length);
    // A cookie begins right after the XML's NUL and ends with one too.
    const auto end = data.find('\0');
    if (end == 0 || end == data.npos) {
        return unknown("its XML is empty or has no end");
    }
    if (header.cookie_offset != 0 &&
        (header.cookie_offset != end + 1 || data.find('\0', header.cookie_offset) == data.npos)) {
        return unknown("its cookie is not behind its XML or has no end");
    }
    return SaveImage{std::string{data.substr(0, end)}, sizeof(Header) + header.data_length};
}

Result<SaveImage> read_save_image(const std::filesystem::path& file)
{
    const common::UniqueFd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd && errno == ENOENT) {
        return Error{ErrorCode::not_found, "there is no save image " + file.string()};
    }
    if (!fd) {
        return file_error("open " + file.string(), errno);
    }
    std::string head;
    COMMON_CHECK(read_more(fd.get(), head, sizeof(Header)));
    auto header = parse_header(head);
    if (!header) {
        return std::move(header).error().during(file.string());
    }
    COMMON_CHECK(read_more(fd.get(), head, header->data_length));
    auto image = parse_save_image(head);
    return image ? std::move(image) : std::move(image).error().during(file.string());
}

} // namespace hostd::qemu
