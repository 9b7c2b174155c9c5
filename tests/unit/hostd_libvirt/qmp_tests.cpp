#include "hostd/libvirt/qmp.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::libvirt;

BOOST_AUTO_TEST_SUITE(qmp_tests)

BOOST_AUTO_TEST_CASE(what_qemu_returned_is_the_result)
{
    const auto reply = qmp_return("x", R"({"return":{"status":"paused"},"id":"libvirt-7"})");
    BOOST_REQUIRE(reply);
    BOOST_TEST(reply->at("status") == "paused");
}

BOOST_AUTO_TEST_CASE(what_qemu_refused_is_an_error_with_its_words)
{
    const auto reply =
        qmp_return("migrate", R"({"error":{"class":"GenericError","desc":"no such \"fd\""}})");
    BOOST_REQUIRE(!reply);
    BOOST_TEST(reply.error().message.find("migrate") != std::string::npos);
    BOOST_TEST(reply.error().message.find("no such") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_reply_is_an_error)
{
    for (const auto* reply : {"", "{", "[]", "{}", "null", R"({"error":7})", R"({"error":{}})"}) {
        BOOST_TEST(!qmp_return("x", reply), reply);
    }
}

BOOST_AUTO_TEST_SUITE_END()
