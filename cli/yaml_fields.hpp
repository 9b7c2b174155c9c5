#pragma once

#include "common/config/document.hpp"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cli {

/// All that is wrong in a file, each with its line and key.
class Findings {
public:
    explicit Findings(std::string file) : file_{std::move(file)} {}

    void add(unsigned line, const std::string& key, const std::string& message);
    /// By line, with the file before it.
    [[nodiscard]] std::vector<common::FieldError> sorted() const;
    [[nodiscard]] bool none() const noexcept { return all_.empty(); }

private:
    struct Finding {
        unsigned line;
        std::string key;
        std::string message;
    };
    std::string file_;
    std::vector<Finding> all_;
};

/// A map of a YAML file being taken apart: each key is asked for, whatever is wrong is collected,
/// and what nobody asked for is wrong too. Nothing is what is not there, or wrong.
class YamlFields {
public:
    /// `path`: of the map's own key, "" at the top. Both outlive this.
    YamlFields(const common::config::Node& map, std::string path, Findings& findings);

    [[nodiscard]] bool has(const std::string& name) const { return find(name) != nullptr; }
    /// Whether it is there and a map; without asking for it.
    [[nodiscard]] bool has_map(const std::string& name) const;
    /// As it was written, whatever it looks like; not empty.
    std::optional<std::string> text(const std::string& name);
    std::optional<std::string> one_of(const std::string& name,
                                      std::initializer_list<const char*> words);
    std::optional<std::int64_t>
    integer(const std::string& name, std::int64_t low, std::int64_t high);
    std::optional<bool> boolean(const std::string& name);
    /// A map of texts, or a list of them, as JSON.
    std::optional<nlohmann::json> texts(const std::string& name);
    std::optional<nlohmann::json> list(const std::string& name);
    std::optional<YamlFields> inner(const std::string& name);

    void wrong(const std::string& name, const std::string& message);
    /// It is known, and cannot be had: why.
    void refuse(const std::string& name, const std::string& why);
    /// To be called last. `hint`: what to say of a key that nobody asked for.
    void finish(std::string (*hint)(const std::string& name) = nullptr);

private:
    [[nodiscard]] const common::config::Node::Field* find(const std::string& name) const;
    /// The value, which is asked for by this; wrong if it is not of this kind.
    const common::config::Node*
    take(const std::string& name, common::config::Node::Kind kind, const char* expected);
    [[nodiscard]] std::string path_of(const std::string& name) const;
    /// The text of a scalar within.
    std::optional<std::string> inner_text(const std::string& path,
                                          const common::config::Node& node);

    const common::config::Node* map_;
    std::string path_;
    Findings* findings_;
    std::set<std::string> asked_;
};

} // namespace cli
