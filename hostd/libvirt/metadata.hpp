#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hostd::libvirt {

/// Our element in every domain's <metadata>: what a restarted hostd reads a sandbox back
/// from. All of it stands in attributes, because virDomainSetMetadata binds the prefix
/// to the root element alone.
inline constexpr const char* metadata_uri = "urn:paddock:1";
inline constexpr const char* metadata_key = "paddock";

/// `with`: as it stands in a domain's XML. `without`: as virDomainSetMetadata wants it.
enum class Prefix { with, without };

std::string metadata_element(const DomainRecord& record, Prefix prefix);

/// Strict: a missing or malformed attribute is `invalid_argument` naming it. What libvirt
/// alone knows (name, state) is left as it is.
common::Result<DomainRecord> parse_metadata(std::string_view element);

DomainRecord record_of(const DomainSpec& spec);

/// The first disk's file of a whole domain XML; "" if it has none.
std::string first_disk_of(std::string_view domain_xml);
/// What that one lies on, as far as libvirt has noted it.
std::vector<std::string> backing_files_of(std::string_view domain_xml);

} // namespace hostd::libvirt
