#include "cli/template_reading.hpp"
#include "cli/text.hpp"
#include "common/id.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace cli {

using common::Result;
namespace fs = std::filesystem;

namespace {

constexpr auto a_name = "must be 1 to 63 of [A-Za-z0-9._-], beginning and ending with a letter or "
                        "digit, without \"..\"";

/// Keys that people may expect here.
std::string hint_of(const std::string& key)
{
    constexpr std::array known{
        std::pair{"cpu", "is written vcpus"},
        std::pair{"cpus", "is written vcpus"},
        std::pair{"network_mode", "is written network"},
        std::pair{"ttl_seconds", "is written ttl, like 90s or 2h"},
        std::pair{"boot", "is written firmware, and is not said with a kernel"},
        std::pair{"host", "is written placement.host"},
        std::pair{"template", "is of creates: a template is not made of another one"},
        std::pair{"vm_name", "is of creates, which say it each for itself"},
        std::pair{"agent_id", "is of creates, which say it each for itself"},
    };
    const auto* const found = std::ranges::find(known, std::string_view{key}, [](const auto& pair) {
        return std::string_view{pair.first};
    });
    return found == known.end() ? "is no key of a template: paddock templates apply --help has them"
                                : found->second;
}

bool is_variable(std::string_view name)
{
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !name.empty() && !is_digit(name.front()) && std::ranges::all_of(name, [&](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
    });
}

class TemplateReader {
public:
    explicit TemplateReader(TemplateReading& reading)
        : reading_{reading}, fields_{reading.fields}, out_{reading.out}
    {}

    void read()
    {
        read_names();
        read_template_image(reading_);
        read_size();
        read_network();
        read_uses();
        read_placement();
        read_replicas();
        read_pool();
        refuse_what_is_not_built();
        fields_.finish(hint_of);
    }

private:
    // What is said as it is asked for by the API.
    void set_text(const char* key, const char* field)
    {
        if (auto text = fields_.text(key)) {
            out_.body[field] = *std::move(text);
        }
    }
    void set_boolean(const char* key, bool otherwise)
    {
        out_.body[key] = fields_.boolean(key).value_or(otherwise);
    }
    void set_span(YamlFields& fields, const char* key, nlohmann::json& body, const char* field)
    {
        if (const auto text = fields.text(key)) {
            if (const auto span = parse_span(*text)) {
                body[field] = span->count();
            } else {
                fields.wrong(key, "must be a time like 90s, 10m, 2h or 7d");
            }
        }
    }

    void read_names()
    {
        if (const auto name = fields_.text("name")) {
            out_.name = *name;
            if (!common::is_name(*name)) {
                fields_.wrong("name", a_name);
            }
        } else if (!fields_.has("name")) {
            fields_.wrong("name", "is required: what creates call the template");
        }
        out_.body["name"] = out_.name;
        set_text("description", "description");
        if (const auto image = fields_.text("image")) {
            out_.body["image"] = *image;
            if (!common::is_name(*image)) {
                fields_.wrong("image", std::string{a_name} + "; files are said by disk");
            }
        }
    }

    void set_memory(YamlFields& fields, const std::string& key)
    {
        constexpr std::int64_t least = 64;
        constexpr std::int64_t most = std::int64_t{1} << 20U;
        if (const auto text = fields.text(key)) {
            const auto mib = parse_memory_mb(*text);
            if (mib && *mib >= least && *mib <= most) {
                out_.body["memory_mb"] = *mib;
            } else {
                fields.wrong(key,
                             "must be from 64MiB to 1024GiB, like 512MiB, 2GiB, or 512 for MiB");
            }
        }
    }

    void read_size()
    {
        constexpr std::int64_t most_cpus = 64;
        const auto set_cpus = [&](YamlFields& fields, const char* key) {
            if (const auto count = fields.integer(key, 1, most_cpus)) {
                out_.body["cpu"] = *count;
            }
        };
        set_cpus(fields_, "vcpus");
        set_memory(fields_, reading_.said("memory", "memory_mb"));
        if (auto limits = fields_.inner("resource_limits")) {
            for (const auto* key : {"vcpus", "cpus", "memory_mb"}) {
                if (!limits->has(key)) {
                    continue;
                }
                const bool is_memory = std::string_view{key} == "memory_mb";
                if (out_.body.contains(is_memory ? "memory_mb" : "cpu")) {
                    limits->refuse(key, "is said already: keep one of the two");
                    continue;
                }
                if (is_memory) {
                    set_memory(*limits, key);
                } else {
                    set_cpus(*limits, key);
                }
                reading_.note(std::string{"resource_limits."} + key,
                              is_memory ? "became memory" : "became vcpus");
            }
            limits->finish([](const std::string&) -> std::string {
                return "cannot be had: a sandbox is bounded by vcpus and memory";
            });
        }
        set_span(fields_, "ttl", out_.body, "ttl_seconds");
    }

    void read_network()
    {
        const auto mode = fields_.one_of("network", {"nat", "isolated", "none", "bridge"});
        if (mode == "bridge") {
            fields_.wrong("network", "bridge is not built yet: take nat, isolated or none");
        } else if (mode) {
            out_.body["network_mode"] = *mode;
        }
    }

