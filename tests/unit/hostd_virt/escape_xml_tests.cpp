#include "hostd/virt/escape_xml.hpp"

#include <boost/test/unit_test.hpp>

using hostd::virt::escape_xml;

BOOST_AUTO_TEST_SUITE(escape_xml_tests)

BOOST_AUTO_TEST_CASE(markup_is_escaped_and_what_xml_cannot_hold_is_replaced)
{
    BOOST_TEST(escape_xml("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&apos;");
    BOOST_TEST(escape_xml("a\nb\tc") == "a&#10;b&#9;c");
    BOOST_TEST(escape_xml(std::string_view{"\0\x01\r\x1F", 4}) ==
               "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    BOOST_TEST(escape_xml("grün ✓") == "grün ✓");
}

BOOST_AUTO_TEST_SUITE_END()
