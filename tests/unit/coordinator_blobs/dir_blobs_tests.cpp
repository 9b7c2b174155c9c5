#include "coordinator/blobs/dir_blobs.hpp"

#include "common/digest/digest.hpp"
#include "tests/support/arrivals.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <sys/stat.h>

using namespace tests;
using common::Bytes;
using common::ErrorCode;
using common::Result;
using coordinator::Blob;
using coordinator::Blobs;
using coordinator::blobs::BlobSettings;
using coordinator::blobs::DirBlobs;
namespace fs = std::filesystem;

namespace {

std::string digest_of(const std::string& content)
{
    return common::digest::to_hex(common::digest::of(content));
}

template <typename T>
std::string reason_of(const Result<T>& result)
{
    return result ? "ok" : std::string{result.error().stable_reason()};
}

struct BlobsFixture {
    BlobsFixture()
    {
        settings.folder = folder.path() / "blobs";
        settings.reserve = Bytes{};
    }
    DirBlobs& blobs()
    {
        if (!blobs_) {
            blobs_.emplace(settings);
        }
        return *blobs_;
    }
    Result<Blob> upload(const std::string& tenant,
                        const std::string& digest,
                        const std::vector<std::string>& pieces)
    {
        COMMON_TRY(const auto upload, blobs().begin(tenant, digest));
        for (const auto& piece : pieces) {
            COMMON_CHECK(upload->write(piece));
        }
        return upload->finish();
    }
    /// One that is there.
    std::string uploaded(const std::string& content, const std::string& tenant = "red")
    {
        const auto digest = digest_of(content);
        BOOST_REQUIRE(upload(tenant, digest, {content}).has_value());
        return digest;
    }
    Result<std::string> read(const std::string& tenant,
                             const std::string& digest,
                             std::uint64_t offset,
                             std::uint32_t size)
    {
        Arrivals<Result<std::string>> came;
        BOOST_REQUIRE(blobs().read(
            {tenant, digest}, offset, size, [&came](auto result) { came.add(std::move(result)); }));
        return came.take();
    }
    /// What was asked for before this has been done.
    void sweep(const std::set<Blobs::Key>& used = {})
    {
        blobs().sweep(used);
        static_cast<void>(read("red", std::string(64, '0'), 0, 1));
    }
    [[nodiscard]] fs::path path_of(const std::string& digest,
                                   const std::string& tenant = "red") const
    {
        return settings.folder / tenant / digest;
    }
    [[nodiscard]] std::size_t files() const
    {
        std::size_t count = 0;
        std::error_code none;
        for (const auto& entry : fs::recursive_directory_iterator{settings.folder, none}) {
            count += entry.is_regular_file() ? 1 : 0;
        }
        return count;
    }
    void write_file(const fs::path& file, const std::string& content) const
    {
        fs::create_directories(file.parent_path());
        std::ofstream{file} << content;
    }
    static void age(const fs::path& file, std::chrono::seconds by)
    {
        const auto then =
            std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - by);
        const std::array<timespec, 2> times{timespec{then, 0}, timespec{then, 0}};
        BOOST_REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0);
    }

    const TempFolder folder;
    BlobSettings settings;

private:
    std::optional<DirBlobs> blobs_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(dir_blobs_tests, BlobsFixture)

