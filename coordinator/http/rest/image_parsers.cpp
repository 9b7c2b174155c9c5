#include "common/digest/digest.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rules.hpp"

#include <algorithm>
#include <array>

namespace coordinator::http::rest {

using common::Result;

namespace {

constexpr std::array blobs{"disk", "kernel", "initrd"};
constexpr std::array of_files{
    "disk", "kernel", "initrd", "cmdline", "boot", "agent", "cpu", "memory_mb", "prefetch"};
constexpr std::string_view digest_prefix = "sha256:";

std::string sandbox_id(std::string_view text)
{
    return common::parse_id<common::SandboxId>(text) ? "" : "must be the id of a sandbox";
}

std::string_view without_prefix(std::string_view text)
{
    return text.starts_with(digest_prefix) ? text.substr(digest_prefix.size()) : text;
}

std::string digest_rule(std::string_view text)
{
    return common::digest::sha256_from_hex(without_prefix(text))
               ? ""
               : "must be a sha256: 64 lower-case hex digits, with or without \"sha256:\" before";
}

std::string cmdline_rule(std::string_view text)
{
    constexpr std::size_t longest = 2048; // Of the kernel's own on x86.
    const bool plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    return plain && text.size() <= longest ? "" : "must be at most 2048 printable ASCII characters";
}

std::string boot_rule(std::string_view text)
{
    return text == "kernel" || text == "bios" || text == "uefi" ? ""
                                                                : "must be kernel, bios or uefi";
}

std::string agent_rule(std::string_view text)
{
    return text == "paddock" || text == "qemu" || text == "none" ? ""
                                                                 : "must be paddock, qemu or none";
}

std::string prefetch_rule(std::string_view text)
{
    constexpr std::size_t most = 16;
    const auto prefetch = prefetch_from(text);
    const bool fine =
        prefetch && prefetch->labels.size() <= most &&
        std::ranges::all_of(prefetch->labels, [](const auto& one) {
            return rules::label_key(one.first).empty() && rules::label_value(one.second).empty();
        });
    return fine ? "" : "must be all, none, or up to 16 labels of hosts as label=value,label=value";
}

Blob read_blob(Fields& fields, std::string_view name)
{
    const auto digest = fields.text(name, digest_rule);
    return {std::string{without_prefix(digest.value_or(""))}, {}};
}

/// Made of files; all that is wrong is in `fields` then.
RegisteredImage read_files(Fields& fields)
{
    RegisteredImage image;
    image.disk = read_blob(fields, blobs[0]);
    image.kernel = read_blob(fields, blobs[1]);
    image.initrd = read_blob(fields, blobs[2]);
    image.cmdline = fields.text("cmdline", cmdline_rule).value_or("");
    const bool has_kernel = fields.has("kernel");
    image.boot = fields.text("boot", boot_rule).value_or(has_kernel ? "kernel" : "bios");
    image.agent = fields.text("agent", agent_rule).value_or("");
    image.vcpus = read_cpu(fields).value_or(0);
    image.memory = read_memory(fields).value_or(common::Bytes{});
    const auto prefetch = fields.text("prefetch", prefetch_rule).value_or("all");
    image.prefetch = prefetch_from(prefetch).value_or(Prefetch{});
    if (!fields.has("disk")) {
        fields.wrong("disk", "is required where neither from_snapshot nor from_vm is given");
    }
    if (!fields.has("agent")) {
        fields.wrong("agent", "is required: paddock, qemu or none, by what the image has in it");
    }
    if (has_kernel != (image.boot == "kernel")) {
        fields.wrong("kernel", "goes with boot kernel, and only with that");
    }
    if (!has_kernel && (fields.has("initrd") || fields.has("cmdline"))) {
        fields.wrong(fields.has("initrd") ? "initrd" : "cmdline", "goes with a kernel");
    }
    return image;
}

ImageRequest read_snapshot(Fields& fields)
{
    ImageRequest request;
    request.from_snapshot = read_name(fields, "from_snapshot");
    if (const auto sandbox = fields.text("sandbox_id", sandbox_id)) {
        request.sandbox = common::SandboxId{*sandbox};
    }
    if (!request.from_snapshot.empty() && !fields.has("sandbox_id") &&
        !common::parse_id<common::SnapshotId>(request.from_snapshot)) {
        fields.wrong("sandbox_id", "is required where from_snapshot is a name and no snp- id");
    }
    return request;
}

VmImageRequest read_vm(Fields& fields)
{
    VmImageRequest request;
    request.vm = fields.text("from_vm", rules::agent_id).value_or("");
    request.agent = fields.text("agent", agent_rule).value_or("");
    if (const auto host = fields.text("host", rules::name)) {
        request.host = common::HostName{*host};
    }
    return request;
}

/// What goes with one way to make an image, and not with this one.
void refuse(Fields& fields, std::initializer_list<const char*> others, const char* way)
{
    for (const auto* other : others) {
        if (fields.has(other)) {
            fields.text(other, rules::any);
            fields.wrong(other, std::string{"does not go with "} + way);
        }
    }
}

} // namespace

Result<WantedImage> parse_image(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    const common::ImageName name{read_name(fields, "name")};
    const bool is_of_files =
        std::ranges::any_of(of_files, [&fields](const char* field) { return fields.has(field); });
    const auto named = [&name](auto image) -> WantedImage {
        image.name = name;
        return image;
    };
    WantedImage wanted;
    if (fields.has("from_vm")) {
        wanted = named(read_vm(fields));
        refuse(fields,
               {"from_snapshot", "sandbox_id", "disk", "kernel", "initrd", "prefetch"},
               "from_vm");
    } else if (is_of_files) {
        wanted = named(read_files(fields));
        refuse(fields, {"from_snapshot", "sandbox_id"}, "files");
    } else {
        wanted = named(read_snapshot(fields));
    }
    COMMON_CHECK(fields.finish("make an image"));
    return wanted;
}

Result<std::string> parse_digest(std::string_view text)
{
    if (auto why = digest_rule(text); !why.empty()) {
        return field_error("use a blob", {{"digest", std::move(why)}});
    }
    return std::string{without_prefix(text)};
}

} // namespace coordinator::http::rest
