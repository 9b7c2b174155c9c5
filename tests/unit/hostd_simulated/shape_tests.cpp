#include "hostd/simulated/shape.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::simulated;

BOOST_AUTO_TEST_SUITE(shape_tests)

BOOST_AUTO_TEST_CASE(a_time_is_one_number_or_two)
{
    BOOST_CHECK((*parse_span("20") == Span{20ms, 20ms}));
    BOOST_CHECK((*parse_span("20-60") == Span{20ms, 60ms}));
    for (const auto* wrong : {"", "-", "20-", "-20", "60-20", "1s", "20-60-80", "99999999999"}) {
        BOOST_TEST_CONTEXT(wrong)
        {
            BOOST_TEST(!parse_span(wrong).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(an_image_of_one_name_has_one_digest_everywhere)
{
    const auto tiny = *parse_image("tiny");
    BOOST_TEST(tiny.digest.size() == 64U);
    BOOST_TEST(tiny.digest == (*parse_image("tiny:4:1024")).digest);
    BOOST_TEST(tiny.digest != (*parse_image("other")).digest);
    BOOST_TEST((*parse_image("tiny:4:1024")).default_memory.mib() == 1024U);
    for (const auto* wrong : {"", "a/b", "tiny:", "tiny:1", "tiny:0:256", "tiny:1:x"}) {
        BOOST_TEST_CONTEXT(wrong)
        {
            BOOST_TEST(!parse_image(wrong).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(dice_of_one_seed_fall_alike_and_stay_between)
{
    Dice one{7};
    Dice other{7};
    for (int i = 0; i < 100; ++i) {
        const auto time = one.in({20ms, 60ms});
        BOOST_CHECK(time == other.in({20ms, 60ms}));
        BOOST_CHECK(time >= 20ms && time <= 60ms);
    }
    BOOST_TEST(!one.falls(0));
    BOOST_TEST(one.falls(1));
}

BOOST_AUTO_TEST_SUITE_END()
