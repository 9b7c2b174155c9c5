// What a QEMU sends is split, and another one goes on from the parts.
#include "hostd/qemu/migration_stream.hpp"

#include "tests/contract/hostd_qemu/real_qemu.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <random>
#include <sys/socket.h>
#include <sys/stat.h>

using tests::SkipWithoutQemu;
BOOST_TEST_GLOBAL_FIXTURE(SkipWithoutQemu);

using common::UniqueFd;
using tests::content;
using tests::RealQemu;

namespace {

constexpr std::uint64_t page = 4096;
/// Where memory is filled, apart from what the firmware uses.
constexpr std::size_t filled_at = std::size_t{16} << 20U;
constexpr std::size_t filled_size = std::size_t{4} << 20U;

/// Every other run of 16 pages is noise, the rest zeros.
std::string pattern()
{
    std::mt19937_64 noise{1};
    std::string text(filled_size, '\0');
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (at / (16 * page) % 2 == 0) {
            text[at] = static_cast<char>(noise());
        }
    }
    return text;
}

std::string without_firmware(const std::string& memory)
{
    return memory.substr(1U << 20U);
}

struct Split : tests::TempFolder {
    Split() { std::ofstream{in("pattern"), std::ios::binary} << pattern(); }

    [[nodiscard]] std::string in(const std::string& name) const { return path() / name; }

    /// One whose memory is filled, and which stands still.
    [[nodiscard]] std::unique_ptr<RealQemu> source(std::string machine = {},
                                                   std::vector<std::string> arguments = {}) const
    {
        arguments.insert(
            arguments.end(),
            {"-device",
             "loader,force-raw=on,addr=" + std::to_string(filled_at) + ",file=" + in("pattern")});
        auto qemu = std::make_unique<RealQemu>(machine, std::move(arguments));
        qemu->await_firmware();
        qemu->await_tick();
        qemu->ask("stop");
        return qemu;
    }
    /// The source's state; its memory is in `memory` of the folder.
    [[nodiscard]] common::Result<hostd::qemu::Split> split(RealQemu& qemu,
                                                           std::uint64_t ram = RealQemu::ram) const
    {
        const UniqueFd memory{
            ::open(in("memory").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        BOOST_REQUIRE(memory);
        BOOST_REQUIRE(::ftruncate(memory.get(), static_cast<off_t>(ram)) == 0);
        auto stream = qemu.send_state();
        hostd::qemu::SplitSettings settings;
        settings.renamed = "paddock.ram";
        settings.ram = common::Bytes{ram};
        return hostd::qemu::split(stream.get(), memory.get(), settings);
    }
    /// Another QEMU, which has loaded the device stream over the memory file, and stands still.
    [[nodiscard]] std::unique_ptr<RealQemu> load(const std::string& device) const
    {
        auto [ours, its] = tests::socket_pair();
        auto qemu = std::make_unique<RealQemu>(
            ",memory-backend=paddock.ram",
            std::vector<std::string>{"-object",
                                     "memory-backend-file,id=paddock.ram,share=off,size=" +
                                         std::to_string(RealQemu::ram) + ",mem-path=" +
                                         in("memory") + ",x-use-canonical-path-for-ramblock-id=off",
                                     "-S",
                                     "-incoming",
                                     "fd:" + std::to_string(RealQemu::stream_fd)},
            std::move(its));
        for (std::size_t sent = 0; sent < device.size();) {
            const auto some =
                ::send(ours.get(), device.data() + sent, device.size() - sent, MSG_NOSIGNAL);
            BOOST_REQUIRE(some > 0);
            sent += static_cast<std::size_t>(some);
        }
        ours.reset();
        BOOST_TEST(qemu->await("query-status", "status", {"paused", "prelaunch"}) == "paused");
        return qemu;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(split_tests, Split)

BOOST_AUTO_TEST_CASE(another_guest_goes_on_from_the_parts_and_leaves_them_as_they_are)
{
    const auto first = source();
    const auto done = split(*first);
    BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(first->await("query-migrate", "status", {"completed", "failed"}) == "completed");
    BOOST_TEST(done->pages + done->zero_pages >= RealQemu::ram / page);
    BOOST_TEST(done->pages >= filled_size / page / 2);

    const auto file = content(in("memory"));
    const auto memory = first->memory(in("first"));
    BOOST_TEST((file.substr(filled_at, filled_size) == pattern()));
    BOOST_TEST((without_firmware(file) == without_firmware(memory)));
    struct stat about {};
    BOOST_REQUIRE(::stat(in("memory").c_str(), &about) == 0);
    BOOST_TEST(static_cast<std::uint64_t>(about.st_blocks) * 512 < RealQemu::ram / 2);

    for (int clone = 0; clone < 2; ++clone) {
        const auto second = load(done->device);
        BOOST_TEST((second->memory(in("second")) == memory));
        second->ask("cont");
        second->await_tick();
        second->ask("stop");
        BOOST_TEST((second->memory(in("second")) != memory));
        BOOST_TEST((content(in("memory")) == file));
    }
    first->ask("cont");
    first->await_tick();
}

BOOST_AUTO_TEST_CASE(a_guest_outlives_that_its_state_is_refused)
{
    const auto guest = source();
    const auto other_size = split(*guest, RealQemu::ram / 2);
    BOOST_REQUIRE(!other_size);
    BOOST_TEST(other_size.error().reason == "unknown_stream");
    // How much it had sent by then decides which.
    guest->await("query-migrate", "status", {"completed", "failed"});
    guest->ask("cont");
    guest->await_tick();
    guest->ask("stop");
    BOOST_TEST(split(*guest).has_value());
}

BOOST_AUTO_TEST_CASE(a_state_without_the_shared_memory_is_refused)
{
    const auto guest =
        source(",memory-backend=pc.ram",
               {"-object",
                "memory-backend-file,id=pc.ram,share=on,x-use-canonical-path-for-ramblock-id=off,"
                "size=" +
                    std::to_string(RealQemu::ram) + ",mem-path=" + in("shared")});
    guest->ask("migrate-set-capabilities",
               {{"capabilities", {{{"capability", "x-ignore-shared"}, {"state", true}}}}});
    const auto done = split(*guest);
    BOOST_REQUIRE(!done);
    BOOST_TEST(done.error().reason == "unknown_stream");
}

BOOST_AUTO_TEST_CASE(a_state_that_was_called_off_is_refused)
{
    const auto guest = source();
    auto stream = guest->send_state();
    // It waits for a reader, so it cannot have ended.
    guest->ask("migrate_cancel");
    const UniqueFd memory{::open(in("memory").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    BOOST_REQUIRE(::ftruncate(memory.get(), RealQemu::ram) == 0);
    hostd::qemu::SplitSettings settings;
    settings.renamed = "paddock.ram";
    settings.ram = common::Bytes{RealQemu::ram};
    const auto done = hostd::qemu::split(stream.get(), memory.get(), settings);
    BOOST_REQUIRE(!done);
    BOOST_TEST(done.error().reason == "unknown_stream");
}

BOOST_AUTO_TEST_SUITE_END()
