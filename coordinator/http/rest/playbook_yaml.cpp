#include "coordinator/http/rest/playbook_yaml.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <vector>

namespace coordinator::http::rest {

namespace {

using AnyJson = nlohmann::json;

unsigned code_point(std::string_view sequence)
{
    constexpr unsigned char first_bits[] = {0x7f, 0x1f, 0x0f, 0x07};
    unsigned code = static_cast<unsigned char>(sequence.front()) & first_bits[sequence.size() - 1];
    for (const char c : sequence.substr(1)) {
        code = code << 6U | (static_cast<unsigned char>(c) & 0x3fU);
    }
    return code;
}

/// What must not stand in YAML as it is (1.1, 5.1: not printable) or would be a line break there.
bool needs_escape(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           code == 0xfeff || code == 0xfffe || code == 0xffff;
}

/// A module, or a key of its parameters: plain where nothing could take it for anything else.
std::string yaml_key(std::string_view text)
{
    constexpr std::string_view words[] = {
        "y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    std::string folded{text};
    std::ranges::transform(folded, folded.begin(), lower);
    const bool plain = !text.empty() && folded.front() >= 'a' && folded.front() <= 'z' &&
                       std::ranges::all_of(folded,
                                           [](char c) {
                                               return (c >= 'a' && c <= 'z') ||
                                                      (c >= '0' && c <= '9') || c == '_' ||
                                                      c == '.';
                                           }) &&
                       std::ranges::find(words, folded) == std::end(words);
    return plain ? std::string{text} : yaml_text(text);
}

/// A JSON object as what stands after the key of a block mapping.
class BlockText final : public AnyJson::json_sax_t {
public:
    /// `indent`: of its fields.
    explicit BlockText(std::size_t indent) : indent_{indent} {}

    std::string text;

    bool null() override { return scalar("null"); }
    bool boolean(bool yes) override { return scalar(yes ? "true" : "false"); }
    bool number_integer(std::int64_t number) override { return scalar(std::to_string(number)); }
    bool number_unsigned(std::uint64_t number) override { return scalar(std::to_string(number)); }
    bool number_float(double, const std::string& written) override
    {
        return scalar(yaml_number(written));
    }
    bool string(std::string& content) override { return scalar(yaml_text(content)); }
    bool binary(AnyJson::binary_t&) override { return false; }

    bool start_object(std::size_t) override { return open(Kind::map); }
    bool start_array(std::size_t) override { return open(Kind::list); }
    bool end_object() override { return close(" {}"); }
    bool end_array() override { return close(" []"); }

    bool key(std::string& name) override
    {
        constexpr std::size_t long_key = 512; // Readers want the colon within 1024 characters.
        const auto written = yaml_key(name);
        begin_line();
        if (written.size() > long_key) {
            text += "? " + written;
            begin_line();
            text += ':';
        } else {
            text += written + ":";
        }
        return true;
    }

    bool parse_error(std::size_t, const std::string&, const AnyJson::exception&) override
    {
        return false;
    }

private:
    enum class Kind { map, list };
    struct Level {
        Kind kind;
        bool empty = true;
    };

    void begin_line()
    {
        levels_.back().empty = false;
        text += "\n" + std::string(indent_ + 2 * (levels_.size() - 1), ' ');
    }
    void begin_item()
    {
        if (!levels_.empty() && levels_.back().kind == Kind::list) {
            begin_line();
            text += '-';
        }
    }
    bool scalar(const std::string& written)
    {
        begin_item();
        text += " " + written;
        return true;
    }
    bool open(Kind kind)
    {
        begin_item();
        levels_.push_back({kind});
        return true;
    }
    bool close(const char* if_empty)
    {
        if (levels_.back().empty) {
            text += if_empty;
        }
        levels_.pop_back();
        return true;
    }

    const std::size_t indent_;
    std::vector<Level> levels_;
};

std::string yaml_of(const PlaybookTask& task)
{
    BlockText params{8};
    AnyJson::sax_parse(task.params, &params);
    return fmt::format(
        "\n    - name: {}\n      {}:{}", yaml_text(task.name), yaml_key(task.module), params.text);
}

} // namespace

std::string yaml_text(std::string_view text)
{
    std::string out{'"'};
    while (!text.empty()) {
        const auto length = std::max<std::size_t>(common::utf8_sequence(text), 1);
        const auto sequence = text.substr(0, length);
        const auto code = code_point(sequence);
        if (code == '"' || code == '\\') {
            out += '\\';
            out += sequence;
        } else if (code == '\n') {
            out += "\\n";
        } else if (code == '\t') {
            out += "\\t";
        } else if (needs_escape(code)) {
            out += code < 0x100 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
        } else {
            out += sequence;
        }
        text.remove_prefix(length);
    }
    return out + '"';
}

std::string yaml_number(std::string_view written)
{
    const auto exponent = written.find_first_of("eE");
    if (exponent == std::string_view::npos) {
        return std::string{written};
    }
    std::string out{written.substr(0, exponent)};
    if (out.find('.') == std::string::npos) {
        out += ".0";
    }
    const auto power = written.substr(exponent + 1);
    return out + (power.front() == '-' || power.front() == '+' ? "e" : "e+") + std::string{power};
}

std::string playbook_yaml(const Playbook& playbook)
{
    auto out = fmt::format("---\n- name: {}\n  hosts: {}\n  become: {}\n  tasks:",
                           yaml_text(playbook.name),
                           yaml_text(playbook.hosts),
                           playbook.become);
    for (const auto& task : playbook.tasks) {
        out += yaml_of(task);
    }
    return out + (playbook.tasks.empty() ? " []\n" : "\n");
}

} // namespace coordinator::http::rest
