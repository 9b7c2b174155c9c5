#include "hostd/virt/last_error.hpp"

#include "hostd/virt/handles.hpp"

#include <boost/test/unit_test.hpp>
#include <libvirt/virterror.h>

using namespace hostd::virt;
using common::ErrorCode;

namespace {

struct Driver {
    Driver()
    {
        silence_libvirt();
        BOOST_REQUIRE(connection);
    }
    void look_up_what_is_not_there() const
    {
        BOOST_REQUIRE(virNetworkLookupByName(connection.get(), "nothing") == nullptr);
    }
    const Connection connection{virConnectOpen("test:///default")};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(last_error_tests, Driver)

BOOST_AUTO_TEST_CASE(a_code_means_what_the_caller_says)
{
    look_up_what_is_not_there();
    const auto error = last_error({{VIR_ERR_NO_NETWORK, ErrorCode::not_found}});
    BOOST_CHECK(error.code == ErrorCode::not_found);
    BOOST_TEST(error.message.find("libvirt error 43/") == 0U, error.message);
    BOOST_TEST(error.message.find("nothing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_network_is_no_missing_domain)
{
    look_up_what_is_not_there();
    BOOST_CHECK(last_error({{VIR_ERR_NO_DOMAIN, ErrorCode::not_found}}).code ==
                ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(without_an_error_it_says_so)
{
    virResetLastError();
    BOOST_CHECK(last_error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(who_does_not_listen_is_unavailable)
{
    const Connection none{virConnectOpen("qemu+unix:///system?socket=/nonexistent/socket")};
    BOOST_REQUIRE(!none);
    BOOST_CHECK(last_error().code == ErrorCode::unavailable);
}

BOOST_AUTO_TEST_SUITE_END()
