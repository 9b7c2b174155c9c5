#pragma once

#include "cli/context.hpp"
#include "cli/listing.hpp"
#include "cli/show.hpp"
#include "cli/waiting.hpp"

#include <string>
#include <vector>

// What most commands do with an answer.
namespace cli {

common::WallTime now();

/// Prints a list: the table, or the JSON as it came.
void show_list(Context& context, const Listing& listing, const Table& table);

/// Prints the object in `field` of an answer: its details, or the JSON as it came.
common::Result<int> show_one(Context& context, const std::string& body, const char* field);

/// GETs a list's pages and prints them.
common::Result<int> list_and_show(Context& context,
                                  const std::string& path,
                                  const std::string& field,
                                  Table (*table)(const Json&, common::WallTime));

/// A call that may take long, with progress where somebody watches; `phase_of`: an id, whose phase
/// is shown meanwhile.
common::Result<std::string> long_call(Context& context,
                                      const Waiting& waiting,
                                      std::function<common::Result<std::string>()> call);
/// What to ask for the phase of a sandbox, on a session of its own.
std::function<std::string()> phase_of(const Context& context, const std::string& id);

/// Does `each` for all of `names`, whatever fails; reports what fails. With --output json the
/// answers are one document: as it came for one name, a list for several. The exit status is that
/// of the first failure.
common::Result<int>
for_each(Context& context,
         const std::vector<std::string>& names,
         const std::function<common::Result<std::string>(const std::string&)>& each);

/// "a=1" pairs as an object; `what` is the option that they are from.
common::Result<nlohmann::json> pairs_of(const std::vector<std::string>& pairs, const char* what);

} // namespace cli