    void read_uses()
    {
        for (const auto* key : {"labels", "env"}) {
            if (auto texts = fields_.texts(key)) {
                out_.body[key] = *std::move(texts);
            }
        }
        const auto env = out_.body.value("env", nlohmann::json::object());
        for (const auto& variable : env.items()) {
            if (!is_variable(variable.key())) {
                fields_.wrong("env", printable(variable.key()) + " is no name of a variable");
            }
        }
        set_boolean("auto_start", true); // As paddock templates create.
        if (const auto waits = fields_.boolean("wait_for_ip")) {
            out_.body["wait_for_ip"] = *waits;
        }
        if (const auto command = fields_.text("ready_command")) {
            out_.body["ready_command"] = *command;
        }
        set_span(fields_, "ready_timeout", out_.body, "ready_timeout_sec");
        if (fields_.has("ready_timeout") && !fields_.has("ready_command")) {
            fields_.wrong("ready_timeout", "needs a ready_command");
        }
        if (auto policy = fields_.inner("file_policy")) {
            for (const auto* key : {"roots", "never_read", "never_written"}) {
                if (auto paths = policy->list(key)) {
                    out_.body["file_policy"][key] = *std::move(paths);
                }
            }
            policy->finish();
        }
    }

    void read_placement()
    {
        auto place = fields_.inner("placement");
        if (!place) {
            return;
        }
        auto& wish = out_.body["placement"] = nlohmann::json::object();
        const auto set = [&wish](const char* key, auto value) {
            if (value) {
                wish[key] = *std::move(value);
            }
        };
        for (const auto* key : {"host", "group", "spread_by"}) {
            set(key, place->text(key));
        }
        set("labels", place->texts("labels"));
        set("tolerations", place->list("tolerations"));
        set("accelerator", place->one_of("accelerator", {"kvm", "tcg"}));
        set("apart", place->one_of("apart", {"required", "preferred"}));
        for (const auto* key : {"spread_by", "apart"}) {
            if (place->has(key) && !place->has("group")) {
                place->wrong(key, "needs a group");
            }
        }
        place->finish();
    }

    void read_replicas()
    {
        auto copies = fields_.inner("replicas");
        if (!copies) {
            return;
        }
        auto& wish = out_.body["replicas"] = nlohmann::json::object();
        wish["count"] = copies->integer("count", 1, 3).value_or(1);
        set_span(*copies, "every", wish, "every_sec");
        if (const auto memory = copies->boolean("memory")) {
            wish["memory"] = *memory;
        }
        copies->finish();
        if (out_.body.value("disk", "") == "ephemeral") {
            fields_.wrong("replicas", "need a durable disk: an ephemeral one may be lost");
        }
    }

    /// How many, or a map of that and of how creates use it.
    void read_pool()
    {
        if (!fields_.has("pool")) {
            return;
        }
        constexpr std::int64_t most = 256;
        nlohmann::json pool;
        if (!fields_.has_map("pool")) {
            if (const auto min = fields_.integer("pool", 0, most)) {
                pool = {{"min", *min}, {"max", *min}};
            }
        } else if (auto fields = fields_.inner("pool")) {
            if (const auto use = fields->one_of("use", {"prefer", "require", "skip"})) {
                out_.body["pool"] = *use;
            }
            const auto min = fields->integer("min", 0, most);
            const auto max = fields->integer("max", 0, most);
            set_span(*fields, "max_age", pool, "max_age_seconds");
            if (min || max || pool.is_object()) {
                // What the API takes for those that are not said.
                pool["min"] = min.value_or(1);
                pool["max"] = max.value_or(min.value_or(1));
                if (pool["min"] > pool["max"]) {
                    fields->wrong(max ? "max" : "min",
                                  "must not be less than min, which is 1 if it "
                                  "is not said");
                }
            }
            fields->finish();
        }
        if (pool.is_object()) {
            out_.pool = std::move(pool);
        }
        if (out_.body.value("pool", "") == "require") {
            check_required_pool();
        }
    }

    void check_required_pool()
    {
        if (!out_.body["auto_start"].get<bool>()) {
            fields_.wrong("pool", "use: require needs auto_start: what stands ready in one runs");
        }
        if (out_.body.value("disk", "") == "ephemeral") {
            fields_.wrong("pool", "use: require needs a durable disk: no pool has others");
        }
    }

    void refuse_what_is_not_built()
    {
        fields_.refuse("egress",
                       "policies are not built yet; network: isolated or none keeps a "
                       "sandbox off the internet");
    }

    TemplateReading& reading_;
    YamlFields& fields_;
    TemplateFile& out_;
};

} // namespace

Result<TemplateFile>
read_template(const std::string& text, const std::string& origin, const fs::path& folder)
{
    COMMON_TRY(const auto root, common::config::read_document(text, origin));
    if (root.kind != common::config::Node::Kind::map) {
        return common::Error{common::ErrorCode::invalid_argument,
                             origin + ": a template is `key: value` lines, like name: web",
                             "invalid_template"};
    }
    Findings findings{origin};
    TemplateFile out;
    out.origin = origin;
    TemplateReading reading{{root, "", findings}, folder, out};
    TemplateReader{reading}.read();
    if (!findings.none()) {
        return common::Error{common::ErrorCode::invalid_argument,
                             origin + ": it is no template as it stands",
                             "invalid_template",
                             findings.sorted()};
    }
    return out;
}

} // namespace cli
