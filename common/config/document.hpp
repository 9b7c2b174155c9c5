#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <string>
#include <vector>

namespace common::config {

/// One value of a YAML document, as it was written: what a plain scalar is, a number or a text, is
/// up to who reads it, so that no `no` becomes false by itself.
struct Node {
    enum class Kind { null, scalar, list, map };
    struct Field;

    Kind kind = Kind::null;
    std::string text;          ///< Of a scalar.
    bool quoted = false;       ///< It is text, whatever it looks like.
    unsigned line = 0;         ///< From 1.
    std::vector<Node> items;   ///< Of a list.
    std::vector<Field> fields; ///< Of a map, as they come; no two of one name.
};

struct Node::Field {
    std::string name;
    unsigned line = 0;
    Node value;
};

/// As much as a request to the API may be.
inline constexpr Bytes most_of_document = Bytes::mib(1);

/// The one document in `text`; null if there is nothing. `invalid_argument` names `origin` and the
/// line of what is wrong: syntax, a key that is given twice, bytes that are no text, more than a
/// MiB, 16 levels or 1024 entries of one list or map. Anchors, aliases, tags and merge keys are
/// refused: a few lines of them are gigabytes.
Result<Node> read_document(const std::string& text, const std::string& origin);

} // namespace common::config
