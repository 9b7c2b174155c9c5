#include "hostd/virt/escape_xml.hpp"

namespace hostd::virt {

std::string escape_xml(std::string_view text)
{
    std::string escaped;
    escaped.reserve(text.size());
    for (const char c : text) {
        switch (c) {
        case '&': escaped += "&amp;"; break;
        case '<': escaped += "&lt;"; break;
        case '>': escaped += "&gt;"; break;
        case '"': escaped += "&quot;"; break;
        case '\'': escaped += "&apos;"; break;
        // As references: a parser would make spaces of them inside an attribute.
        case '\n': escaped += "&#10;"; break;
        case '\t': escaped += "&#9;"; break;
        default:
            if (static_cast<unsigned char>(c) < 0x20) {
                escaped += "\xEF\xBF\xBD";
            } else {
                escaped += c;
            }
        }
    }
    return escaped;
}

} // namespace hostd::virt
