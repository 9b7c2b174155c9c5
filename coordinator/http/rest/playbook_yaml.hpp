#pragma once

#include "coordinator/core/playbook.hpp"

#include <string>
#include <string_view>

namespace coordinator::http::rest {

/// What `ansible-playbook` reads. Every value is, also to a reader of YAML 1.1, of the type that it
/// was given as: strings are in double quotes, and numbers are written so that they stay numbers.
std::string playbook_yaml(const Playbook& playbook);

/// UTF-8 as a double-quoted scalar of one line.
std::string yaml_text(std::string_view text);
/// A number of JSON: to YAML 1.1, 1e3 is a string.
std::string yaml_number(std::string_view written);

} // namespace coordinator::http::rest
