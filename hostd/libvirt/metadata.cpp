#include "hostd/libvirt/metadata.hpp"

#include "hostd/libvirt/domain_xml.hpp"
#include "hostd/libvirt/xml.hpp"
#include "hostd/virt/escape_xml.hpp"

#include <charconv>
#include <fmt/format.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// The attributes of our element; the first that is missing or wrong is remembered.
class Attributes {
public:
    explicit Attributes(xmlNode* element) : element_{element} {}

    [[nodiscard]] bool has(const char* name) const
    {
        return xmlHasProp(element_, reinterpret_cast<const xmlChar*>(name)) != nullptr;
    }
    std::string text(const char* name)
    {
        if (!has(name)) {
            wrong(name, "missing");
            return {};
        }
        return xml::attribute(element_, name);
    }
    template <typename Number = std::uint64_t>
    Number number(const char* name)
    {
        const auto value = text(name);
        Number result = 0;
        const auto* end = value.data() + value.size();
        const auto [stop, error] = std::from_chars(value.data(), end, result);
        if (error != std::errc{} || stop != end) {
            wrong(name, "not a number");
        }
        return result;
    }
    template <typename Enum>
    Enum named(const char* name, std::optional<Enum> (*parse_name)(std::string_view) noexcept)
    {
        const auto value = parse_name(text(name));
        if (!value) {
            wrong(name, "an unknown word");
        }
        return value.value_or(Enum{});
    }
    void wrong(const char* name, const char* what)
    {
        if (problem_.empty()) {
            problem_ = fmt::format("attribute {}: {}", name, what);
        }
    }
    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    xmlNode* element_;
    std::string problem_;
};

} // namespace

std::string metadata_element(const DomainRecord& record, Prefix prefix)
{
    const auto& sandbox = record.sandbox;
    std::string element =
        prefix == Prefix::with
            ? fmt::format("<{0}:sandbox xmlns:{0}='{1}'", metadata_key, metadata_uri)
            : std::string{"<sandbox"};
    const auto add = [&element](std::string_view name, const auto& value) {
        element += fmt::format(" {}='{}'", name, virt::escape_xml(fmt::format("{}", value)));
    };
    add("id", sandbox.id.str());
    add("tenant", sandbox.tenant);
    add("name", sandbox.name);
    add("image", sandbox.image.str());
    add("vcpus", sandbox.vcpus);
    add("memory_bytes", sandbox.memory.count());
    add("network_mode", to_string(sandbox.network));
    add("disk", to_string(sandbox.disk));
    add("spec_digest", record.spec_digest);
    add("incarnation", record.incarnation);
    add("generation", record.generation);
    add("request", record.request);
    add("agent", to_string(record.agent));
    add("created_at_us", common::to_unix_us(record.created_at));
    add("network", record.net.network);
    add("mac", record.net.mac);
    add("ip", record.net.ip);
    add("tap", record.net.tap);
    add("folder", record.files.folder.string());
    add("overlay", record.files.overlay.string());
    add("nvram", record.files.nvram.string());
    add("console_log", record.files.console_log.string());
    add("agent_socket", record.files.agent_socket.string());
    return element + "/>";
}

Result<DomainRecord> parse_metadata(std::string_view element)
{
    const auto document = xml::parse(element);
    xmlNode* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    if (root == nullptr || !xml::is_element(root, "sandbox")) {
        return Error{ErrorCode::invalid_argument, "Paddock's metadata is not its XML element"};
    }
    Attributes attributes{root};
    DomainRecord record;
    if (auto id = common::parse_id<common::SandboxId>(attributes.text("id"))) {
        record.sandbox.id = *std::move(id);
    } else {
        attributes.wrong("id", "not a sandbox id");
    }
    record.sandbox.tenant = attributes.text("tenant");
    record.sandbox.name = attributes.text("name");
    record.sandbox.image = common::ImageName{attributes.text("image")};
    record.sandbox.vcpus = attributes.number<unsigned>("vcpus");
    record.sandbox.memory = common::Bytes{attributes.number("memory_bytes")};
    record.sandbox.network = attributes.named("network_mode", &network_mode_from);
    if (attributes.has("disk")) { // Domains from before there was a choice say nothing.
        record.sandbox.disk = attributes.named("disk", &disk_kind_from);
    }
    record.spec_digest = attributes.text("spec_digest");
    record.incarnation = attributes.number("incarnation");
    record.generation = attributes.number("generation");
    record.request = attributes.text("request");
    record.agent = attributes.named("agent", &agent_kind_from);
    record.created_at = common::from_unix_us(attributes.number<std::int64_t>("created_at_us"));
    record.net = {attributes.text("network"),
                  attributes.text("mac"),
                  attributes.text("ip"),
                  attributes.text("tap")};
    record.files = {attributes.text("folder"),
                    attributes.text("overlay"),
                    attributes.text("nvram"),
                    attributes.text("console_log"),
                    attributes.text("agent_socket")};
    if (!attributes.problem().empty()) {
        return Error{ErrorCode::invalid_argument, "Paddock's metadata: " + attributes.problem()};
    }
    return record;
}

DomainRecord record_of(const DomainSpec& spec)
{
    DomainRecord record;
    record.sandbox = spec.sandbox;
    record.spec_digest = spec.spec_digest;
    record.domain_name = domain_name(spec.sandbox.id, spec.incarnation);
    record.incarnation = spec.incarnation;
    record.generation = spec.generation;
    record.request = spec.request;
    record.agent = spec.image.agent;
    record.net = spec.net;
    record.files = spec.files;
    record.created_at = spec.created_at;
    return record;
}

std::string first_disk_of(std::string_view domain_xml)
{
    const auto document = xml::parse(domain_xml);
    auto* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    auto* disk = xml::child(xml::child(root, "devices"), "disk");
    return xml::attribute(xml::child(disk, "source"), "file");
}

std::vector<std::string> backing_files_of(std::string_view domain_xml)
{
    const auto document = xml::parse(domain_xml);
    auto* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    std::vector<std::string> files;
    for (auto* each = xml::child(xml::child(xml::child(root, "devices"), "disk"), "backingStore");
         each != nullptr;
         each = xml::child(each, "backingStore")) {
        if (auto file = xml::attribute(xml::child(each, "source"), "file"); !file.empty()) {
            files.push_back(std::move(file));
        }
    }
    return files;
}

} // namespace hostd::libvirt
