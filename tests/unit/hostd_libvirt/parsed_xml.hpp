#pragma once

#include <boost/test/unit_test.hpp>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <memory>
#include <string>

namespace hostd::libvirt {

/// A definition as a parser sees it.
class Parsed {
public:
    explicit Parsed(const std::string& xml)
        : document_{xmlReadMemory(xml.data(),
                                  static_cast<int>(xml.size()),
                                  nullptr,
                                  nullptr,
                                  XML_PARSE_NONET),
                    &xmlFreeDoc},
          context_{xmlXPathNewContext(document_.get()), &xmlXPathFreeContext}
    {
        BOOST_REQUIRE(document_);
        xmlXPathRegisterNs(context_.get(), text("p"), text("urn:paddock:1"));
        xmlXPathRegisterNs(
            context_.get(), text("q"), text("http://libvirt.org/schemas/domain/qemu/1.0"));
    }
    /// The text of the one node that `path` names; "none" or "many" otherwise.
    [[nodiscard]] std::string at(const std::string& path) const
    {
        const auto found = find(path);
        if (found->nodesetval == nullptr || found->nodesetval->nodeNr == 0) {
            return "none";
        }
        if (found->nodesetval->nodeNr > 1) {
            return "many";
        }
        const std::unique_ptr<xmlChar, decltype(xmlFree)> content{
            xmlNodeGetContent(found->nodesetval->nodeTab[0]), xmlFree};
        return reinterpret_cast<const char*>(content.get());
    }
    [[nodiscard]] int count(const std::string& path) const
    {
        const auto found = find(path);
        return found->nodesetval == nullptr ? 0 : found->nodesetval->nodeNr;
    }

private:
    static const xmlChar* text(const char* value)
    {
        return reinterpret_cast<const xmlChar*>(value);
    }
    using Found = std::unique_ptr<xmlXPathObject, decltype(&xmlXPathFreeObject)>;
    [[nodiscard]] Found find(const std::string& path) const
    {
        Found found{xmlXPathEvalExpression(text(path.c_str()), context_.get()),
                    &xmlXPathFreeObject};
        BOOST_REQUIRE(found);
        return found;
    }

    std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> document_;
    std::unique_ptr<xmlXPathContext, decltype(&xmlXPathFreeContext)> context_;
};

} // namespace hostd::libvirt
