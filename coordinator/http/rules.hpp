#pragma once

#include <string>
#include <string_view>

// What texts in requests must look like. Each returns what is wrong, or "".
namespace coordinator::http::rules {

std::string name(std::string_view text);          ///< common::is_name
std::string agent_id(std::string_view text);      ///< 1–128 bytes, no control characters
std::string label_key(std::string_view text);     ///< 1–63 of [A-Za-z0-9._/-]
std::string label_value(std::string_view text);   ///< 0–255 bytes, no control characters
std::string env_name(std::string_view text);      ///< [A-Za-z_][A-Za-z0-9_]*, at most 128
std::string env_value(std::string_view text);     ///< at most 32 KiB, no NUL
std::string command(std::string_view text);       ///< 1 byte to 256 KiB, no NUL
std::string user(std::string_view text);          ///< as useradd takes them
std::string absolute_path(std::string_view text); ///< begins with /, at most 4095, no NUL
std::string any(std::string_view text);           ///< whatever the body cap allows

} // namespace coordinator::http::rules
