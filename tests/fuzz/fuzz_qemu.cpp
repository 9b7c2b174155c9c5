// What hostd reads of QEMU and of files: the migration stream and the head of a save image. The
// first byte chooses one.
#include "hostd/qemu/save_image.hpp"
#include "hostd/qemu/splitter.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/stability.hpp"
#include "tests/support/migration_streams.hpp"

namespace {

using tests::MigrationStream;

constexpr std::uint64_t page = MigrationStream::page;
constexpr std::uint64_t ram = 4 * page;

struct Done {
    common::Result<hostd::qemu::Split> split;
    std::string memory;
};

Done split(std::string_view stream, std::size_t portion, std::size_t buffer)
{
    hostd::qemu::SplitSettings settings;
    settings.renamed = "paddock.ram";
    settings.ram = common::Bytes{ram};
    settings.device_limit = common::Bytes::kib(32);
    tests::TextSource source{stream, portion};
    tests::MarkedMemory memory{ram};
    auto done = hostd::qemu::split(source, memory, settings, buffer);
    return {std::move(done), std::move(memory.content)};
}

/// Whatever comes, nothing is written outside the memory, and how it comes does not matter.
void stream(std::string_view bytes)
{
    const auto whole = split(bytes, bytes.size() + 1, std::size_t{1} << 17U);
    const auto pieces = split(bytes, 1000, hostd::qemu::least_buffer);
    require(whole.split.has_value() == pieces.split.has_value());
    if (!whole.split) {
        require(whole.split.error().code != common::ErrorCode::internal);
        require(whole.split.error().reason == pieces.split.error().reason);
        return;
    }
    require(whole.memory == pieces.memory && whole.split->device == pieces.split->device);
    require(whole.split->device.size() <= common::Bytes::kib(32).count());
    require(whole.split->read.count() == bytes.size());
    require(!split(bytes.substr(0, bytes.size() - 1), page, page).split);
}

void save_image(std::string_view bytes)
{
    const auto image = hostd::qemu::parse_save_image(bytes);
    if (!image) {
        return;
    }
    require(image->stream_offset <= bytes.size());
    const auto again =
        hostd::qemu::parse_save_image(hostd::qemu::save_image_head(image->domain_xml));
    require(again && again->domain_xml == image->domain_xml);
}

std::string whole_stream()
{
    MigrationStream stream;
    stream.header().blocks({{"pc.ram", ram}, {"pc.rom", page}});
    stream.part().full("pc.ram", 0, 'a').full_of_same(page, 'b').zero("pc.rom", 0).end_section();
    stream.last_part().zero("pc.ram", 2 * page).zero_of_same(3 * page).end_section();
    return stream.device().bytes;
}

/// The same in little: nothing but zeros.
std::string small_stream()
{
    MigrationStream stream;
    stream.header("q35").blocks({{"pc.ram", ram}}).last_part().zero("pc.ram", 0);
    stream.zero_of_same(page).zero_of_same(2 * page).zero_of_same(3 * page).end_section();
    return stream.device("").bytes;
}

std::vector<std::string> seeds()
{
    const std::string xml = "<domain type='kvm'><name>vm</name></domain>";
    auto with_cookie = hostd::qemu::save_image_head(xml);
    const auto offset = static_cast<std::uint32_t>(xml.size() + 1);
    std::memcpy(with_cookie.data() + 32, &offset, sizeof offset);
    return {'\0' + whole_stream(),
            '\0' + small_stream(),
            '\1' + hostd::qemu::save_image_head(xml),
            '\1' + with_cookie};
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv)
{
    write_seeds_if_asked(*argc, *argv, seeds());
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 0) {
        const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
        data[0] % 2 == 0 ? stream(bytes) : save_image(bytes);
    }
    return 0;
}
