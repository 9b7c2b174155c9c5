#include "common/config/document.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace common::config {

namespace {

constexpr std::size_t most_levels = 16;
constexpr std::size_t most_entries = 1024;

unsigned line_of(const YAML::Mark& mark)
{
    return static_cast<unsigned>(std::max(mark.line, 0)) + 1;
}

[[noreturn]] void refuse(const YAML::Mark& mark, const std::string& why)
{
    throw YAML::ParserException{mark, why};
}

/// Builds the tree of the library's events, and not of its nodes: these know no places of keys, and
/// follow aliases.
class Reader final : public YAML::EventHandler {
public:
    Node root;

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        put(mark, begun(Node::Kind::null, mark, "", anchor));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { no_anchors(mark); }
    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  const std::string& value) override
    {
        auto node = begun(Node::Kind::scalar, mark, tag, anchor);
        node.text = value;
        node.quoted = tag == "!";
        put(mark, std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string& tag,
                         YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        open(mark, begun(Node::Kind::list, mark, tag, anchor));
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark,
                    const std::string& tag,
                    YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        open(mark, begun(Node::Kind::map, mark, tag, anchor));
    }
    void OnMapEnd() override { close(); }

private:
    struct Level {
        Node node;
        YAML::Mark mark;
        std::optional<Node::Field> key; ///< Of a map: its value is what comes.
    };

    [[noreturn]] static void no_anchors(const YAML::Mark& mark)
    {
        refuse(mark, "anchors and aliases (&, *) are not taken: write it out");
    }

    static Node
    begun(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor)
    {
        if (anchor != 0) {
            no_anchors(mark);
        }
        if (!tag.empty() && tag != "?" && tag != "!") { // These are the library's own words.
            refuse(mark, "tags (!) are not taken: a text in quotes is a text");
        }
        Node node;
        node.kind = kind;
        node.line = line_of(mark);
        return node;
    }

    void open(const YAML::Mark& mark, Node node)
    {
        if (levels_.size() >= most_levels) {
            refuse(mark, fmt::format("there are more than {} levels", most_levels));
        }
        if (!levels_.empty() && levels_.back().node.kind == Node::Kind::map &&
            !levels_.back().key) {
            refuse(mark, "a key is a text");
        }
        levels_.push_back({std::move(node), mark, {}});
    }

    void close()
    {
        auto level = std::move(levels_.back());
        levels_.pop_back();
        put(level.mark, std::move(level.node));
    }

    void put(const YAML::Mark& mark, Node node)
    {
        if (levels_.empty()) {
            root = std::move(node);
            return;
        }
        auto& [owner, owners_mark, key] = levels_.back();
        if (owner.items.size() + owner.fields.size() >= most_entries) {
            refuse(mark, fmt::format("a list or map has more than {} entries", most_entries));
        }
        if (owner.kind == Node::Kind::list) {
            owner.items.push_back(std::move(node));
        } else if (key) {
            if (node.kind == Node::Kind::null) {
                node.line = key->line; // The library tells where the next thing is.
            }
            key->value = std::move(node);
            owner.fields.push_back(*std::exchange(key, std::nullopt));
        } else {
            key = key_of(mark, owner, std::move(node));
        }
    }

    static Node::Field key_of(const YAML::Mark& mark, const Node& owner, Node node)
    {
        if (node.kind != Node::Kind::scalar) {
            refuse(mark, "a key is a text");
        }
        const auto there = std::ranges::find(owner.fields, node.text, &Node::Field::name);
        if (there != owner.fields.end()) {
            refuse(mark,
                   fmt::format("{} is given twice, first in line {}", node.text, there->line));
        }
        return {std::move(node.text), node.line, {}};
    }

    std::vector<Level> levels_;
};

/// The library would take some of these for the end of the text, or for another encoding.
bool is_text(std::string_view text)
{
    return is_utf8(text) && std::ranges::all_of(text, [](unsigned char c) {
               return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
           });
}

unsigned lines_of(const std::string& text)
{
    const auto ends = static_cast<unsigned>(std::ranges::count(text, '\n'));
    return ends + (text.ends_with('\n') ? 0 : 1);
}

} // namespace

Result<Node> read_document(const std::string& text, const std::string& origin)
{
    if (text.size() > most_of_document.count()) {
        return Error{
            ErrorCode::too_large,
            fmt::format("{}: it has more than {} bytes", origin, most_of_document.count())};
    }
    if (!is_text(text)) {
        return Error{ErrorCode::invalid_argument,
                     origin +
                         ": YAML is UTF-8 without control characters; \"\\x07\" stands for one"};
    }
    try {
        // A line end as the last thing would be taken for the end of a quote that has none.
        std::istringstream in{text + "\n#"};
        YAML::Parser parser{in};
        Reader reader;
        Reader more;
        if (parser.HandleNextDocument(reader) && parser.HandleNextDocument(more)) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("{}:{}: there is more than one document: a file has one",
                                     origin,
                                     more.root.line)};
        }
        return std::move(reader.root);
    } catch (const YAML::Exception& error) {
        const auto line = std::min(line_of(error.mark), lines_of(text));
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{}:{}: {}", origin, line, error.msg)};
    }
}

} // namespace common::config