BOOST_AUTO_TEST_CASE(what_is_uploaded_in_pieces_is_found_and_read_from_anywhere)
{
    const auto digest = digest_of("0123456789");
    const auto made = upload("red", digest, {"01", "", "2345", "6789"});
    BOOST_REQUIRE(made.has_value());
    BOOST_CHECK((*made == Blob{digest, Bytes{10}}));
    BOOST_CHECK((*blobs().find("red", digest) == *made));
    BOOST_TEST(*read("red", digest, 0, 4) == "0123");
    BOOST_TEST(*read("red", digest, 4, 4) == "4567");
    BOOST_TEST(*read("red", digest, 8, 4) == "89");
    BOOST_TEST(read("red", digest, 10, 4)->empty());
    BOOST_TEST(read("red", digest, std::uint64_t{1} << 40U, 4)->empty());
    BOOST_TEST(files() == 1U);
    struct stat about {};
    BOOST_REQUIRE(::stat(path_of(digest).c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(the_same_may_be_uploaded_again)
{
    const auto digest = uploaded("content");
    BOOST_TEST(uploaded("content") == digest);
    BOOST_TEST(files() == 1U);
    BOOST_TEST(*read("red", digest, 0, 100) == "content");
}

BOOST_AUTO_TEST_CASE(two_uploads_of_one_file_do_not_disturb_each_other)
{
    const auto digest = digest_of("content");
    auto first = *blobs().begin("red", digest);
    auto second = *blobs().begin("red", digest);
    BOOST_TEST(first->write("con").has_value());
    BOOST_TEST(second->write("content").has_value());
    BOOST_TEST(first->write("tent").has_value());
    BOOST_TEST(second->finish().has_value());
    BOOST_TEST(first->finish().has_value());
    first.reset();
    second.reset();
    BOOST_TEST(*read("red", digest, 0, 100) == "content");
    BOOST_TEST(files() == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_what_it_was_said_to_be_is_not_kept)
{
    const auto digest = digest_of("content");
    const auto refused = upload("red", digest, {"something else"});
    BOOST_TEST(reason_of(refused) == "digest_mismatch");
    BOOST_CHECK(refused.error().code == ErrorCode::invalid_argument);
    BOOST_TEST(refused.error().message.find(digest_of("something else")) != std::string::npos);
    BOOST_TEST(reason_of(blobs().find("red", digest)) == "unknown_blob");
    BOOST_TEST(files() == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_of_no_bytes_is_refused)
{
    BOOST_TEST(reason_of(upload("red", digest_of(""), {})) == "empty_blob");
    BOOST_TEST(reason_of(upload("red", digest_of(""), {""})) == "empty_blob");
    BOOST_TEST(files() == 0U);
}

BOOST_AUTO_TEST_CASE(an_upload_that_is_given_up_leaves_nothing)
{
    {
        const auto begun = blobs().begin("red", digest_of("content"));
        BOOST_REQUIRE(begun.has_value());
        BOOST_TEST((*begun)->write("con").has_value());
        BOOST_TEST(files() == 1U);
        BOOST_TEST(reason_of(blobs().find("red", digest_of("content"))) == "unknown_blob");
    }
    BOOST_TEST(files() == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_has_only_so_many_bytes)
{
    settings.largest = Bytes{8};
    uploaded("12345678");
    for (const auto& pieces : std::vector<std::vector<std::string>>{
             {"123456789"}, {"12345678", "9"}, {"1234", "56789"}}) {
        const auto refused = upload("red", digest_of("123456789"), pieces);
        BOOST_TEST(reason_of(refused) == "blob_too_large");
        BOOST_CHECK(refused.error().code == ErrorCode::too_large);
    }
    BOOST_TEST(files() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_to_stay_free_stays_free)
{
    settings.reserve = Bytes::gib(1U << 20U);
    const auto refused = upload("red", digest_of("content"), {"content"});
    BOOST_TEST(reason_of(refused) == "disk_full");
    BOOST_CHECK(refused.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(refused.error().message.find("blob_reserve_mb") != std::string::npos);
    BOOST_TEST(files() == 0U);
}

BOOST_AUTO_TEST_CASE(tenants_do_not_see_each_others)
{
    const auto digest = uploaded("content", "red");
    BOOST_TEST(reason_of(blobs().find("blue", digest)) == "unknown_blob");
    BOOST_TEST(reason_of(read("blue", digest, 0, 4)) == "unknown_blob");
    uploaded("content", "blue");
    BOOST_TEST(blobs().find("blue", digest).has_value());
    BOOST_TEST(files() == 2U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_the_name_of_a_file_is_unknown)
{
    const auto digest = uploaded("content");
    write_file(folder.path() / "x", "secret");
    for (const std::string tenant : {"", ".", "..", "../red", "red/../red", "/red"}) {
        BOOST_TEST(reason_of(blobs().find(tenant, digest)) == "unknown_blob");
        BOOST_TEST(reason_of(read(tenant, digest, 0, 4)) == "unknown_blob");
        BOOST_TEST(reason_of(blobs().begin(tenant, digest)) == "unknown_blob");
    }
    for (const auto& text : {std::string{},
                             std::string{"../../x"},
                             std::string{".."},
                             std::string(63, 'a'),
                             std::string(64, 'A'),
                             std::string(64, '.')}) {
        BOOST_TEST(reason_of(blobs().find("red", text)) == "unknown_blob");
        BOOST_TEST(reason_of(read("red", text, 0, 4)) == "unknown_blob");
        BOOST_TEST(reason_of(blobs().begin("red", text)) == "unknown_blob");
    }
    BOOST_TEST(files() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_unknown)
{
    write_file(folder.path() / "x", "secret");
    const auto digest = digest_of("content");
    fs::create_directories(path_of(digest));
    BOOST_TEST(reason_of(blobs().find("red", digest)) == "unknown_blob");
    fs::remove(path_of(digest));
    fs::create_symlink(folder.path() / "x", path_of(digest));
    BOOST_TEST(reason_of(blobs().find("red", digest)) == "unknown_blob");
    BOOST_TEST(!read("red", digest, 0, 4).has_value());
}

BOOST_AUTO_TEST_CASE(a_sweep_removes_what_is_old_and_of_no_use)
{
    const auto old = uploaded("old");
    const auto used = uploaded("used");
    const auto young = uploaded("young");
    const auto theirs = uploaded("used", "blue"); // Used by the other tenant alone.
    write_file(settings.folder / "red" / ".tmp-abc", "an upload that was cut short");
    write_file(settings.folder / "red" / ".tmp-def", "an upload that goes on");
    write_file(settings.folder / "red" / "README", "somebody's");
    write_file(settings.folder / "lost+found", "somebody's");
    const std::chrono::hours long_ago{25};
    for (const auto& file : {path_of(old),
                             path_of(used),
                             path_of(theirs, "blue"),
                             settings.folder / "red" / ".tmp-abc",
                             settings.folder / "red" / "README",
                             settings.folder / "lost+found"}) {
        age(file, long_ago);
    }
    age(path_of(young), std::chrono::hours{23});
    sweep({{"red", used}});
    BOOST_TEST(!fs::exists(path_of(old)));
    BOOST_TEST(fs::exists(path_of(used)));
    BOOST_TEST(fs::exists(path_of(young)));
    BOOST_TEST(!fs::exists(path_of(theirs, "blue")));
    BOOST_TEST(!fs::exists(settings.folder / "red" / ".tmp-abc"));
    BOOST_TEST(fs::exists(settings.folder / "red" / ".tmp-def"));
    BOOST_TEST(fs::exists(settings.folder / "red" / "README"));
    BOOST_TEST(fs::exists(settings.folder / "lost+found"));
}

BOOST_AUTO_TEST_CASE(what_was_asked_for_is_not_swept_for_a_while)
{
    const auto digest = uploaded("content");
    const auto again = uploaded("again");
    age(path_of(digest), std::chrono::hours{25});
    age(path_of(again), std::chrono::hours{25});
    BOOST_TEST(blobs().find("red", digest).has_value());
    uploaded("again");
    sweep();
    BOOST_TEST(blobs().find("red", digest).has_value());
    BOOST_TEST(blobs().find("red", again).has_value());
    age(path_of(digest), std::chrono::hours{25});
    sweep();
    BOOST_TEST(reason_of(blobs().find("red", digest)) == "unknown_blob");
}

BOOST_AUTO_TEST_CASE(without_a_folder_there_is_nothing_to_sweep)
{
    sweep();
    BOOST_TEST(!fs::exists(settings.folder));
    BOOST_TEST(reason_of(blobs().find("red", digest_of("content"))) == "unknown_blob");
}

BOOST_AUTO_TEST_CASE(only_so_many_reads_wait)
{
    settings.reads_waiting = 2;
    const auto digest = uploaded("content");
    std::promise<void> begun;
    std::promise<void> let_go;
    BOOST_REQUIRE(blobs().read({"red", digest}, 0, 1, [&](const auto&) {
        begun.set_value();
        let_go.get_future().wait();
    }));
    BOOST_REQUIRE(begun.get_future().wait_for(std::chrono::seconds{20}) ==
                  std::future_status::ready);
    Arrivals<Result<std::string>> came;
    const auto read_one = [&] {
        return blobs().read(
            {"red", digest}, 0, 3, [&came](auto result) { came.add(std::move(result)); });
    };
    BOOST_TEST(read_one());
    BOOST_TEST(read_one());
    BOOST_TEST(!read_one());
    let_go.set_value();
    BOOST_TEST(*came.take() == "con");
    BOOST_TEST(*came.take() == "con");
    BOOST_TEST(came.empty());
}

BOOST_AUTO_TEST_SUITE_END()
