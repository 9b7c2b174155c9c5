#include "cli/agent_injection.hpp"
#include "cli/template_reading.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace cli {

namespace fs = std::filesystem;

namespace {

class ImageReader {
public:
    explicit ImageReader(TemplateReading& reading)
        : reading_{reading}, fields_{reading.fields}, out_{reading.out}
    {}

    void read()
    {
        read_disk();
        read_parts();
    }

private:
    static bool is_url(const std::string& where) { return where.find("://") != std::string::npos; }

    static bool is_folder(const std::string& where)
    {
        std::error_code none;
        return fs::is_directory(where, none);
    }

    /// Absolute, and there.
    std::string file(YamlFields& fields, const std::string& key, const std::string& path)
    {
        const auto absolute = (reading_.folder / path).lexically_normal();
        std::error_code none;
        if (!fs::exists(absolute, none)) {
            fields.wrong(key, fmt::format("there is no {}", absolute.string()));
        }
        return absolute.string();
    }

    void read_source(YamlFields& fields, const std::string& key)
    {
        const auto from = fields.text(key);
        if (!from) {
            return;
        }
        out_.image.emplace();
        out_.image->from = is_url(*from) ? *from : file(fields, key, *from);
        if (is_url(*from) && !from->starts_with("https://") && !from->starts_with("http://")) {
            fields.wrong(key, "must be a file, a folder, or a URL of https or http");
        }
        if (fields_.has("image")) {
            fields_.wrong("image",
                          "does not go with disk: what is made of a disk has a name of its own");
        }
    }

    /// A word, where it comes from, or a map.
    void read_disk()
    {
        const auto key = reading_.said("disk", "rootfs");
        if (!fields_.has_map(key)) {
            const auto word = fields_.has(key) ? fields_.text(key) : std::nullopt;
            if (word == "durable" || word == "ephemeral") {
                out_.body["disk"] = *word;
            } else if (word) {
                read_source(fields_, key);
            }
        } else if (auto disk = fields_.inner(key)) {
            read_source(*disk, "from");
            if (const auto kind = disk->one_of("kind", {"durable", "ephemeral"})) {
                out_.body["disk"] = *kind;
            }
            read_digest(*disk);
            disk->refuse("size",
                         "a sandbox's disk is as large as its image's: qemu-img resize, then "
                         "take the larger file");
            disk->finish();
        }
        if (out_.image && is_url(out_.image->from) && out_.image->sha256.empty()) {
            fields_.wrong(key,
                          "of a URL needs disk: {from: URL, sha256: HEX}: by that it is known "
                          "whether its image is there already");
        }
        if (!out_.image && !fields_.has("image") && !fields_.has(key)) {
            fields_.wrong("image", "is required: one that is there, or disk, of which one is made");
        } else if (!out_.image && !fields_.has("image")) {
            fields_.wrong(key,
                          "does not say what it boots: image, or disk: {from: …}, is required");
        }
    }

    void read_digest(YamlFields& disk)
    {
        const auto sha256 = disk.text("sha256");
        if (!sha256) {
            return;
        }
        const bool is_hex = sha256->size() == 64 && std::ranges::all_of(*sha256, [](char c) {
                                return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                            });
        if (!is_hex) {
            disk.wrong("sha256", "must be 64 lower-case hexadecimal digits");
        } else if (!out_.image) {
            disk.wrong("sha256", "goes with from");
        } else if (is_folder(out_.image->from)) {
            disk.wrong("sha256", "is not of a folder, whose image.json has digests");
        } else {
            out_.image->sha256 = *sha256;
        }
    }

    /// What belongs to the image that is made of a disk.
    void read_parts()
    {
        TemplateImage none;
        auto& image = out_.image ? *out_.image : none;
        const auto kernel = fields_.text("kernel");
        const auto initrd = fields_.text("initrd");
        image.kernel = kernel ? file(fields_, "kernel", *kernel) : "";
        image.initrd = initrd ? file(fields_, "initrd", *initrd) : "";
        const auto cmdline = reading_.said("cmdline", "boot_args");
        image.cmdline = fields_.text(cmdline).value_or("");
        image.boot = fields_.one_of("firmware", {"bios", "uefi"}).value_or("");
        image.prefetch = fields_.text("prefetch").value_or("");
        read_agent(image);
        for (const auto& key : {std::string{"kernel"},
                                std::string{"initrd"},
                                cmdline,
                                std::string{"firmware"},
                                std::string{"prefetch"},
                                std::string{"agent"}}) {
            if (!out_.image && fields_.has(key)) {
                fields_.wrong(key,
                              "goes with a disk, of which an image is made: one that is there "
                              "has its own");
            }
        }
        if (!out_.image || is_folder(image.from)) {
            return; // Its image.json says what is not said here.
        }
        if (!kernel && (initrd || !image.cmdline.empty())) {
            fields_.wrong(initrd ? "initrd" : cmdline, "goes with a kernel");
        }
        if (kernel && !image.boot.empty()) {
            fields_.wrong("firmware", "does not go with a kernel, which is booted directly");
        }
        if (image.agent.empty() && !fields_.has("agent") && !fields_.has("guest_agent")) {
            fields_.wrong(
                "agent",
                "is required with a disk: paddock, qemu or none, by what is in it; or inject, "
                "which puts paddock's in");
        }
    }

    void read_agent(TemplateImage& image)
    {
        image.agent =
            fields_.one_of("agent", {"paddock", "qemu", "none", agent_to_inject}).value_or("");
        if (fields_.has("agent")) {
            fields_.refuse("guest_agent", "says what agent says, too: keep that one");
            return;
        }
        auto theirs = fields_.inner("guest_agent");
        if (!theirs) {
            return;
        }
        if (!out_.image) {
            fields_.wrong("guest_agent", "goes with a disk, of which an image is made");
        }
        const bool enabled = theirs->boolean("enabled").value_or(true);
        image.agent = enabled ? "paddock" : "none";
        reading_.note(
            "guest_agent",
            enabled ? "became agent: paddock; paddock-guest has to be in the image, the agent of a "
                      "predecessor is not spoken to"
                    : "became agent: none");
        if (theirs->integer("port", 1, 4294967295)) {
            reading_.note("guest_agent.port",
                          "is of no use here: the agent is reached without a port");
        }
        theirs->finish();
    }

    TemplateReading& reading_;
    YamlFields& fields_;
    TemplateFile& out_;
};

} // namespace

void read_template_image(TemplateReading& reading)
{
    ImageReader{reading}.read();
}

} // namespace cli
