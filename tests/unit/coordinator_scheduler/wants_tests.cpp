// What is asked of hosts, and which of those that will do is best.
#include "tests/unit/coordinator_scheduler/fleets.hpp"

#include <set>

using namespace coordinator::scheduler;

BOOST_AUTO_TEST_SUITE(wants_tests)

BOOST_AUTO_TEST_CASE(a_taint_keeps_away_what_does_not_tolerate_it)
{
    auto a = host("a");
    const Labels taints{{"gpu", "a100"}, {"old", ""}};
    a.taints = &taints;
    auto what = demand();
    BOOST_TEST(why({a}, what) == "it is tainted gpu=a100, which was not said to be tolerated");
    what.wants.tolerates = {"gpu=h100", "old"};
    BOOST_TEST(why({a}, what) == "it is tainted gpu=a100, which was not said to be tolerated");
    what.wants.tolerates = {"gpu=a100"};
    BOOST_TEST(why({a}, what) == "it is tainted old, which was not said to be tolerated");
    what.wants.tolerates = {"gpu=a100", "old"};
    BOOST_TEST(chosen({a}, what) == "a");
    what.wants.tolerates = {"gpu", "old"};
    BOOST_TEST(chosen({a}, what) == "a");
    what.wants.tolerates = {"gpu", "old="};
    BOOST_TEST(chosen({a}, what) == "a");
    BOOST_TEST(chosen({a, host("b")}) == "b");
}

BOOST_AUTO_TEST_CASE(an_older_hostd_than_is_asked_of_hosts_takes_nothing)
{
    auto a = host("a");
    a.version = "0.9.12";
    auto what = demand();
    BOOST_TEST(chosen({a}, what) == "a");
    what.oldest_hostd = "0.10";
    BOOST_TEST(why({a}, what) ==
               "its hostd is 0.9.12, 0.10 at least is asked of hosts (oldest_hostd)");
    a.version = "";
    BOOST_TEST(why({a}, what) ==
               "its hostd is of no version, 0.10 at least is asked of hosts (oldest_hostd)");
    for (const auto* enough : {"0.10", "0.10.0", "0.10.1", "1", "0.11"}) {
        a.version = enough;
        BOOST_TEST(chosen({a}, what) == "a");
    }
}

BOOST_AUTO_TEST_CASE(versions_are_numbers_with_dots_and_count_from_the_left)
{
    for (const auto* good : {"1", "0.2", "1.2.3", "10.0.0.7"}) {
        BOOST_TEST(is_version(good));
    }
    for (const auto* bad :
         {"", ".", "1.", ".1", "1..2", "v1", "1.2-rc", "1 ", "-1", "99999999999"}) {
        BOOST_TEST(!is_version(bad));
    }
    BOOST_TEST(is_older("1.2", "1.2.1"));
    BOOST_TEST(is_older("1.2", "1.2.0")); // It does not say that it is.
    BOOST_TEST(is_older("", "0"));
    BOOST_TEST(is_older("x", "0.1"));
    BOOST_TEST(is_older("2.9", "2.10"));
    BOOST_TEST(!is_older("2.10", "2.9"));
    BOOST_TEST(!is_older("1.2.3", "1.2"));
    BOOST_TEST(!is_older("1.2.3", ""));
}

BOOST_AUTO_TEST_CASE(an_accelerator_that_is_asked_for_is_had_or_the_host_is_not)
{
    auto a = host("a");
    a.accelerator = "tcg";
    auto what = demand();
    what.wants.accelerator = "kvm";
    BOOST_TEST(why({a}, what) == "its accelerator is \"tcg\", \"kvm\" was asked for");
    a.accelerator = "kvm";
    BOOST_TEST(chosen({a}, what) == "a");
}

BOOST_AUTO_TEST_CASE(a_group_is_kept_apart_host_by_host)
{
    auto a = host("a");
    a.group_mates = 1;
    auto b = host("b");
    b.used_vcpus = 7;
    b.starting = 3;
    auto what = demand();
    what.wants.group = "web";
    BOOST_TEST(chosen({a, b}, what) == "b");
    BOOST_TEST(why({a}, what) == "one of group web is there");
    what.wants.apart = false;
    BOOST_TEST(chosen({a}, what) == "a");
    BOOST_TEST(chosen({a, b}, what) == "b");
}

