#include "tests/unit/coordinator_scheduler/fleets.hpp"

#include <algorithm>
#include <random>

using namespace coordinator::scheduler;

BOOST_AUTO_TEST_SUITE(scheduler_tests)

BOOST_AUTO_TEST_CASE(memory_fits_exactly_at_the_bound_and_not_a_byte_beyond)
{
    auto one = host("a");
    one.used_memory = Bytes::mib(750);
    BOOST_TEST(chosen({one}) == "a");
    one.used_memory += Bytes{1};
    BOOST_TEST(chosen({one}) == "none");
    one.used_memory = Bytes::mib(2000); // Its capacity was lowered below what it holds.
    BOOST_TEST(chosen({one}) == "none");
}

BOOST_AUTO_TEST_CASE(vcpus_fit_exactly_at_the_bound_and_not_one_beyond)
{
    auto one = host("a");
    one.used_vcpus = 6;
    BOOST_TEST(chosen({one}, demand(2)) == "a");
    BOOST_TEST(chosen({one}, demand(3)) == "none");
    one.used_vcpus = 9;
    BOOST_TEST(chosen({one}, demand(1)) == "none");
}

BOOST_AUTO_TEST_CASE(a_demand_beyond_all_bounds_is_refused_and_does_not_wrap_around)
{
    BOOST_TEST(chosen({host("a")}, demand(1, Bytes{~std::uint64_t{0}})) == "none");
    BOOST_TEST(chosen({host("a")}, demand(~0U)) == "none");
}

BOOST_AUTO_TEST_CASE(each_host_that_cannot_take_it_says_why)
{
    auto full = host("full");
    full.used_memory = Bytes::mib(900);
    auto busy = host("busy");
    busy.used_vcpus = 8;
    auto bare = host("bare");
    bare.has_image = false;
    auto lost = host("lost");
    lost.not_ready = "it is not connected";
    auto what = demand();
    what.refused.emplace(HostName{"shy"}, "not today");
    const std::vector fleet{full, busy, bare, lost, host("shy")};
    BOOST_TEST(chosen(fleet, what) == "none");
    const auto all = assessed(fleet, what);
    BOOST_REQUIRE(all.size() == 5U);
    BOOST_TEST(all[0].host.str() == "full");
    BOOST_TEST(all[0].why_not == "100 MiB of memory free of 1000, 250 needed");
    BOOST_TEST(all[1].why_not == "0 vCPUs free of 8, 1 needed");
    BOOST_TEST(all[2].why_not == "it does not have the image");
    BOOST_TEST(all[3].why_not == "it is not connected");
    BOOST_TEST(all[4].why_not == "it refused: not today");
}

BOOST_AUTO_TEST_CASE(all_that_keeps_it_from_a_host_is_told)
{
    auto one = host("a");
    one.not_ready = "it is cordoned";
    one.has_image = false;
    one.used_memory = Bytes::mib(900);
    one.used_vcpus = 8;
    BOOST_TEST(assessed({one}).at(0).why_not ==
               "it is cordoned; it does not have the image; 100 MiB of memory free of 1000, 250 "
               "needed; 0 vCPUs free of 8, 1 needed");
    auto elsewhere = demand();
    elsewhere.only = HostName{"b"};
    BOOST_TEST(assessed({one}, elsewhere).at(0).why_not == "another host was asked for");
}

BOOST_AUTO_TEST_CASE(hosts_that_were_passed_over_are_named_beside_the_one_that_was_chosen)
{
    auto bare = host("a");
    bare.has_image = false;
    const std::vector fleet{bare, host("b")};
    BOOST_TEST(chosen(fleet) == "b");
    const auto all = assessed(fleet);
    BOOST_TEST(all.at(0).why_not == "it does not have the image");
    BOOST_TEST(all.at(1).why_not.empty());
    BOOST_TEST(all.at(1).scores.total() > 0);
}

