#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

namespace coordinator::http {

using Names = std::vector<std::string>;

/// The fields that a body is refused for; empty when it is taken.
template <typename Parse>
Names wrong_fields(Parse parse, const std::string& body)
{
    Names fields;
    const auto parsed = parse(body);
    if (!parsed) {
        BOOST_TEST(parsed.error().message != "");
        for (const auto& field : parsed.error().fields) {
            fields.push_back(field.field);
        }
        BOOST_TEST(!fields.empty(), parsed.error().message);
    }
    return fields;
}

using Cases =
    std::vector<std::pair<std::string, std::string>>; ///< A body, the field that is wrong.

template <typename Parse>
void check_wrong(Parse parse, const Cases& cases)
{
    for (const auto& [body, field] : cases) {
        BOOST_TEST_CONTEXT(body)
        {
            BOOST_TEST(wrong_fields(parse, body) == Names{field}, boost::test_tools::per_element());
        }
    }
}

} // namespace coordinator::http
