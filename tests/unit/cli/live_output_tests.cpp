#include "cli/live_output.hpp"

#include "common/digest/base64.hpp"
#include "common/unique_fd.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace cli {

namespace {

/// Somewhere to write to.
struct File {
    File() { BOOST_REQUIRE(fd); }

    [[nodiscard]] std::string text() const
    {
        std::string all(4096, '\0');
        const auto count = ::pread(fd.get(), all.data(), all.size(), 0);
        all.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        return all;
    }

    common::UniqueFd fd{::memfd_create("output", MFD_CLOEXEC)};
};

struct Written {
    explicit Written(bool as_json = false) : json{as_json} {}

    bool json;
    File out;
    File err;
    std::string begun;
    std::string told;
    LiveOutput output{{.json = json,
                       .out = out.fd.get(),
                       .err = err.fd.get(),
                       .on_start = [this](const Json& exec) { begun += text_of(exec, "id"); },
                       .tell = [this](const std::string& words) { told += words; }}};
};

std::string bytes_event(const std::string& bytes, bool as_base64)
{
    return Json{{"seq", 0},
                {"data", as_base64 ? common::digest::to_base64(bytes) : bytes},
                {"encoding", as_base64 ? "base64" : "utf-8"}}
        .dump();
}

} // namespace

BOOST_AUTO_TEST_SUITE(live_output_tests)

BOOST_AUTO_TEST_CASE(bytes_go_to_their_own_stream_exactly)
{
    Written written;
    const std::string bytes{"\xff\0\n\x80", 4};
    BOOST_TEST(written.output.take({"start", "0", R"({"exec":{"id":"cmd-1"}})"}));
    BOOST_TEST(written.output.take({"stdout", "4", bytes_event(bytes, true)}));
    BOOST_TEST(written.output.take({"stderr", "8", bytes_event("é\n", false)}));
    BOOST_TEST(written.output.take({"stdout", "9", bytes_event("x", false)}));
    BOOST_TEST(written.output.take({"keepalive", "9", "{}"}));
    BOOST_TEST(written.output.take({"interrupted", "9", R"({"retry_from":9})"}));
    BOOST_TEST(written.output.take({"a-new-one", "9", "[]"}));
    BOOST_TEST(!written.output.ended().has_value());
    BOOST_TEST(!written.output.take({"exit", "9", R"({"exit_code":3})"}));
    BOOST_REQUIRE(written.output.ended().has_value());
    BOOST_TEST(number_of(*written.output.ended(), "exit_code") == 3);
    BOOST_TEST(written.out.text() == bytes + "x");
    BOOST_TEST(written.err.text() == "é\n");
    BOOST_TEST(written.begun == "cmd-1");
    BOOST_TEST(written.told.empty());
    BOOST_TEST(written.output.failure() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_lost_is_told)
{
    Written written;
    BOOST_TEST(written.output.take({"gap", "400", R"({"from":100,"to":400})"}));
    BOOST_TEST(written.told == "300 bytes of its output are not kept any more");
    BOOST_TEST(
        written.output.take({"stdout", "401", R"({"data":"no base64!","encoding":"base64"})"}));
    BOOST_TEST(written.told.find("is lost") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(for_programs_each_event_is_a_line)
{
    Written written{true};
    BOOST_TEST(written.output.take({"start", "0", R"({"exec": {"id":"cmd-1"}})"}));
    BOOST_TEST(written.output.take({"stdout", "1", bytes_event("x", false)}));
    BOOST_TEST(written.output.take({"keepalive", "1", "{}"}));
    BOOST_TEST(!written.output.take({"exit", "1", R"({"exit_code":0})"}));
    BOOST_TEST(written.out.text() ==
               "{\"event\":\"start\",\"id\":0,\"data\":{\"exec\": {\"id\":\"cmd-1\"}}}\n"
               "{\"event\":\"stdout\",\"id\":1,\"data\":{\"seq\":0,\"data\":\"x\",\"encoding\":"
               "\"utf-8\"}}\n"
               "{\"event\":\"exit\",\"id\":1,\"data\":{\"exit_code\":0}}\n");
    BOOST_TEST(written.err.text().empty());
    BOOST_TEST(written.begun == "cmd-1");
}

BOOST_AUTO_TEST_CASE(who_reads_slowly_is_waited_for_also_where_writes_do_not_block)
{
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const common::UniqueFd reads{ends[0]};
    common::UniqueFd writes{ends[1]};
    BOOST_REQUIRE(::fcntl(writes.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string much(std::size_t{1} << 20U, 'x');
    std::string got;
    std::thread reader{[&] {
        std::array<char, 4096> piece{};
        while (const auto count = ::read(reads.get(), piece.data(), piece.size())) {
            got.append(piece.data(), static_cast<std::size_t>(count));
        }
    }};
    LiveOutput output{{.out = writes.get(), .on_start = {}, .tell = {}}};
    BOOST_TEST(output.take({"stdout", "1", bytes_event(much, false)}));
    writes.reset();
    reader.join();
    BOOST_TEST(got.size() == much.size());
}

BOOST_AUTO_TEST_CASE(who_takes_no_more_ends_it)
{
    const common::UniqueFd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    BOOST_REQUIRE(full);
    LiveOutput output{{.out = full.get(), .on_start = {}, .tell = {}}};
    BOOST_TEST(!output.take({"stdout", "1", bytes_event("x", false)}));
    BOOST_TEST(output.failure() == ENOSPC);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
