#include "hostd/libvirt/block_nodes.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::libvirt;
using nlohmann::json;

namespace {

json device_on(const char* node)
{
    return {{"device", ""}, {"inserted", {{"node-name", node}}}};
}

/// A disk on an image, an overlay that was only just opened, and what is no disk.
json some_nodes()
{
    return json::array({{{"node-name", "libvirt-3-storage"}, {"file", "/s/new"}},
                        {{"node-name", "libvirt-1-format"}, {"file", "json:{\"driver\": \"qc..."}},
                        {{"node-name", "libvirt-1-storage"}, {"file", "/s/top"}},
                        {{"node-name", "libvirt-2-format"}, {"file", "/s/image"}},
                        {{"node-name", "libvirt-2-storage"}, {"file", "/s/image"}},
                        {{"node-name", "libvirt-pflash0-storage"}, {"file", "/s/nvram"}},
                        {{"node-name", "libvirt--storage"}},
                        {{"node-name", "#block119"}}});
}

} // namespace

BOOST_AUTO_TEST_SUITE(block_nodes_tests)

BOOST_AUTO_TEST_CASE(the_nodes_of_a_chain_are_found_by_their_names)
{
    const auto nodes = block_nodes_from(
        json::array({{{"device", "cd"}}, device_on("libvirt-1-format")}), some_nodes());
    BOOST_REQUIRE(nodes);
    BOOST_TEST(nodes->top.number == "1");
    BOOST_TEST(nodes->top.file == "/s/top");
    BOOST_REQUIRE(nodes->all.size() == 3U);
    BOOST_TEST(nodes->all[0].file == "/s/new");
    BOOST_TEST(!nodes->all[0].has_format);
    BOOST_TEST(nodes->all[1].has_format);
    BOOST_TEST(nodes->all[2].number == "2");
}

BOOST_AUTO_TEST_CASE(without_a_disk_of_libvirts_there_are_none)
{
    for (const auto& devices : {json{},
                                json::array(),
                                json::array({7, json{{"inserted", 7}}}),
                                json::array({device_on("#block119")}),
                                json::array({device_on("libvirt-3-format")}).at(0).at("inserted"),
                                json::array({device_on("libvirt-9-format")})}) {
        BOOST_TEST(!block_nodes_from(devices, some_nodes()), devices.dump());
    }
    const auto on_the_first = json::array({device_on("libvirt-1-format")});
    for (const auto& odd : {json{}, json::array({7, "x"}), json{{"node-name", 7}}}) {
        BOOST_TEST(!block_nodes_from(on_the_first, odd), odd.dump());
    }
}

BOOST_AUTO_TEST_SUITE_END()
