#include "coordinator/http/strict_json.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;
using nlohmann::json;

constexpr std::size_t max_depth = 16;

/// Builds the document and stops at the first thing that must not be there.
class Builder final : public json::json_sax_t {
public:
    json root;
    std::optional<common::FieldError> wrong;

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(std::int64_t value) override { return add(value); }
    bool number_unsigned(std::uint64_t value) override { return add(value); }
    bool number_float(double value, const std::string&) override { return add(value); }
    bool string(std::string& value) override { return add(std::move(value)); }
    bool binary(json::binary_t&) override { return refuse("binary values are not JSON"); }

    bool start_object(std::size_t) override { return open(json::object()); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& name) override
    {
        key_ = name;
        if (open_.back()->contains(name)) {
            wrong = {path(), "is given twice"};
            return false;
        }
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const json::exception& why) override
    {
        // The library's text repeats the input; only its kind and place are of use.
        const bool number = why.id == 406;
        return refuse(number ? "a number is out of range"
                             : "not valid JSON at byte " + std::to_string(position));
    }

private:
    bool refuse(std::string message)
    {
        wrong = {"body", std::move(message)};
        return false;
    }

    json* place(json value)
    {
        if (open_.empty()) {
            root = std::move(value);
            return &root;
        }
        json& parent = *open_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        return &(parent[key_] = std::move(value));
    }

    bool add(json value)
    {
        place(std::move(value));
        return true;
    }

    bool open(json container)
    {
        if (open_.size() == max_depth) {
            return refuse("nested deeper than " + std::to_string(max_depth) + " levels");
        }
        keys_.push_back(key_);
        open_.push_back(place(std::move(container)));
        return true;
    }

    bool close()
    {
        open_.pop_back();
        keys_.pop_back();
        return true;
    }

    [[nodiscard]] std::string path() const
    {
        std::string text;
        for (const auto& key : keys_) {
            text += key.empty() ? "" : key + ".";
        }
        return (text + key_).substr(0, 128);
    }

    std::vector<json*> open_; ///< Stable: only the innermost container grows.
    std::vector<std::string> keys_;
    std::string key_;
};

/// Writes what is below one key of the outermost object, and nothing else.
class MemberText final : public json::json_sax_t {
public:
    explicit MemberText(std::string_view member) : member_{member} {}

    std::string text;

    bool null() override { return value("null"); }
    bool boolean(bool yes) override { return value(yes ? "true" : "false"); }
    bool number_integer(std::int64_t number) override { return value(std::to_string(number)); }
    bool number_unsigned(std::uint64_t number) override { return value(std::to_string(number)); }
    bool number_float(double, const std::string& written) override { return value(written); }
    bool string(std::string& content) override { return value(json(content).dump()); }
    bool binary(json::binary_t&) override { return false; }

    bool start_object(std::size_t) override { return open("{"); }
    bool start_array(std::size_t) override { return open("["); }
    bool end_object() override { return close('}'); }
    bool end_array() override { return close(']'); }

    bool key(std::string& name) override
    {
        if (depth_ == 1) {
            inside_ = name == member_;
        } else {
            value(json(name).dump() + ":");
        }
        return true;
    }

    bool parse_error(std::size_t, const std::string&, const json::exception&) override
    {
        return false;
    }

private:
    bool value(const std::string& written)
    {
        if (inside_) {
            const bool first =
                text.empty() || std::string_view{"{[:"}.find(text.back()) != std::string_view::npos;
            text += first ? written : "," + written;
        }
        return true;
    }

    bool open(const char* bracket)
    {
        ++depth_;
        return value(bracket);
    }

    bool close(char bracket)
    {
        --depth_;
        if (inside_ && depth_ > 0) {
            text += bracket;
        }
        return true;
    }

    const std::string_view member_;
    std::size_t depth_ = 0;
    bool inside_ = false;
};

} // namespace

std::string text_of_member(std::string_view object, std::string_view key)
{
    MemberText member{key};
    json::sax_parse(object, &member);
    return std::move(member.text);
}

common::Result<json> parse_json(std::string_view text)
{
    Builder builder;
    if (!json::sax_parse(text, &builder, json::input_format_t::json, true) || builder.wrong) {
        auto wrong = builder.wrong.value_or(common::FieldError{"body", "not valid JSON"});
        Error error{ErrorCode::invalid_argument,
                    "the request body: " + wrong.field + " " + wrong.message};
        if (wrong.field == "body") {
            error.message = "the request body is refused: " + wrong.message;
        }
        error.fields.push_back(std::move(wrong));
        return error;
    }
    return std::move(builder.root);
}

} // namespace coordinator::http
