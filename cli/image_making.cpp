#include "cli/image_making.hpp"

#include "cli/agent_injection.hpp"
#include "cli/answers.hpp"
#include "cli/image_source.hpp"
#include "cli/local_file.hpp"
#include "cli/text.hpp"

#include <filesystem>

namespace cli {

namespace {

/// The digest of a file here, which is there then.
common::Result<std::string> push_file(Context& context, const std::string& path)
{
    COMMON_TRY(auto source, LocalSource::open(path));
    if (!source.size()) {
        return common::Error{common::ErrorCode::invalid_argument,
                             path + ": an image is made of files, whose digest is known before"};
    }
    const auto name = std::filesystem::path{path}.filename().string();
    if (context.console.err_is_tty && *source.size() >= (std::uint64_t{64} << 20U)) {
        Console::say("digesting " + name + "\n");
    }
    COMMON_TRY(auto digest, digest_of(path));
    const auto target = "/v1/images/blobs/" + digest;
    if (const auto there = context.session.get(target); there) {
        return digest;
    } else if (there.error().code != common::ErrorCode::not_found) {
        return there.error();
    }
    COMMON_CHECK(upload(context, target, source, name));
    return digest;
}

} // namespace

common::Result<std::string>
make_image(Context& context, const nlohmann::json& body, const std::string& what)
{
    const auto name = body.at("name").get<std::string>();
    return long_call(
        context,
        {.what = what, .if_interrupted = "it goes on; see: paddock images get " + name},
        [&session = context.session, body] {
            return session.post("/v1/images", body, client::Session::Asking::keyed);
        });
}

common::Result<std::string> push_image(Context& context, const ImageFiles& wanted)
{
    nlohmann::json body{{"name", wanted.name}, {"agent", wanted.agent}};
    for (const auto& [field, path] : {std::pair{"disk", &wanted.disk},
                                      std::pair{"kernel", &wanted.kernel},
                                      std::pair{"initrd", &wanted.initrd}}) {
        if (!path->empty()) {
            COMMON_TRY(body[field], push_file(context, *path));
        }
    }
    for (const auto& [field, text] : {std::pair{"cmdline", &wanted.cmdline},
                                      std::pair{"boot", &wanted.boot},
                                      std::pair{"prefetch", &wanted.prefetch}}) {
        if (!text->empty()) {
            body[field] = *text;
        }
    }
    if (!wanted.memory.empty()) {
        COMMON_TRY(body["memory_mb"], parse_memory_mb(wanted.memory));
    }
    if (wanted.cpu != 0) {
        body["cpu"] = wanted.cpu;
    }
    return make_image(context, body, "a host looks at image " + wanted.name);
}

common::Result<std::string> import_image(Context& context,
                                         const ImageFiles& wanted,
                                         const std::string& from,
                                         const std::string& sha256)
{
    auto files = wanted;
    std::string agent;
    if (wanted.agent == agent_to_inject) {
        COMMON_TRY(agent, agent_binary());
        files.agent = "paddock";
    }
    COMMON_TRY(const auto source, image_source(context.console, from, sha256, agent));
    files.disk = source.disk;
    for (const auto& [option, said] : {std::pair{&files.kernel, &source.kernel},
                                       std::pair{&files.initrd, &source.initrd},
                                       std::pair{&files.cmdline, &source.cmdline},
                                       std::pair{&files.agent, &source.agent}}) {
        *option = option->empty() ? *said : *option;
    }
    if (files.agent.empty()) {
        return common::Error{common::ErrorCode::invalid_argument,
                             from +
                                 ": say what is in it that commands go through: --agent paddock, "
                                 "qemu or none; or inject, which puts paddock's in"};
    }
    if (files.cpu == 0) {
        files.cpu = source.vcpus;
    }
    if (files.memory.empty() && source.memory_mb > 0) {
        files.memory = std::to_string(source.memory_mb) + "M";
    }
    return push_image(context, files);
}

} // namespace cli
