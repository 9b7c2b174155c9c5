#include "common/digest/base64.hpp"

#include <boost/test/unit_test.hpp>

using namespace common::digest;

BOOST_AUTO_TEST_SUITE(base64_tests)

BOOST_AUTO_TEST_CASE(the_vectors_of_rfc_4648_hold_both_ways)
{
    const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        BOOST_TEST(to_base64(bytes) == text);
        BOOST_TEST(from_base64(text).value_or("?") == bytes);
    }
}

BOOST_AUTO_TEST_CASE(every_byte_comes_back)
{
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
        BOOST_TEST((from_base64(to_base64(all)) == all));
    }
}

BOOST_AUTO_TEST_CASE(anything_else_is_nothing)
{
    for (const std::string_view text : {"Z",
                                        "Zg",
                                        "Zg=",
                                        "Zg===",
                                        "====",
                                        "=g==",
                                        "Z===",
                                        "Zm9v=",
                                        "Zg==Zg==",
                                        "Zm=v",
                                        "Zm9v\n",
                                        "Zm9v\n\n\n\n",
                                        " Zg=",
                                        "Zg= ",
                                        "    ",
                                        "Zm9-",
                                        "Zm9_",
                                        "Zm9\xFF"}) {
        BOOST_TEST_CONTEXT(text)
        {
            BOOST_TEST(!from_base64(text).has_value());
        }
    }
    BOOST_TEST(!from_base64(std::string_view{"Zm9\0", 4}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
