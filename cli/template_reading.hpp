#pragma once

#include "cli/template_file.hpp"
#include "cli/yaml_fields.hpp"

#include <string>

namespace cli {

/// A template's file while it is read.
struct TemplateReading {
    YamlFields fields;
    std::filesystem::path folder; ///< What paths in it begin at.
    TemplateFile& out;

    void note(const std::string& key, const std::string& became)
    {
        out.notes.push_back(out.origin + ": " + key + " " + became);
    }
    /// The one of two spellings that is said: a predecessor's is told of.
    std::string said(const std::string& ours, const std::string& theirs)
    {
        if (fields.has(theirs) && fields.has(ours)) {
            fields.refuse(theirs, "says what " + ours + " says, too: keep that one");
            return ours;
        }
        if (fields.has(theirs)) {
            note(theirs, "became " + ours);
            return theirs;
        }
        return ours;
    }
};

/// What it boots: an image, or a disk with what belongs to the image that is made of it.
void read_template_image(TemplateReading& reading);

} // namespace cli
