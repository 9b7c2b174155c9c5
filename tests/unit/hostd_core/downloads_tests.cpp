#include "hostd/core/downloads.hpp"

#include "tests/support/arrivals.hpp"

#include <boost/test/unit_test.hpp>
#include <future>

using namespace hostd;
using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::milliseconds;

namespace {

using Wishes = std::vector<PieceWish>;

/// Downloads in pieces of four bytes, three at once, of a coordinator that each test writes.
struct DownloadFixture {
    Downloads::Settings settings{4, 3, std::chrono::minutes{1}, std::chrono::minutes{1}, {}};
    const common::OperationId operation{"op-1"};
    std::function<void(const PieceWish&)> coordinator = [this](const PieceWish& wish) {
        give(wish);
    };
    std::string file = "The quick brown fox jumps over the lazy dog"; // 43: not of whole pieces.
    Wishes wishes;
    std::string come;
    std::optional<Downloads> downloads;

    Downloads& start()
    {
        return downloads.emplace(
            [this](PieceWish wish) {
                wishes.push_back(wish);
                coordinator(wish);
            },
            settings);
    }
    [[nodiscard]] BlobRef blob() const { return {"d1", common::Bytes{file.size()}}; }
    [[nodiscard]] Piece piece_for(const PieceWish& wish) const
    {
        return {wish.operation, wish.digest, wish.offset, file.substr(wish.offset, wish.size)};
    }
    void give(const PieceWish& wish) { downloads->deliver(piece_for(wish)); }
    Result<> take(std::string_view bytes)
    {
        come += bytes;
        return {};
    }
    Result<> fetch()
    {
        return downloads->fetch(
            operation, blob(), [this](std::string_view bytes) { return take(bytes); });
    }
    [[nodiscard]] long times_asked_for(std::uint64_t offset) const
    {
        return std::ranges::count(wishes, offset, &PieceWish::offset);
    }
    [[nodiscard]] bool is_last(const PieceWish& wish) const
    {
        return wish.offset + wish.size == file.size();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(downloads_tests, DownloadFixture)

BOOST_AUTO_TEST_CASE(a_file_comes_whole_and_each_piece_is_asked_for_once)
{
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_REQUIRE(wishes.size() == 11U);
    std::uint64_t next = 0;
    for (const auto& wish : wishes) {
        BOOST_TEST(wish.operation.str() == "op-1");
        BOOST_TEST(wish.digest == "d1");
        BOOST_TEST(wish.offset == next);
        BOOST_TEST(wish.size == (is_last(wish) ? 3U : 4U)); // No more than there is.
        next += wish.size;
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_whole_pieces_and_one_of_less_than_one_come_whole)
{
    start();
    for (const auto* text : {"12345678", "1234", "1", ""}) {
        file = text;
        come.clear();
        wishes.clear();
        BOOST_REQUIRE(fetch());
        BOOST_TEST(come == file);
        BOOST_TEST(wishes.size() == (file.size() + 3) / 4);
    }
}

BOOST_AUTO_TEST_CASE(pieces_that_come_in_any_order_are_passed_on_in_theirs)
{
    Wishes held;
    coordinator = [&](const PieceWish& wish) {
        held.push_back(wish);
        if (held.size() == settings.window || is_last(wish)) {
            for (; !held.empty(); held.pop_back()) {
                give(held.back());
            }
        }
    };
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_TEST(wishes.size() == 11U);
}

BOOST_AUTO_TEST_CASE(several_pieces_are_awaited_at_once_and_never_more_than_the_window)
{
    std::uint64_t most = 0;
    coordinator = [&](const PieceWish& wish) {
        most = std::max(most, wish.offset + settings.piece - come.size());
        if (times_asked_for(8) != 0) { // The first three are asked for before any comes.
            if (wish.offset == 8) {
                give(wishes[0]);
                give(wishes[1]);
            }
            give(wish);
        }
    };
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_TEST(most == settings.window * settings.piece);
}

BOOST_AUTO_TEST_CASE(a_piece_that_is_late_is_asked_for_again_and_no_other_is)
{
    settings.ask_again = milliseconds{5};
    coordinator = [&](const PieceWish& wish) {
        const bool lost = wish.offset == 4 || wish.offset == 40;
        if (!lost || times_asked_for(wish.offset) == 3) {
            give(wish);
        }
    };
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    for (std::uint64_t at = 0; at < file.size(); at += 4) {
        BOOST_TEST(times_asked_for(at) == (at == 4 || at == 40 ? 3 : 1));
    }
    for (const auto& wish : wishes) {
        BOOST_TEST(wish.size == (is_last(wish) ? 3U : 4U)); // Also again.
    }
}

BOOST_AUTO_TEST_CASE(all_that_is_lost_with_a_connection_is_asked_for_again_together)
{
    settings.ask_again = milliseconds{5};
    coordinator = [&](const PieceWish& wish) {
        if (times_asked_for(wish.offset) == 2 || wish.offset > 8) {
            give(wish);
        }
    };
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_REQUIRE(wishes.size() == 14U);
    for (std::size_t i = 0; i < 6; ++i) {
        BOOST_TEST(wishes[i].offset == i % 3 * 4);
    }
}

BOOST_AUTO_TEST_CASE(what_the_coordinator_says_instead_ends_it)
{
    coordinator = [&](const PieceWish& wish) {
        auto piece = piece_for(wish);
        if (wish.offset == 8) {
            piece.data.clear();
            piece.error = Error{ErrorCode::unavailable, "gone", "unknown_blob"};
        }
        downloads->deliver(piece);
    };
    start();
    const auto fetched = fetch();
    BOOST_REQUIRE(!fetched);
    BOOST_CHECK(fetched.error().code == ErrorCode::unavailable);
    BOOST_TEST(fetched.error().reason == "unknown_blob");
    BOOST_TEST(come == file.substr(0, 8)); // What came before it was good.
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_is_silent_ends_it_once_patience_is_over)
{
    settings.ask_again = milliseconds{5};
    settings.patience = milliseconds{200};
    coordinator = [&](const PieceWish& wish) {
        if (wish.offset == 0) {
            give(wish);
        }
    };
    start();
    const auto fetched = fetch();
    BOOST_REQUIRE(!fetched);
    BOOST_CHECK(fetched.error().code == ErrorCode::unavailable);
    BOOST_TEST(fetched.error().reason == "coordinator_silent");
    BOOST_TEST(fetched.error().message.find("d1 from byte 4 on") != std::string::npos);
    BOOST_TEST(come == file.substr(0, 4));
    BOOST_TEST(times_asked_for(4) > 1);
    coordinator = [&](const PieceWish& wish) { give(wish); };
    come.clear();
    BOOST_TEST(fetch().has_value()); // It is back.
    BOOST_TEST(come == file);
}

BOOST_AUTO_TEST_CASE(patience_is_for_the_next_piece_and_not_for_the_file)
{
    settings.ask_again = milliseconds{50};
    settings.patience = milliseconds{400};
    coordinator = [&](const PieceWish& wish) {
        if (times_asked_for(wish.offset) == 2) {
            give(wish);
        }
    };
    settings.window = 1; // 11 pieces, each as late as that.
    start();
    const auto began = std::chrono::steady_clock::now();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_CHECK(std::chrono::steady_clock::now() - began > settings.patience);
}

BOOST_AUTO_TEST_CASE(one_who_takes_no_more_ends_it)
{
    start();
    const auto fetched = downloads->fetch(operation, blob(), [&](std::string_view bytes) {
        return come.empty() ? take(bytes)
                            : Result<>{Error{ErrorCode::resource_exhausted, "full", "disk_full"}};
    });
    BOOST_REQUIRE(!fetched);
    BOOST_TEST(fetched.error().reason == "disk_full");
    BOOST_TEST(come == file.substr(0, 4));
    BOOST_TEST(wishes.size() == 4U); // Nothing more was asked for.
    come.clear();
    BOOST_TEST(fetch().has_value()); // There is room again.
    BOOST_TEST(come == file);
}

BOOST_AUTO_TEST_CASE(a_host_that_ends_waits_for_no_piece_and_begins_none)
{
    tests::Arrivals<PieceWish> asked;
    coordinator = [&](const PieceWish& wish) { asked.add(wish); };
    start();
    auto fetching = std::async(std::launch::async, [this] { return fetch(); });
    static_cast<void>(asked.take());
    downloads->stop();
    const auto fetched = fetching.get();
    BOOST_REQUIRE(!fetched);
    BOOST_CHECK(fetched.error().code == ErrorCode::unavailable);
    BOOST_TEST(fetched.error().reason == "host_ending");
    coordinator = [&](const PieceWish& wish) { give(wish); };
    BOOST_TEST(fetch().error().reason == "host_ending");
    BOOST_TEST(come.empty());
}

BOOST_AUTO_TEST_CASE(a_piece_may_come_from_another_thread)
{
    tests::Arrivals<PieceWish> asked;
    coordinator = [&](const PieceWish& wish) { asked.add(wish); };
    start();
    auto fetching = std::async(std::launch::async, [this] { return fetch(); });
    for (int i = 0; i < 11; ++i) {
        give(asked.take());
    }
    BOOST_TEST(fetching.get().has_value());
    BOOST_TEST(come == file);
}

BOOST_AUTO_TEST_CASE(what_nobody_asked_for_is_ignored)
{
    coordinator = [&](const PieceWish& wish) {
        const auto wrong = [&](auto change) {
            auto piece = piece_for(wish);
            piece.data.assign(piece.data.size(), '!');
            change(piece);
            downloads->deliver(piece);
        };
        wrong([](Piece& p) { p.data += "!"; });
        wrong([](Piece& p) { p.data.pop_back(); });
        wrong([](Piece& p) { p.data.clear(); });
        wrong([](Piece& p) { p.operation = common::OperationId{"op-2"}; });
        wrong([](Piece& p) { p.digest = "d2"; });
        wrong([](Piece& p) { p.offset += 1; });
        wrong([](Piece& p) { p.offset += 400; });
        wrong([](Piece& p) {
            p.offset += 1;
            p.error = Error{ErrorCode::unavailable, "of nothing", "unknown_blob"};
        });
        give(wish);
        wrong([](Piece&) {}); // The first that comes counts.
    };
    start();
    downloads->deliver({operation, "d1", 0, "!!!!"}); // Nothing is under way.
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_TEST(wishes.size() == 11U);
    downloads->deliver({operation, "d1", 0, "!!!!"}); // Nor any more.
}

BOOST_AUTO_TEST_CASE(files_that_are_fetched_at_once_are_kept_apart)
{
    start();
    std::string other;
    const auto fetched = downloads->fetch(operation, blob(), [&](std::string_view bytes) {
        if (come.size() == 8) {
            BOOST_TEST(downloads
                           ->fetch(common::OperationId{"op-2"},
                                   blob(),
                                   [&](std::string_view more) -> Result<> {
                                       other += more;
                                       return {};
                                   })
                           .has_value());
            const auto twice = fetch(); // Of one operation it is a bug.
            BOOST_CHECK(!twice && twice.error().code == ErrorCode::internal);
        }
        return take(bytes);
    });
    BOOST_TEST(fetched.has_value());
    BOOST_TEST(come == file);
    BOOST_TEST(other == file);
}

BOOST_AUTO_TEST_CASE(zeros_come_as_their_number)
{
    file.replace(4, 8, 8, '\0');
    coordinator = [this](const PieceWish& wish) {
        auto piece = piece_for(wish);
        if (hostd::is_all_zeros(piece.data)) {
            piece.zeros = static_cast<std::uint32_t>(piece.data.size());
            piece.data.clear();
        }
        downloads->deliver(std::move(piece));
    };
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST((come == file));
    BOOST_TEST(wishes.size() == 11U);
}

BOOST_AUTO_TEST_CASE(one_that_does_not_come_only_now_is_asked_for_again)
{
    settings.ask_again = milliseconds{5};
    coordinator = [this](const PieceWish& wish) {
        auto piece = piece_for(wish);
        if (wish.offset == 8 && times_asked_for(8) == 1) {
            piece.error = Error{ErrorCode::unavailable, "too much to do", hostd::piece_busy};
        }
        downloads->deliver(std::move(piece));
    };
    start();
    BOOST_REQUIRE(fetch());
    BOOST_TEST(come == file);
    BOOST_TEST(times_asked_for(8) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
