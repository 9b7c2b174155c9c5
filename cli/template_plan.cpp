#include "cli/template_plan.hpp"

#include "cli/agent_injection.hpp"
#include "cli/image_making.hpp"
#include "cli/listing.hpp"
#include "cli/local_file.hpp"
#include "common/digest/digest.hpp"

#include <filesystem>

namespace cli {

using common::Result;
namespace fs = std::filesystem;

namespace {

/// Those of its words and files that are said.
nlohmann::json body_of(const TemplateImage& image)
{
    auto body = nlohmann::json::object();
    for (const auto& [field, text] : {std::pair{"disk", &image.from},
                                      std::pair{"sha256", &image.sha256},
                                      std::pair{"kernel", &image.kernel},
                                      std::pair{"initrd", &image.initrd},
                                      std::pair{"cmdline", &image.cmdline},
                                      std::pair{"boot", &image.boot},
                                      std::pair{"prefetch", &image.prefetch},
                                      std::pair{"agent", &image.agent}}) {
        if (!text->empty()) {
            body[field] = *text;
        }
    }
    return body;
}

/// The digest of what a disk is to come from, whatever it is called.
Result<nlohmann::json> digest_of_source(const TemplateImage& image)
{
    if (!image.sha256.empty()) {
        return image.sha256;
    }
    std::error_code none;
    if (!fs::is_directory(image.from, none)) {
        COMMON_TRY(auto digest, digest_of(image.from));
        return digest;
    }
    auto digests = nlohmann::json::object();
    for (const auto* part : {"image.json", "disk.qcow2", "kernel", "initrd"}) {
        const auto path = fs::path{image.from} / part;
        if (fs::exists(path, none)) {
            COMMON_TRY(digests[part], digest_of(path.string()));
        }
    }
    return digests;
}

/// Without what the coordinator adds, and what says no more than its absence.
nlohmann::json comparable(nlohmann::json body)
{
    for (const auto* added : {"id", "created_at", "updated_at"}) {
        body.erase(added);
    }
    for (auto field = body.begin(); field != body.end();) {
        const bool is_nothing = *field == false || *field == 0 || *field == "" ||
                                (field->is_structured() && field->empty());
        field = is_nothing ? body.erase(field) : std::next(field);
    }
    return body;
}

/// Whether `pool` has what a template's creates ask for: what these do not say is the image's.
bool same_shape(const nlohmann::json& pool,
                const nlohmann::json& wanted,
                const std::optional<nlohmann::json>& image)
{
    const auto same_number = [&](const char* field, const char* in_image) {
        const auto has = pool.value(field, std::int64_t{0});
        const auto of_image = image ? image->value(in_image, std::int64_t{0}) : 0;
        const auto meant = wanted.value(field, of_image);
        return meant == 0 || meant == has;
    };
    return pool.value("image", "") == wanted.value("image", "") &&
           pool.value("network_mode", "nat") == wanted.value("network_mode", "nat") &&
           same_number("cpu", "default_cpu") && same_number("memory_mb", "default_memory_mb");
}

TemplateStep
pool_step(const TemplateFile& file, const nlohmann::json& template_body, const TemplateThere& there)
{
    TemplateStep step{StepKind::pool, StepAction::create, file.name, *file.pool};
    const auto& bounds = *file.pool;
    if (there.pool && same_shape(*there.pool, template_body, there.image)) {
        bool is_same = true;
        for (const auto& [field, value] : bounds.items()) {
            is_same = is_same && there.pool->contains(field) && there.pool->at(field) == value;
        }
        step.action = is_same ? StepAction::none : StepAction::change;
        return step;
    }
    step.action = there.pool ? StepAction::replace : StepAction::create;
    step.body["name"] = file.name;
    for (const auto* field : {"image", "cpu", "memory_mb", "network_mode"}) {
        if (template_body.contains(field)) {
            step.body[field] = template_body.at(field);
        }
    }
    return step;
}

/// What is in `field` of the answer; nothing if there is no such thing.
Result<std::optional<nlohmann::json>>
find_one(client::Session& session, const std::string& path, const char* field)
{
    const auto answer = session.get(path);
    if (!answer && answer.error().code == common::ErrorCode::not_found) {
        return std::optional<nlohmann::json>{};
    }
    if (!answer) {
        return answer.error();
    }
    COMMON_TRY(const auto json, client::parse(*answer, session.url()));
    return std::optional{nlohmann::json::parse(inner_of(json, field).dump())};
}

std::string path_of(StepKind kind, const std::string& name)
{
    const auto* folder = "";
    switch (kind) {
    case StepKind::image: folder = "/v1/images/"; break;
    case StepKind::whole: folder = "/v1/templates/"; break;
    case StepKind::pool: folder = "/v1/pools/"; break;
    }
    return folder + client::encoded(name);
}

Result<> make_image_of(Context& context, const TemplateFile& file, const std::string& name)
{
    ImageFiles wanted;
    wanted.name = name;
    wanted.kernel = file.image->kernel;
    wanted.initrd = file.image->initrd;
    wanted.cmdline = file.image->cmdline;
    wanted.boot = file.image->boot;
    wanted.agent = file.image->agent;
    wanted.prefetch = file.image->prefetch;
    COMMON_TRY(const auto made,
               import_image(context, wanted, file.image->from, file.image->sha256));
    return {};
}

} // namespace

std::string to_string(StepKind kind)
{
    switch (kind) {
    case StepKind::image: return "image";
    case StepKind::whole: return "template";
    case StepKind::pool: return "pool";
    }
    return "";
}

Result<std::string> name_of_image(const TemplateFile& file)
{
    constexpr std::size_t most_of_name = 50;
    constexpr std::size_t digits = 12;
    auto parts = body_of(*file.image);
    COMMON_TRY(parts["disk"], digest_of_source(*file.image));
    for (const auto* part : {"kernel", "initrd"}) {
        if (parts.contains(part)) {
            COMMON_TRY(parts[part], digest_of(parts[part].get<std::string>()));
        }
    }
    if (file.image->agent == agent_to_inject) {
        COMMON_TRY(const auto agent, agent_binary());
        COMMON_TRY(parts["injected"], digest_of(agent));
    }
    parts.erase("sha256");
    const auto digest = common::digest::to_hex(common::digest::of(parts.dump()));
    return file.name.substr(0, most_of_name) + "-" + digest.substr(0, digits);
}

std::vector<TemplateStep>
steps_of(const TemplateFile& file, const std::string& image, const TemplateThere& there)
{
    std::vector<TemplateStep> steps;
    if (file.image) {
        auto body = body_of(*file.image);
        body["name"] = image;
        steps.push_back({StepKind::image,
                         there.image ? StepAction::none : StepAction::create,
                         image,
                         std::move(body)});
    }
    auto body = file.body;
    body["image"] = image;
    auto whole = there.whole ? StepAction::change : StepAction::create;
    if (there.whole && comparable(*there.whole) == comparable(body)) {
        whole = StepAction::none;
    }
    steps.push_back({StepKind::whole, whole, file.name, body});
    if (file.pool) {
        steps.push_back(pool_step(file, body, there));
    }
    return steps;
}

Result<std::vector<TemplateStep>> plan_of(client::Session& session, const TemplateFile& file)
{
    auto image = file.body.value("image", "");
    if (file.image) {
        COMMON_TRY(image, name_of_image(file));
    }
    TemplateThere there;
    COMMON_TRY(there.whole, find_one(session, path_of(StepKind::whole, file.name), "template"));
    if (file.image || file.pool) {
        COMMON_TRY(there.image, find_one(session, path_of(StepKind::image, image), "image"));
    }
    if (file.pool) {
        COMMON_TRY(there.pool, find_one(session, path_of(StepKind::pool, file.name), "pool"));
        if (!file.image && !there.image) { // Found out later, a pool would be gone by then.
            return common::Error{common::ErrorCode::not_found,
                                 "its pool needs image " + image +
                                     ", which is not there; paddock images ls shows what is",
                                 "unknown_image"};
        }
    }
    return steps_of(file, image, there);
}

Result<> perform(Context& context, const TemplateFile& file, const TemplateStep& step)
{
    auto& session = context.session;
    const auto path = path_of(step.kind, step.name);
    const auto make = [&](const std::string& all) -> Result<> {
        COMMON_TRY(const auto made, session.post(all, step.body, client::Session::Asking::keyed));
        return {};
    };
    switch (step.kind) {
    case StepKind::image:
        return step.action == StepAction::none ? Result<>{}
                                               : make_image_of(context, file, step.name);
    case StepKind::whole:
        if (step.action == StepAction::change) {
            auto body = step.body;
            body.erase("name"); // Its path has it.
            COMMON_CHECK(session.put(path, body));
        } else if (step.action == StepAction::create) {
            return make("/v1/templates");
        }
        return {};
    case StepKind::pool:
        if (step.action == StepAction::change) {
            COMMON_CHECK(session.patch(path, step.body));
            return {};
        }
        if (step.action == StepAction::replace) {
            COMMON_CHECK(session.del(path));
        }
        return step.action == StepAction::none ? Result<>{} : make("/v1/pools");
    }
    return {};
}

} // namespace cli
