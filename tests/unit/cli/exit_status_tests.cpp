#include "cli/exit_status.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

using common::Error;
using common::ErrorCode;

BOOST_AUTO_TEST_SUITE(exit_status_tests)

BOOST_AUTO_TEST_CASE(each_kind_of_failure_has_its_own_and_it_stays)
{
    const auto status = [](ErrorCode code) { return exit_status_of(Error{code, ""}); };
    BOOST_TEST(status(ErrorCode::invalid_argument) == 2);
    BOOST_TEST(status(ErrorCode::permission_denied) == 115);
    BOOST_TEST(status(ErrorCode::not_found) == 116);
    BOOST_TEST(status(ErrorCode::already_exists) == 117);
    BOOST_TEST(status(ErrorCode::failed_precondition) == 117);
    BOOST_TEST(status(ErrorCode::refused) == 118);
    BOOST_TEST(status(ErrorCode::too_large) == 118);
    BOOST_TEST(status(ErrorCode::rate_limited) == 119);
    BOOST_TEST(status(ErrorCode::resource_exhausted) == 119);
    BOOST_TEST(status(ErrorCode::unavailable) == 120);
    BOOST_TEST(status(ErrorCode::timeout) == 121);
    BOOST_TEST(status(ErrorCode::unimplemented) == 125);
    BOOST_TEST(status(ErrorCode::internal) == 125);
}

BOOST_AUTO_TEST_CASE(help_names_each_of_them)
{
    const auto help = exit_status_help();
    for (const int status : {0, 1, 2, 115, 116, 117, 118, 119, 120, 121, 125, 130}) {
        BOOST_TEST(help.find("\n  " + std::to_string(status) + " ") != std::string::npos, status);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
