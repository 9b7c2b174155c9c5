#include "hostd/guest/guest_words.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::guest;

BOOST_AUTO_TEST_SUITE(guest_words_tests)

BOOST_AUTO_TEST_CASE(an_unknown_user_is_refused_by_that_reason)
{
    const auto error = error_of({"unknown_user", "no user 'bob'"});
    BOOST_CHECK(error.code == common::ErrorCode::refused);
    BOOST_TEST(error.reason == "unknown_user");
}

BOOST_AUTO_TEST_CASE(a_guests_own_words_become_neither_a_code_nor_control_characters)
{
    const auto error = error_of({"<script>", "a\x1b[31m\nb"});
    BOOST_CHECK(error.code == common::ErrorCode::internal);
    BOOST_TEST(error.reason == "guest_error");
    BOOST_TEST(error.message.find('\n') == std::string::npos);
    BOOST_TEST(error.message.find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_well_formed_routable_addresses_are_passed_on)
{
    proto::GuestNet net;
    net.addresses = {"lo 00:00 127.0.0.1/8",
                     "eth0 52:54:00:00:00:01 10.0.0.7/24",
                     "eth0 x fe80::1/64",
                     "eth1 x 169.254.1.1/16",
                     "nonsense",
                     "eth0 x 10.0.0.300/24",
                     std::string{"eth0 x 10.0.0.9\0x/24", 20},
                     ""};
    BOOST_TEST(ipv4_of(net) == std::vector<std::string>{"10.0.0.7"},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(at_most_sixteen_addresses_are_believed)
{
    proto::GuestNet net;
    for (int i = 1; i <= 60; ++i) {
        net.addresses.push_back("eth0 x 10.0.0." + std::to_string(i) + "/24");
    }
    BOOST_TEST(ipv4_of(net).size() == 16U);
}

BOOST_AUTO_TEST_SUITE_END()
