#pragma once

#include <libxml/tree.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hostd::libvirt::xml {

struct FreeDocument {
    void operator()(xmlDoc* document) const noexcept { xmlFreeDoc(document); }
};
using Document = std::unique_ptr<xmlDoc, FreeDocument>;

/// No network, no noise on stderr; libxml2's own bounds on size and depth. Nothing for a
/// document that declares a type: libvirt writes none, and entities come from nowhere else.
Document parse(std::string_view text);
/// A copy of this element as a document of its own.
Document alone(xmlNode* element);
std::string to_text(const Document& document);

bool is_element(const xmlNode* node, std::string_view name);
/// Those of this name, or with "" all.
std::vector<xmlNode*> children(const xmlNode* parent, std::string_view name = {});
/// The first of this name; none, also of no parent.
xmlNode* child(const xmlNode* parent, std::string_view name);
/// "" if there is none.
std::string attribute(xmlNode* element, const char* name);
std::string text_of(xmlNode* element);

void set_attribute(xmlNode* element, const char* name, const std::string& value);
void drop_attribute(xmlNode* element, const char* name);
void set_text(xmlNode* element, const std::string& text);
void drop(xmlNode* node);
void drop_children(xmlNode* parent, std::string_view name);

} // namespace hostd::libvirt::xml
