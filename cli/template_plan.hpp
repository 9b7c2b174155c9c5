#pragma once

#include "cli/context.hpp"
#include "cli/template_file.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

// From what a template's file says to what has to be asked for.
namespace cli {

enum class StepKind { image, whole, pool }; ///< `whole`: the template itself.
enum class StepAction { none, create, change, replace };

struct TemplateStep {
    StepKind kind;
    StepAction action;
    std::string name;
    nlohmann::json body; ///< What is asked for; of an image, its files by their names here.
};

std::string to_string(StepKind kind);

/// What is there of it by now; nothing is what is not.
struct TemplateThere {
    std::optional<nlohmann::json> image;
    std::optional<nlohmann::json> whole;
    std::optional<nlohmann::json> pool;
};

/// What its image is called: the template's name and a digest of all that it is made of, so that
/// another disk is another image, and what is there already is known without being made.
common::Result<std::string> name_of_image(const TemplateFile& file);

/// In the order in which they are to be done. `image`: what the template boots.
std::vector<TemplateStep>
steps_of(const TemplateFile& file, const std::string& image, const TemplateThere& there);

/// The steps, after a look at what is there.
common::Result<std::vector<TemplateStep>> plan_of(client::Session& session,
                                                  const TemplateFile& file);

common::Result<> perform(Context& context, const TemplateFile& file, const TemplateStep& step);

} // namespace cli
