#include "common/metrics/page.hpp"

#include <boost/test/unit_test.hpp>

using common::metrics::Histogram;
using common::metrics::Page;

BOOST_AUTO_TEST_SUITE(page_tests)

BOOST_AUTO_TEST_CASE(values_stand_below_their_help_and_type_in_the_order_they_came)
{
    Page page;
    auto boxes = page.gauge("boxes", "By colour.");
    page.counter("openings_total", "Of all.").add(3U);
    boxes.add(2, {{"colour", "red"}}).add(0.5, {{"colour", "blue"}});
    BOOST_TEST(page.text() == "# HELP boxes By colour.\n"
                              "# TYPE boxes gauge\n"
                              "boxes{colour=\"red\"} 2\n"
                              "boxes{colour=\"blue\"} 0.5\n"
                              "# HELP openings_total Of all.\n"
                              "# TYPE openings_total counter\n"
                              "openings_total 3\n");
}

BOOST_AUTO_TEST_CASE(what_a_label_says_cannot_end_its_line)
{
    Page page;
    page.gauge("boxes", "All.").add(true, {{"name", "a\"b\\c\nd"}});
    BOOST_TEST(page.text().ends_with("\nboxes{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

BOOST_AUTO_TEST_CASE(a_family_without_a_value_is_known_all_the_same)
{
    Page page;
    page.histogram("waits_seconds", "None yet.");
    BOOST_TEST(page.text() == "# HELP waits_seconds None yet.\n# TYPE waits_seconds histogram\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_counts_up_to_each_bound_and_beyond_the_last)
{
    static constexpr std::array bounds{0.1, 1.0};
    Histogram waits{bounds};
    waits.observe(std::chrono::milliseconds{100}); // A bound belongs to what ends with it.
    waits.observe(std::chrono::milliseconds{500});
    waits.observe(7.0);
    Page page;
    page.histogram("waits_seconds", "Of all.").add(waits, {{"for", "a box"}});
    BOOST_TEST(page.text() == "# HELP waits_seconds Of all.\n"
                              "# TYPE waits_seconds histogram\n"
                              "waits_seconds_count{for=\"a box\"} 3\n"
                              "waits_seconds_sum{for=\"a box\"} 7.6\n"
                              "waits_seconds_bucket{for=\"a box\",le=\"0.1\"} 1\n"
                              "waits_seconds_bucket{for=\"a box\",le=\"1\"} 2\n"
                              "waits_seconds_bucket{for=\"a box\",le=\"+Inf\"} 3\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_that_was_counted_elsewhere_is_shown_as_it_is)
{
    static constexpr std::array bounds{0.1, 1.0};
    const Histogram waits{bounds, {1, 0, 2}, 9.5};
    BOOST_TEST(waits.counts().back() == 2U);
    BOOST_TEST(waits.sum() == 9.5);
}

BOOST_AUTO_TEST_SUITE_END()
