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

BOOST_AUTO_TEST_CASE(a_disk_has_its_path_whatever_way_qemu_names_it)
{
    BOOST_TEST(file_named("/s/overlay.qcow2")->string() == "/s/overlay.qcow2");
    const std::string how = R"({"backing": {"driver": "qcow2", "file": {"driver": "file",
        "filename": "/s/below"}}, "driver": "qcow2", "file": {"driver": "file", "filename": "/s/top"}})";
    BOOST_TEST(file_named("json:" + how)->string() == "/s/top");
    for (const auto* odd : {"json:",
                            "json:{}",
                            "json:[1]",
                            R"(json:{"file": 1})",
                            R"(json:{"file": {"filename": 1}})"}) {
        BOOST_TEST(!file_named(odd));
    }
}

BOOST_AUTO_TEST_SUITE_END()