BOOST_AUTO_TEST_CASE(a_host_that_would_have_to_fetch_the_image_is_taken_where_none_has_it_and_room)
{
    auto far = host("a");
    far.has_image = false;
    far.may_fetch_image = true;
    auto on_its_way = far;
    on_its_way.name = HostName{"b"};
    on_its_way.is_fetching_image = true;
    auto here = host("c");
    here.starting = 9; // Busy, and rather full: still there is no fetch.
    here.used_vcpus = 7;
    here.load = 4;
    here.memory_available = 0;
    BOOST_TEST(chosen({far, on_its_way, here}) == "c");
    BOOST_TEST(chosen({far, on_its_way}) == "b");
    on_its_way.starting = 9; // That it fetches is load, too.
    on_its_way.used_vcpus = 7;
    on_its_way.load = 4;
    on_its_way.memory_available = 0;
    on_its_way.group_mates = 4;
    far.is_warm = true;
    auto apart = demand();
    apart.wants.group = "web";
    apart.wants.apart = false;
    BOOST_TEST(chosen({far, on_its_way}, apart) == "b");
    here.group_mates = 4;
    BOOST_TEST(chosen({far, on_its_way, here}, apart) == "c");
    BOOST_TEST(chosen({far}) == "a");
    here.used_vcpus = 8;
    BOOST_TEST(chosen({far, here}) == "a");
    const auto all = assessed({far, on_its_way, host("c")});
    BOOST_TEST(all[0].scores.image == 0);
    BOOST_TEST(all[1].scores.image == 0.5);
    BOOST_TEST(all[2].scores.image == 1);
    far.may_fetch_image = false;
    far.no_image_because = "its disk is full";
    BOOST_TEST(why({far}) == "it does not have the image, and cannot fetch it: its disk is full");
}

BOOST_AUTO_TEST_CASE(of_a_large_fleet_the_few_that_have_the_image_are_found)
{
    std::vector<HostView> fleet;
    for (int i = 0; i < 500; ++i) {
        fleet.push_back(host("h" + std::to_string(i)));
        fleet.back().has_image = i == 333;
        fleet.back().may_fetch_image = true;
    }
    for (std::size_t first = 0; first < 500; first += 7) {
        BOOST_TEST(chosen(fleet, demand(), sampling(4), first) == "h333");
    }
}

BOOST_AUTO_TEST_CASE(no_fleet_at_all_has_no_host_and_no_reasons)
{
    BOOST_TEST(chosen({}) == "none");
    BOOST_TEST(chosen({}, demand(), sampling(1), 7) == "none");
    BOOST_TEST(assessed({}).empty());
}

BOOST_AUTO_TEST_CASE(the_host_that_is_least_full_afterwards_is_chosen)
{
    auto a = host("a");
    auto b = host("b");
    a.used_memory = Bytes::mib(500);
    b.used_memory = Bytes::mib(250);
    BOOST_TEST(chosen({a, b}) == "b");
    b.used_vcpus = 7; // The fuller of memory and vCPUs counts.
    BOOST_TEST(chosen({a, b}) == "a");
}

BOOST_AUTO_TEST_CASE(a_bigger_host_takes_more)
{
    const auto small = host("a", 8, Bytes::mib(1000));
    auto big = host("b", 32, Bytes::mib(4000));
    big.used_memory = Bytes::mib(500);
    BOOST_TEST(chosen({small, big}) == "b");
}

BOOST_AUTO_TEST_CASE(fewer_starts_under_way_count_before_free_space)
{
    auto a = host("a");
    auto b = host("b");
    a.starting = 1;
    b.used_memory = Bytes::mib(700);
    BOOST_TEST(chosen({a, b}) == "b");
    b.starting = 1;
    BOOST_TEST(chosen({a, b}) == "a");
}

BOOST_AUTO_TEST_CASE(a_host_that_is_asked_for_is_taken_or_none)
{
    auto what = demand();
    what.only = HostName{"b"};
    auto b = host("b");
    b.starting = 5;
    BOOST_TEST(chosen({host("a"), b}, what) == "b");
    b.used_vcpus = 8;
    BOOST_TEST(chosen({host("a"), b}, what) == "none");
    const auto all = assessed({host("a"), b}, what);
    BOOST_TEST(all.at(0).why_not == "another host was asked for");
    BOOST_TEST(all.at(1).why_not == "0 vCPUs free of 8, 1 needed");
}

