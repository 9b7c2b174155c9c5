#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rest/template_fields.hpp"
#include "coordinator/http/rules.hpp"

#include <algorithm>
#include <array>

namespace coordinator::http::rest {

namespace {

void read_source(Fields& fields, CreateRequest& request)
{
    const auto vm = fields.text("source_vm_name", rules::name);
    const auto image = fields.text("image", rules::name);
    const bool has_vm = fields.has("source_vm_name");
    const bool has_image = fields.has("image");
    if (has_vm == has_image) {
        fields.wrong("source_vm_name",
                     has_vm ? "and image exclude each other" : "or image is required");
    }
    request.source_is_image = has_image;
    request.source = image ? *image : vm.value_or("");
}

void read_network(Fields& fields, CreateRequest& request)
{
    request.network = read_network_mode(fields);
    if (fields.has("egress")) {
        fields.not_yet("egress", "egress policies are not supported yet");
    }
}

void read_disk(Fields& fields, CreateRequest& request)
{
    const auto disk = fields.text("disk", rules::any);
    if (disk && !disk_kind_from(*disk)) {
        fields.wrong("disk", "must be durable or ephemeral");
    }
    request.disk = disk_kind_from(disk.value_or("")).value_or(DiskKind::durable);
}

void read_pool(Fields& fields, CreateRequest& request)
{
    const auto pool = fields.text("pool", rules::any);
    if (pool == "skip") {
        request.pool = WarmUse::skip;
    } else if (pool == "require") {
        request.pool = WarmUse::require;
        if (!request.auto_start) {
            fields.wrong("pool", "require needs auto_start: what stands ready in a pool runs");
        }
        if (request.disk == DiskKind::ephemeral) {
            fields.wrong("pool", "require needs a durable disk: no pool has others");
        }
    } else if (pool && *pool != "prefer") {
        fields.wrong("pool", "must be prefer, require or skip");
    }
}

/// "gpu" or "gpu=a100".
std::string toleration(std::string_view text)
{
    const auto at = text.find('=');
    auto why = rules::label_key(text.substr(0, at));
    if (why.empty() && at != std::string_view::npos) {
        why = rules::label_value(text.substr(at + 1));
    }
    return why.empty() ? "" : "must be taints as NAME or NAME=VALUE";
}

std::string accelerator(std::string_view text)
{
    return text == "kvm" || text == "tcg" ? "" : "must be kvm or tcg";
}

std::string apart(std::string_view text)
{
    return text == "required" || text == "preferred" ? "" : "must be required or preferred";
}

void read_wants(Fields& fields, scheduler::Wants& wants)
{
    constexpr auto name = "placement";
    wants.labels =
        fields.inner_texts(name, "labels", rules::label_key, rules::label_value, most_labels);
    const auto tolerates = fields.inner_list(name, "tolerations", toleration, most_labels)
                               .value_or(std::vector<std::string>{});
    wants.tolerates = {tolerates.begin(), tolerates.end()};
    wants.accelerator = fields.inner_text(name, "accelerator", accelerator).value_or("");
    wants.group = fields.inner_text(name, "group", rules::label_key).value_or("");
    wants.spread_by = fields.inner_text(name, "spread_by", rules::label_key).value_or("");
    const auto word = fields.inner_text(name, "apart", apart);
    wants.apart = word.value_or("required") == "required";
    if (wants.group.empty() && !wants.spread_by.empty()) {
        fields.wrong("placement.spread_by", "needs a group: it says how that is spread");
    }
    if (wants.group.empty() && word) {
        fields.wrong("placement.apart", "needs a group: it says how strictly that is kept apart");
    }
}

void read_placement(Fields& fields, CreateRequest& request, std::optional<std::string> host)
{
    constexpr std::array known{
        "host", "labels", "tolerations", "accelerator", "group", "spread_by", "apart"};
    if (const auto keys = fields.keys("placement")) {
        for (const auto& key : *keys) {
            if (std::ranges::find(known, key) == known.end()) {
                fields.wrong("placement." + shown(key), "is not a field of this request");
            }
        }
        read_wants(fields, request.wants);
        const auto placed = fields.inner_text("placement", "host", rules::name);
        if (host && placed && *host != *placed) {
            fields.wrong("placement.host", "contradicts host");
        }
        host = placed ? placed : host;
    }
    if (host) {
        request.host = common::HostName{std::move(*host)};
    }
}

/// Plain, as guest/files takes rules; short enough for all of them to fit into one call.
std::string path_of_rule(std::string_view path)
{
    constexpr std::size_t longest = 512;
    if (path.size() > longest || !rules::absolute_path(path).empty()) {
        return "must be an absolute path of at most 512 bytes without NUL";
    }
    const auto text = std::string{path} + "/";
    return text.find("/../") == std::string::npos ? "" : "must not have a '..'";
}

void read_file_policy(Fields& fields, FilePolicy& policy)
{
    constexpr auto name = "file_policy";
    constexpr std::size_t most_paths = 32;
    constexpr std::size_t most_bytes = std::size_t{16} << 10U;
    const auto keys = fields.keys(name);
    if (!keys) {
        return;
    }
    std::size_t bytes = 0;
    const auto read = [&](const char* list) {
        auto paths = fields.inner_list(name, list, path_of_rule, most_paths)
                         .value_or(std::vector<std::string>{});
        for (const auto& path : paths) {
            bytes += path.size();
        }
        return paths;
    };
    policy = {read("roots"), read("never_read"), read("never_written")};
    for (const auto& key : *keys) {
        if (key != "roots" && key != "never_read" && key != "never_written") {
            fields.wrong("file_policy." + shown(key), "is not a field of this request");
        }
    }
    if (bytes > most_bytes) {
        fields.wrong(name, "must have at most 16384 bytes of paths");
    }
}

void read_replicas(Fields& fields, CreateRequest& request)
{
    constexpr auto name = "replicas";
    constexpr Range count{1, 3};
    constexpr Range every_seconds{10, 7L * 24 * 3600};
    constexpr std::int64_t default_every_seconds = 300;
    const auto keys = fields.keys(name);
    if (!keys) {
        return;
    }
    for (const auto& key : *keys) {
        if (key != "count" && key != "every_sec" && key != "memory") {
            fields.wrong("replicas." + shown(key), "is not a field of this request");
        }
    }
    auto& replicas = request.replicas;
    replicas.count = static_cast<unsigned>(fields.inner_integer(name, "count", count).value_or(1));
    replicas.every = std::chrono::seconds{
        fields.inner_integer(name, "every_sec", every_seconds).value_or(default_every_seconds)};
    replicas.memory = fields.inner_boolean(name, "memory").value_or(true);
    if (request.disk == DiskKind::ephemeral) {
        fields.wrong(name, "need a durable disk: an ephemeral one may be lost");
    }
}

void read_ready(Fields& fields, ReadyWish& ready)
{
    constexpr Range seconds{1, 3600};
    ready.command = fields.text("ready_command", rules::command).value_or("");
    if (const auto timeout = fields.integer("ready_timeout_sec", seconds)) {
        ready.timeout = std::chrono::seconds{*timeout};
    }
}

/// All but whose it is, and where alone it is to be.
void read_shape(Fields& fields, CreateRequest& request)
{
    request.vcpus = read_cpu(fields);
    request.memory = read_memory(fields);
    if (const auto ttl = unless_zero(fields.integer("ttl_seconds", lifetime_seconds))) {
        request.ttl = std::chrono::seconds{*ttl};
    }
    request.auto_start = fields.boolean("auto_start").value_or(false);
    request.wait_for_ip = fields.boolean("wait_for_ip").value_or(false);
    read_ready(fields, request.ready);
    request.labels = read_labels(fields);
    request.env = read_env(fields);
    read_file_policy(fields, request.files);
    read_network(fields, request);
    read_disk(fields, request);
    read_pool(fields, request);
    read_replicas(fields, request);
}

std::string template_description(std::string_view text)
{
    constexpr std::size_t most = 1024;
    return text.size() > most ? "must be at most 1024 bytes" : "";
}

} // namespace

common::Result<CreateRequest> parse_create(std::string_view body, std::string_view attempt)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    CreateRequest request;
    request.from_template = fields.text("template", rules::name).value_or("");
    read_source(fields, request);
    if (const auto agent = fields.text("agent_id", rules::agent_id)) {
        request.agent_id = *agent;
    } else if (!fields.has("agent_id")) {
        fields.wrong("agent_id", "is required");
    }
    const auto name_or_nothing = [](std::string_view text) {
        return text.empty() ? std::string{} : rules::name(text);
    };
    request.name = fields.text("vm_name", name_or_nothing).value_or("");
    read_shape(fields, request);
    read_placement(fields, request, fields.text("host", rules::name));
    COMMON_CHECK(fields.finish(attempt));
    return request;
}

common::Result<TemplateRequest> parse_template(std::string_view body,
                                               const std::optional<std::string>& replaced)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    TemplateRequest wanted;
    wanted.name = replaced ? *replaced : read_name(fields, "name");
    wanted.description = fields.text("description", template_description).value_or("");
    wanted.image = read_name(fields, "image");
    CreateRequest common;
    read_shape(fields, common);
    read_placement(fields, common, std::nullopt);
    COMMON_CHECK(fields.finish((replaced ? "replace template " : "make a template") +
                               replaced.value_or("")));
    wanted.fields = fields_of_template(body);
    return wanted;
}

} // namespace coordinator::http::rest
