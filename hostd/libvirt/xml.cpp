#include "hostd/libvirt/xml.hpp"

#include <libxml/parser.h>

namespace hostd::libvirt::xml {

namespace {

const xmlChar* of(const char* text)
{
    return reinterpret_cast<const xmlChar*>(text);
}

/// Takes what libxml2 allocated.
std::string taken(xmlChar* text)
{
    const std::unique_ptr<xmlChar, decltype(xmlFree)> owner{text, xmlFree};
    return text == nullptr ? std::string{} : reinterpret_cast<const char*>(text);
}

} // namespace

Document parse(std::string_view text)
{
    constexpr int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
    Document document{
        xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, nullptr, options)};
    if (document && document->intSubset != nullptr) {
        document.reset();
    }
    return document;
}

Document alone(xmlNode* element)
{
    Document document{xmlNewDoc(of("1.0"))};
    xmlDocSetRootElement(document.get(), xmlDocCopyNode(element, document.get(), /*recursive=*/1));
    return document;
}

std::string to_text(const Document& document)
{
    xmlChar* text = nullptr;
    int size = 0;
    xmlDocDumpMemory(document.get(), &text, &size);
    return taken(text);
}

bool is_element(const xmlNode* node, std::string_view name)
{
    return node->type == XML_ELEMENT_NODE && name == reinterpret_cast<const char*>(node->name);
}

std::vector<xmlNode*> children(const xmlNode* parent, std::string_view name)
{
    std::vector<xmlNode*> found;
    for (auto* node = parent == nullptr ? nullptr : parent->children; node != nullptr;
         node = node->next) {
        if (node->type == XML_ELEMENT_NODE && (name.empty() || is_element(node, name))) {
            found.push_back(node);
        }
    }
    return found;
}

xmlNode* child(const xmlNode* parent, std::string_view name)
{
    const auto found = children(parent, name);
    return found.empty() ? nullptr : found.front();
}

std::string attribute(xmlNode* element, const char* name)
{
    return element == nullptr ? std::string{} : taken(xmlGetNoNsProp(element, of(name)));
}

std::string text_of(xmlNode* element)
{
    return element == nullptr ? std::string{} : taken(xmlNodeGetContent(element));
}

void set_attribute(xmlNode* element, const char* name, const std::string& value)
{
    xmlSetProp(element, of(name), of(value.c_str()));
}

void drop_attribute(xmlNode* element, const char* name)
{
    xmlUnsetProp(element, of(name));
}

void set_text(xmlNode* element, const std::string& text)
{
    xmlNodeSetContent(element, nullptr);
    xmlNodeAddContent(element, of(text.c_str())); // Escapes, as the call above would not.
}

void drop(xmlNode* node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

void drop_children(xmlNode* parent, std::string_view name)
{
    for (auto* node : children(parent, name)) {
        drop(node);
    }
}

} // namespace hostd::libvirt::xml
