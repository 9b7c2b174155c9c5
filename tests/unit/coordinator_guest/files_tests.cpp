#include "coordinator/guest/files.hpp"

#include "common/digest/digest.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/unit/coordinator_guest/service_execs.hpp"

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

// Files from the coordinator's side, over the real service of the agent.

using coordinator::FileAction;
using coordinator::FileAnswer;
using coordinator::FileRequest;

namespace {

struct FilesFixture {
    FilesFixture()
    {
        std::signal(SIGPIPE, SIG_IGN);
        BOOST_TEST_REQUIRE(::geteuid() == 0U); // Acts as root, and as nobody else.
    }

    FileRequest wanted(FileAction action, const std::string& name = "file") const
    {
        FileRequest request;
        request.action = action;
        request.user = "root";
        request.path = at(name);
        return request;
    }
    [[nodiscard]] std::string at(const std::string& name) const
    {
        return (temp.path() / name).string();
    }
    void put(const std::string& name, const std::string& text) const
    {
        std::ofstream{at(name), std::ios::binary} << text;
    }
    [[nodiscard]] std::string content(const std::string& name) const
    {
        std::ostringstream text;
        text << std::ifstream{at(name), std::ios::binary}.rdbuf();
        return text.str();
    }
    FileAnswer ask(const FileRequest& request)
    {
        auto answer = files.ask(me, box, request);
        BOOST_REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().message));
        return *std::move(answer);
    }
    std::string refusal(const FileRequest& request)
    {
        const auto answer = files.ask(me, box, request);
        BOOST_REQUIRE(!answer);
        return answer.error().reason;
    }
    std::string download(const FileRequest& request, bool* failed = nullptr)
    {
        auto found = files.read(me, box, request);
        BOOST_REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message));
        std::string all;
        while (!found->bytes->ended()) {
            all += found->bytes->take(5000);
            std::this_thread::yield();
        }
        if (failed != nullptr) {
            *failed = found->bytes->failed();
        }
        length = found->length;
        from = found->from;
        return all;
    }
    [[nodiscard]] std::size_t names() const
    {
        const std::filesystem::directory_iterator all{temp.path()};
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    tests::TempFolder temp;
    tests::ServiceExecs execs;
    common::Result<coordinator::FilePolicy> policy{coordinator::FilePolicy{}}; // Of the sandbox.
    common::SandboxId box{"sbx-1"};
    coordinator::guest::Files files{execs, [this](const auto&, const common::SandboxId& id) {
                                        BOOST_TEST(id.str() == box.str());
                                        return policy;
                                    }};
    coordinator::Caller me{"tester", "default", common::mint<common::RequestId>()};
    std::optional<std::uint64_t> length;
    std::uint64_t from = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(files_tests, FilesFixture)

BOOST_AUTO_TEST_CASE(any_bytes_go_up_and_come_down_as_they_are)
{
    std::string bytes(3'000'000, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>((i * 7919) >> 3U);
    }
    const auto upload = files.write(me, box, wanted(FileAction::write));
    BOOST_REQUIRE(upload);
    for (std::size_t i = 0; i < bytes.size(); i += 70'001) {
        BOOST_REQUIRE((*upload)->write(std::string_view{bytes}.substr(i, 70'001)));
        BOOST_TEST(!std::filesystem::exists(at("file"))); // Whole, or not at all.
    }
    const auto written = (*upload)->finish();
    BOOST_REQUIRE(written);
    BOOST_TEST(written->created);
    BOOST_TEST(written->bytes == bytes.size());
    BOOST_TEST(written->sha256 == common::digest::to_hex(common::digest::of(bytes)));
    BOOST_TEST((content("file") == bytes));
    BOOST_TEST((download(wanted(FileAction::read)) == bytes));
    BOOST_TEST(*length == bytes.size());
    BOOST_TEST(execs.asked.audited_as == "");
}

BOOST_AUTO_TEST_CASE(a_range_is_what_was_asked_for)
{
    put("file", "0123456789");
    auto range = wanted(FileAction::read);
    range.from = 3;
    range.length = 4;
    BOOST_TEST(download(range) == "3456");
    BOOST_TEST(*length == 4U);
    BOOST_TEST(from == 3U);
    range.length.reset();
    BOOST_TEST(download(range) == "3456789");
    range.from_end = true;
    range.length = 2;
    BOOST_TEST(download(range) == "89");
    BOOST_TEST(from == 8U);
    range.length = 50;
    BOOST_TEST(download(range) == "0123456789");
    range = wanted(FileAction::read);
    range.from = 11;
    BOOST_TEST(files.read(me, box, range).error().reason == "range_beyond_end");
    put("file", "");
    BOOST_TEST(download(wanted(FileAction::read)) == "");
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_refused_before_any_byte_is_sent)
{
    put("file", "old");
    auto request = wanted(FileAction::write);
    BOOST_TEST(files.write(me, box, request).error().reason == "already_exists");
    request.path = at("no/such/file");
    const auto missing = files.write(me, box, request);
    BOOST_TEST((missing.error().code == common::ErrorCode::not_found));
    BOOST_TEST(missing.error().reason == "no_such_file");
    BOOST_TEST(files.read(me, box, wanted(FileAction::read, "nothing")).error().reason ==
               "no_such_file");
    BOOST_TEST(content("file") == "old");
}

BOOST_AUTO_TEST_CASE(an_upload_that_is_given_up_leaves_nothing)
{
    put("file", "old");
    auto request = wanted(FileAction::write);
    request.overwrite = true;
    {
        const auto upload = files.write(me, box, request);
        BOOST_REQUIRE(upload);
        BOOST_REQUIRE((*upload)->write(std::string(1'000'000, 'x')));
    }
    execs.settle();
    BOOST_TEST(content("file") == "old");
    BOOST_TEST(names() == 1U);
}

BOOST_AUTO_TEST_CASE(an_upload_that_was_damaged_or_is_another_changes_nothing)
{
    auto request = wanted(FileAction::write);
    request.sha256 = common::digest::to_hex(common::digest::of("right"));
    auto upload = files.write(me, box, request);
    BOOST_REQUIRE(upload);
    BOOST_REQUIRE((*upload)->write("wrong"));
    BOOST_TEST((*upload)->finish().error().reason == "digest_mismatch");
    request.sha256.clear();
    execs.damage = true;
    upload = files.write(me, box, request);
    BOOST_REQUIRE(upload);
    BOOST_REQUIRE((*upload)->write(std::string(1000, 'x')));
    BOOST_TEST((*upload)->finish().error().reason == "body_damaged");
    execs.settle();
    BOOST_TEST(names() == 0U);
}

BOOST_AUTO_TEST_CASE(an_owner_that_the_guest_has_not_is_refused)
{
    auto request = wanted(FileAction::write);
    request.owner = "no-such-user";
    BOOST_TEST(files.write(me, box, request).error().reason == "unknown_user");
    execs.settle();
    BOOST_TEST(names() == 0U);
}

BOOST_AUTO_TEST_CASE(a_download_that_is_cut_short_is_told_as_failed)
{
    put("file", std::string(4'000'000, 'x'));
    execs.read_at_most = 10'000;
    const auto found = files.read(me, box, wanted(FileAction::read));
    BOOST_REQUIRE(found);
    std::uint64_t had = 0;
    while (had == 0) {
        had += found->bytes->take(1000).size();
    }
    std::filesystem::resize_file(at("file"), 2'000'000);
    execs.read_at_most = SIZE_MAX;
    while (!found->bytes->ended()) {
        had += found->bytes->take(100'000).size();
    }
    // The pipe is short: what it reads now is not there any more.
    BOOST_TEST(had < 4'000'000U);
    BOOST_TEST(found->bytes->failed());
}

BOOST_AUTO_TEST_CASE(text_is_edited_and_shown_by_lines)
{
    put("file", "one\ntwo\nthree\n");
    auto request = wanted(FileAction::edit);
    request.old_text = "two";
    request.new_text = "2\n2.5";
    const auto edited = ask(request);
    BOOST_TEST(edited.count == 1U);
    BOOST_TEST(edited.text.find("-two\n+2\n+2.5\n") != std::string::npos, edited.text);
    BOOST_TEST(execs.asked.audited_as == "file_edit");
    BOOST_TEST(execs.asked.attempt == "use the files of");
    auto lines = wanted(FileAction::lines);
    lines.from = 2;
    lines.limit = 2;
    const auto shown = ask(lines);
    BOOST_TEST(shown.text == "2\n2.5\n");
    BOOST_TEST(shown.from == 2U);
    BOOST_TEST(shown.to == 3U);
    BOOST_TEST(shown.total.value() == 4U);
    BOOST_TEST(refusal(request) == "text_not_found");
}

BOOST_AUTO_TEST_CASE(folders_and_names_are_made_moved_copied_and_removed)
{
    auto folder = wanted(FileAction::mkdir, "a/b");
    folder.parents = true;
    folder.mode = 0700;
    BOOST_TEST(ask(folder).created);
    BOOST_TEST(!ask(folder).created);
    put("a/b/file", "text");
    auto copy = wanted(FileAction::copy, "a");
    copy.to = at("copy");
    BOOST_TEST(refusal(copy) == "is_a_folder");
    copy.recursive = true;
    const auto copied = ask(copy);
    BOOST_TEST(copied.bytes == 4U);
    BOOST_TEST(content("copy/b/file") == "text");
    auto move = wanted(FileAction::move, "copy/b/file");
    move.to = at("moved");
    ask(move);
    BOOST_TEST(content("moved") == "text");
    auto list = wanted(FileAction::list, "a");
    list.depth = 3;
    const auto listed = ask(list);
    BOOST_REQUIRE(listed.entries.size() == 2U);
    BOOST_TEST(listed.entries[0].path == at("a/b"));
    BOOST_TEST(listed.entries[0].kind == "folder");
    BOOST_TEST(listed.entries[0].mode == 0700U);
    BOOST_TEST(listed.entries[1].size == 4U);
    const auto there = ask(wanted(FileAction::exists, "moved"));
    BOOST_REQUIRE(there.entries.size() == 1U);
    BOOST_TEST(ask(wanted(FileAction::exists, "nothing")).entries.empty());
    BOOST_TEST(ask(wanted(FileAction::hash, "moved")).sha256 ==
               common::digest::to_hex(common::digest::of("text")));
    auto gone = wanted(FileAction::remove, "a");
    BOOST_TEST(refusal(gone) == "folder_not_empty");
    gone.recursive = true;
    const auto removed = ask(gone);
    BOOST_TEST(removed.was_folder);
    BOOST_TEST(removed.count == 3U);
    BOOST_TEST(!std::filesystem::exists(at("a")));
}

BOOST_AUTO_TEST_CASE(a_sandboxs_policy_bounds_every_request)
{
    std::filesystem::create_directories(at("in/secret"));
    std::filesystem::create_directories(at("in/kept"));
    put("in/file", "text");
    put("in/secret/file", "text");
    put("in/kept/file", "text");
    put("out", "text");
    const auto rules = coordinator::FilePolicy{{at("in")}, {at("in/secret")}, {at("in/kept")}};
    policy = rules;
    BOOST_TEST(download(wanted(FileAction::read, "in/file")) == "text");
    BOOST_TEST(download(wanted(FileAction::read, "in/kept/file")) == "text");
    BOOST_TEST(ask(wanted(FileAction::list, "in/kept")).entries.size() == 1U);
    for (const auto* name : {"out", "in/secret/file", "in/../out"}) {
        const auto down = files.read(me, box, wanted(FileAction::read, name));
        BOOST_REQUIRE(!down);
        BOOST_TEST(
            (down.error().reason == "path_not_allowed" || down.error().reason == "path_escapes"));
        BOOST_TEST(refusal(wanted(FileAction::hash, name)) == down.error().reason);
    }
    for (const auto* name : {"out", "in/kept/file", "in/kept"}) {
        BOOST_TEST(refusal(wanted(FileAction::remove, name)) == "path_not_allowed");
        BOOST_TEST(!files.write(me, box, wanted(FileAction::write, name)));
    }
    BOOST_TEST(!files.watch(me, box, wanted(FileAction::watch, "out")));
    BOOST_TEST(content("out") + content("in/kept/file") == "texttext");

    policy = coordinator::FilePolicy{{}, {at("out")}, {}}; // Everything else may be.
    BOOST_TEST(refusal(wanted(FileAction::lines, "out")) == "path_not_allowed");
    BOOST_TEST(download(wanted(FileAction::read, "in/secret/file")) == "text");
    auto kernels = wanted(FileAction::write);
    kernels.path =
        "/proc/sys/kernel/hostname"; // What the agent refuses by itself it still refuses.
    const auto refused = files.write(me, box, kernels);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().reason == "path_not_allowed");

    policy = common::Error{common::ErrorCode::not_found, "no such sandbox", "unknown_sandbox"};
    BOOST_TEST(refusal(wanted(FileAction::lines, "in/file")) == "unknown_sandbox");
}

BOOST_AUTO_TEST_CASE(modes_and_appending)
{
    auto request = wanted(FileAction::write);
    request.mode = 0751;
    auto upload = files.write(me, box, request);
    BOOST_REQUIRE(upload);
    BOOST_REQUIRE((*upload)->write("one"));
    BOOST_REQUIRE((*upload)->finish());
    struct stat status {};
    ::stat(at("file").c_str(), &status);
    BOOST_TEST((status.st_mode & 07777U) == 0751U);
    request = wanted(FileAction::write);
    request.append = true;
    upload = files.write(me, box, request);
    BOOST_REQUIRE(upload);
    BOOST_REQUIRE((*upload)->write("two"));
    BOOST_TEST(!(*upload)->finish()->created);
    BOOST_TEST(content("file") == "onetwo");
}

BOOST_AUTO_TEST_CASE(changes_are_told_until_the_watch_is_closed)
{
    const auto watch = files.watch(me, box, wanted(FileAction::watch, "."));
    BOOST_REQUIRE(watch);
    std::mutex mutex;
    std::condition_variable news;
    std::size_t told = 0;
    (*watch)->on_news([&] {
        const std::scoped_lock lock{mutex};
        ++told;
        news.notify_all();
    });
    put("file", "text");
    std::vector<std::string> seen;
    while (seen.empty() || seen.back() != "modified") {
        auto change = (*watch)->take();
        if (change) {
            seen.push_back(change->change);
            BOOST_TEST(change->path.ends_with("/file"));
            continue;
        }
        BOOST_REQUIRE(!(*watch)->ended());
        std::unique_lock lock{mutex};
        BOOST_REQUIRE(news.wait_for(lock, std::chrono::seconds{20}, [&] { return told > 0; }));
        told = 0;
    }
    BOOST_TEST(seen.front() == "created");
    (*watch)->close();
    BOOST_TEST(execs.settle() == 128 + SIGTERM);
}

BOOST_AUTO_TEST_SUITE_END()
