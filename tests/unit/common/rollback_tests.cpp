#include "common/rollback.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using common::Rollback;

BOOST_AUTO_TEST_SUITE(rollback_tests)

BOOST_AUTO_TEST_CASE(the_last_step_is_undone_first)
{
    std::string undone;
    {
        Rollback rollback;
        rollback.add([&undone] { undone += "1"; });
        rollback.add([&undone] { undone += "2"; });
        rollback.add([&undone] { undone += "3"; });
    }
    BOOST_TEST(undone == "321");
}

BOOST_AUTO_TEST_CASE(nothing_is_undone_once_the_whole_is_done)
{
    std::string undone;
    {
        Rollback rollback;
        rollback.add([&undone] { undone += "1"; });
        rollback.commit();
        rollback.add([&undone] { undone += "2"; }); // Of what came after.
    }
    BOOST_TEST(undone == "2");
}

BOOST_AUTO_TEST_SUITE_END()