BOOST_AUTO_TEST_CASE(a_host_has_all_labels_that_are_asked_for)
{
    auto what = demand();
    what.wants.labels = {{"gpu", "a100"}, {"zone", ""}};
    auto a = host("a");
    auto b = host("b");
    BOOST_TEST(why({a}, what) == "it has no label gpu, \"a100\" was asked for");
    Labels labels{{"gpu", "a100"}, {"rack", "1"}};
    a.labels = &labels;
    BOOST_TEST(why({a}, what) == "it has no label zone, \"\" was asked for");
    labels["zone"] = "eu";
    BOOST_TEST(why({a}, what) == "its label zone is \"eu\", \"\" was asked for");
    b.labels = &what.wants.labels;
    b.starting = 5;
    BOOST_TEST(chosen({a, b}, what) == "b");
    what.only = HostName{"a"};
    BOOST_TEST(chosen({a, b}, what) == "none");
}

BOOST_AUTO_TEST_CASE(a_host_that_refused_is_not_asked_again_for_the_same_sandbox)
{
    auto what = demand();
    what.refused.emplace(HostName{"a"}, "not today");
    BOOST_TEST(chosen({host("a"), host("b")}, what) == "b");
    BOOST_TEST(why({host("a")}, what) == "it refused: not today");
}

BOOST_AUTO_TEST_CASE(equal_hosts_are_chosen_by_name_in_whatever_order_they_come)
{
    BOOST_TEST(chosen({host("a"), host("b"), host("c")}) == "a");
    BOOST_TEST(chosen({host("c"), host("b"), host("a")}) == "a");
}

BOOST_AUTO_TEST_CASE(a_host_without_any_capacity_takes_nothing)
{
    BOOST_TEST(chosen({host("a", 0, Bytes{})}) == "none");
    BOOST_TEST(chosen({host("a", 0)}) == "none");
}

BOOST_AUTO_TEST_CASE(no_host_is_ever_oversold_and_none_is_refused_that_had_room)
{
    constexpr unsigned rounds = 200;
    constexpr int demands = 60;
    for (unsigned seed = 1; seed <= rounds; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            std::mt19937 random{seed};
            const auto pick = [&random](unsigned low, unsigned high) {
                return std::uniform_int_distribution<unsigned>{low, high}(random);
            };
            std::vector<HostView> fleet;
            for (unsigned i = pick(1, 6); i > 0; --i) {
                auto one = host("h" + std::to_string(i), pick(0, 32), Bytes::mib(pick(0, 8000)));
                one.overhead = Bytes::mib(pick(0, 100));
                one.has_image = pick(0, 4) > 0;
                one.starting = pick(0, 3);
                one.not_ready = pick(0, 5) > 0 ? "" : "away";
                fleet.push_back(one);
            }
            for (int i = 0; i < demands; ++i) {
                const auto what = demand(pick(1, 8), Bytes::mib(pick(1, 2000)));
                const auto fits = [&what](const HostView& one) {
                    return one.not_ready.empty() && one.has_image &&
                           one.used_vcpus + what.vcpus <= one.capacity_vcpus &&
                           one.used_memory + what.memory + one.overhead <= one.capacity_memory;
                };
                const auto policy = pick(0, 1) > 0 ? Policy{} : sampling(pick(1, 4));
                const auto host = place(view_of(fleet), what, policy, pick(0, 99));
                const auto room = std::ranges::count_if(fleet, fits);
                BOOST_TEST(host.has_value() == (room > 0));
                const auto all = assessed(fleet, what);
                BOOST_TEST(std::ranges::count_if(
                               all, [](const auto& one) { return one.why_not.empty(); }) == room);
                if (!host) {
                    continue;
                }
                auto& taker = *std::ranges::find(fleet, *host, &HostView::name);
                BOOST_TEST(fits(taker));
                const auto at = static_cast<std::size_t>(&taker - fleet.data());
                for (const auto& other : all) {
                    BOOST_TEST((policy.full_scan == 1 || !other.why_not.empty() ||
                                other.scores.total() <= all[at].scores.total()));
                }
                taker.used_vcpus += what.vcpus;
                taker.used_memory += what.memory + taker.overhead;
                taker.starting += pick(0, 1);
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
