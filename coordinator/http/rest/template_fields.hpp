#pragma once

#include <string>
#include <string_view>

// What a template keeps of a create, and how a create is laid over it. All texts are JSON objects
// that were parsed before.
namespace coordinator::http::rest {

/// What of the body of a template is a create's.
std::string fields_of_template(std::string_view body);

/// The template that the body of a create names; "" if it names none, or nothing that can be read:
/// parse_create() says what is wrong with it.
std::string template_of(std::string_view body);

/// The create that `body` means: what it does not say is the template's. Labels, variables and what
/// is asked of a place are put together one by one; all else is either's as a whole.
std::string over_template(std::string_view fields, std::string_view body);

} // namespace coordinator::http::rest