BOOST_AUTO_TEST_CASE(a_group_is_spread_over_the_values_of_a_label)
{
    const Labels rack{{"rack", "1"}};
    auto a = host("a");
    auto what = demand();
    what.wants.group = "web";
    what.wants.spread_by = "rack";
    BOOST_TEST(why({a}, what) == "it has no label rack, by which group web is spread");
    a.labels = &rack;
    BOOST_TEST(chosen({a}, what) == "a");
    a.group_mates = 2;
    BOOST_TEST(why({a}, what) == "one of group web is where rack is \"1\"");
    auto b = a;
    b.name = HostName{"b"};
    b.group_mates = 1;
    what.wants.apart = false;
    BOOST_TEST(chosen({a, b}, what) == "b");
    BOOST_TEST(chosen({a, host("unlabelled")}, what) == "a"); // It would count as one of none.
}

BOOST_AUTO_TEST_CASE(of_hosts_alike_the_warm_the_idle_and_the_one_with_memory_at_hand_is_best)
{
    auto b = host("b");
    b.is_warm = true;
    BOOST_TEST(chosen({host("a"), b}) == "b");
    auto a = host("a");
    a.load = 1;
    BOOST_TEST(chosen({a, host("b")}) == "b");
    a.load = 0;
    a.memory_available = 0.2;
    BOOST_TEST(chosen({a, host("b")}) == "b");
    a.memory_available = -1; // What a host says is clamped.
    a.load = 1e300;
    const auto scores = assessed({a}).at(0).scores;
    BOOST_TEST(scores.pressure == 0);
    BOOST_TEST(scores.load == 0);
    BOOST_TEST(scores.total() > 0);
}

BOOST_AUTO_TEST_CASE(packed_the_fullest_host_that_fits_is_best)
{
    Policy pack;
    pack.fill = Policy::Fill::pack;
    auto b = host("b");
    b.used_vcpus = 6;
    auto c = host("c");
    c.used_vcpus = 8;
    BOOST_TEST(chosen({host("a"), b, c}, demand(), pack) == "b");
    BOOST_TEST(chosen({host("a"), b, c}) == "a");
}

BOOST_AUTO_TEST_CASE(of_a_large_fleet_some_that_fit_are_looked_at_and_all_if_few_do)
{
    std::vector<HostView> fleet;
    for (unsigned i = 0; i < 1000; ++i) {
        fleet.push_back(host("h" + std::to_string(i)));
    }
    std::set<std::size_t> looked_at;
    const View view{fleet.size(), [&](std::size_t at) {
                        looked_at.insert(at);
                        return fleet.at(at);
                    }};
    std::set<std::string> chosen_ones;
    for (std::size_t first = 0; first < 100; ++first) {
        looked_at.clear();
        chosen_ones.insert(place(view, demand(), sampling(16), first * 31)->str());
        BOOST_TEST(looked_at.size() == 16U);
    }
    BOOST_TEST(chosen_ones.size() > 50U);
    for (auto& one : fleet) {
        one.not_ready = "away";
    }
    fleet[617].not_ready = "";
    looked_at.clear();
    BOOST_TEST(place(view, demand(), sampling(16), 3)->str() == "h617");
    BOOST_TEST(looked_at.size() > 1U);
    fleet[617].not_ready = "away";
    looked_at.clear();
    BOOST_TEST(!place(view, demand(), sampling(16), 3));
    BOOST_TEST(looked_at.size() == fleet.size());
}

BOOST_AUTO_TEST_CASE(a_fleet_of_a_size_with_many_factors_is_walked_whole)
{
    std::vector<HostView> fleet(2 * 3 * 5 * 7 * 11 * 13, host("x"));
    for (auto& one : fleet) {
        one.not_ready = "away";
    }
    std::set<std::size_t> looked_at;
    const View view{fleet.size(), [&](std::size_t at) {
                        looked_at.insert(at);
                        return fleet.at(at);
                    }};
    BOOST_TEST(!place(view, demand(), sampling(4), 11));
    BOOST_TEST(looked_at.size() == fleet.size());
}

BOOST_AUTO_TEST_CASE(few_of_those_that_are_looked_at_are_neighbours)
{
    for (const std::size_t size : {257U, 264U, 330U, 720U, 1000U, 1024U, 3960U}) {
        std::vector<HostView> fleet(size, host("x"));
        std::set<std::size_t> looked_at;
        const View view{fleet.size(), [&](std::size_t at) {
                            looked_at.insert(at);
                            return fleet.at(at);
                        }};
        BOOST_REQUIRE(place(view, demand(), sampling(16), 5));
        std::size_t neighbours = 0;
        for (const auto at : looked_at) {
            neighbours += looked_at.contains(at + 1) ? 1 : 0;
        }
        BOOST_TEST_CONTEXT(size)
        {
            BOOST_TEST(neighbours <= 3U);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
