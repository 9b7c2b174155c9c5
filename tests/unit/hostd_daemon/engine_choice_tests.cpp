#include "hostd/daemon/engine_choice.hpp"
#include "tests/support/arrivals.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

using common::Error;
using common::ErrorCode;
using common::Result;
using hostd::EngineKind;
using hostd::daemon::EngineChoice;
using hostd::daemon::EngineWish;

namespace {

struct NamedEngine final : hostd::StateEngine {
    explicit NamedEngine(EngineKind name) : name_{name} {}
    EngineKind kind() const noexcept override { return name_; }
    hostd::Captured capture(const hostd::CaptureRequest&) override { return {}; }
    Result<> load(const hostd::LoadRequest&) override { return {}; }
    Result<> replace(const hostd::LoadRequest&) override { return {}; }

private:
    EngineKind name_;
};

struct ChoiceFixture {
    /// The trial ends as the test says, one verdict after another.
    EngineChoice::Trial trial(std::vector<Result<std::string>> verdicts)
    {
        auto left = std::make_shared<std::vector<Result<std::string>>>(std::move(verdicts));
        return {[this, left] {
                    auto verdict = left->front();
                    left->erase(left->begin());
                    tried.add(1);
                    return verdict;
                },
                [this] { return Result<hostd::HypervisorFacts>{versions}; },
                "tcg",
                folder.path() / "verdict",
                std::chrono::milliseconds{1}};
    }
    static EngineKind await(EngineChoice& choice)
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (std::chrono::steady_clock::now() < until) {
            if (const auto engine = choice.current()) {
                return (*engine)->kind();
            }
            std::this_thread::yield();
        }
        throw std::runtime_error{"nothing was chosen"};
    }

    tests::TempFolder folder;
    hostd::HypervisorFacts versions{"9.0.0", "7.2.0"};
    NamedEngine fast{EngineKind::fast};
    NamedEngine portable{EngineKind::portable};
    tests::Arrivals<int> tried;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(engine_choice_tests, ChoiceFixture)

BOOST_AUTO_TEST_CASE(what_was_proven_is_used_and_not_tried_again_for_the_same_versions)
{
    {
        EngineChoice choice{
            EngineWish::automatic, {fast, portable}, trial({std::string{"it works"}})};
        BOOST_TEST(choice.current().error().reason == "engine_starting");
        BOOST_TEST(choice.report().engine.empty());
        choice.start();
        BOOST_CHECK(await(choice) == EngineKind::fast);
        BOOST_TEST(choice.report().engine == "fast");
        BOOST_TEST(choice.report().reason == "it works");
        tried.take();
    }
    {
        EngineChoice choice{EngineWish::automatic, {fast, portable}, trial({})};
        choice.start();
        BOOST_CHECK(await(choice) == EngineKind::fast);
        BOOST_TEST(tried.empty());
    }
    versions.qemu_version = "8.0.0";
    EngineChoice choice{EngineWish::automatic, {fast, portable}, trial({std::string{"again"}})};
    choice.start();
    BOOST_CHECK(await(choice) == EngineKind::fast);
    tried.take();
}

BOOST_AUTO_TEST_CASE(what_could_not_be_proven_falls_back_says_why_and_loads_nothing_of_fast)
{
    EngineChoice choice{EngineWish::automatic,
                        {fast, portable},
                        trial({Error{ErrorCode::failed_precondition, "memory differs"}})};
    choice.start();
    BOOST_CHECK(await(choice) == EngineKind::portable);
    BOOST_TEST(choice.report().reason.find("memory differs") != std::string::npos);
    BOOST_TEST(choice.of(EngineKind::fast).error().reason == "state_incompatible");
    BOOST_CHECK((*choice.of(EngineKind::portable))->kind() == EngineKind::portable);
}

BOOST_AUTO_TEST_CASE(a_libvirt_that_is_away_is_tried_again)
{
    EngineChoice choice{EngineWish::automatic,
                        {fast, portable},
                        trial({Error{ErrorCode::unavailable, "no libvirtd"},
                               Error{ErrorCode::timeout, "busy"},
                               std::string{"it works"}})};
    choice.start();
    BOOST_CHECK(await(choice) == EngineKind::fast);
}

BOOST_AUTO_TEST_CASE(the_wish_decides)
{
    EngineChoice only{EngineWish::portable, {fast, portable}, trial({})};
    only.start();
    BOOST_CHECK(await(only) == EngineKind::portable);
    EngineChoice never{EngineWish::fast,
                       {fast, portable},
                       trial({Error{ErrorCode::failed_precondition, "memory differs"}})};
    never.start();
    tried.take();
    BOOST_TEST(!never.current());
}

BOOST_AUTO_TEST_SUITE_END()
