#include "hostd/libvirt/block_nodes.hpp"

#include "common/log/log.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/our_domains.hpp"
#include "hostd/libvirt/qmp.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;
using std::chrono::steady_clock;
using virt::CString;
namespace fs = std::filesystem;

namespace {

constexpr const char* undo_job = "paddock-undo-branch";
constexpr std::chrono::seconds look_patience{10}; // The next look goes on with it.

std::string storage_name(const BlockNode& node)
{
    return "libvirt-" + node.number + "-storage";
}

std::string format_name(const BlockNode& node)
{
    return "libvirt-" + node.number + "-format";
}

/// The N of libvirt-N and `what`; empty: no part of a disk's chain is named so.
std::string number_in(std::string_view name, std::string_view what)
{
    constexpr std::string_view prefix = "libvirt-";
    if (!name.starts_with(prefix) || !name.ends_with(what) ||
        name.size() <= prefix.size() + what.size()) {
        return {};
    }
    const auto number = name.substr(prefix.size(), name.size() - prefix.size() - what.size());
    return number.find_first_not_of("0123456789") == std::string_view::npos ? std::string{number}
                                                                            : std::string{};
}

std::string text_of(const json& object, const char* key)
{
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Result<BlockNodes> block_nodes_of(virDomainPtr domain)
{
    COMMON_TRY(const auto devices, qmp(domain, "query-block"));
    COMMON_TRY(const auto nodes, qmp(domain, "query-named-block-nodes", {{"flat", true}}));
    return block_nodes_from(devices, nodes);
}

Error out_of_step(const std::string& why)
{
    return {ErrorCode::failed_precondition,
            "libvirtd was killed while it branched this disk, and QEMU and libvirt do not agree "
            "about it: " +
                why + "; a restart makes them agree",
            "disk_out_of_step"};
}

void remove_node(virDomainPtr domain, const std::string& name, const fs::path& file)
{
    // QEMU gives up none that is in use.
    if (const auto gone = qmp(domain, "blockdev-del", {{"node-name", name}}); gone) {
        spdlog::warn("removed QEMU's node {} of {}, which nothing used", name, file.string());
    }
}

Result<> remove_strays(virDomainPtr domain, const BlockNodes& nodes)
{
    const CString xml{virDomainGetXMLDesc(domain, 0)};
    if (!xml) {
        return last_error().during("describe the domain");
    }
    const auto below = backing_files_of(xml.get());
    std::set<fs::path> known{below.begin(), below.end()};
    known.insert(first_disk_of(xml.get()));
    for (const auto& node : nodes.all) {
        const auto of_this_file = std::ranges::count(nodes.all, node.file, &BlockNode::file);
        const bool in_chain = known.contains(node.file) && of_this_file == 1;
        if (in_chain || node.number == nodes.top.number) {
            continue;
        }
        if (node.has_format) {
            remove_node(domain, format_name(node), node.file);
        }
        remove_node(domain, storage_name(node), node.file);
    }
    return {};
}

/// Of one file there may be several nodes, of which the chain has one.
Result<> begin_undo(virDomainPtr domain, const BlockNodes& nodes, const fs::path& base)
{
    auto failed = out_of_step("no node of QEMU's is " + base.string());
    for (const auto& node : nodes.all) {
        if (node.file != base || !node.has_format) {
            continue;
        }
        const auto begun = qmp(domain,
                               "block-commit",
                               {{"job-id", undo_job},
                                {"device", format_name(nodes.top)},
                                {"base-node", format_name(node)}});
        if (begun) {
            return {};
        }
        failed = out_of_step(begun.error().message);
    }
    return failed;
}

Result<std::optional<json>> undo_job_of(virDomainPtr domain)
{
    COMMON_TRY(const auto jobs, qmp(domain, "query-block-jobs"));
    for (const auto& job : jobs) {
        if (job.is_object() && text_of(job, "device") == undo_job) {
            return std::optional{job};
        }
    }
    return std::optional<json>{};
}

Result<> finish_undo(virDomainPtr domain)
{
    const auto deadline = steady_clock::now() + look_patience;
    for (bool told = false;;) {
        COMMON_TRY(const auto job, undo_job_of(domain));
        if (!job) {
            return {};
        }
        if (!told && job->value("ready", json{}) == json(true)) {
            COMMON_CHECK(qmp(domain, "block-job-complete", {{"device", undo_job}}));
            told = true;
        }
        if (steady_clock::now() >= deadline) {
            return out_of_step("what was written since is still being committed");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
}

/// Its own nodes are left over then, and removed.
Result<> undo_branch(virDomainPtr domain, const BlockNodes& nodes, const fs::path& known)
{
    if (std::error_code error; !fs::exists(known, error)) {
        return out_of_step(known.string() + " is not there any more");
    }
    COMMON_TRY(const auto begun, undo_job_of(domain));
    if (!begun) { // Else somebody before us did.
        COMMON_TRY(const auto status, qmp_status(domain));
        if (status != "running" && status != "paused") {
            return out_of_step("it is in state " + status);
        }
        COMMON_CHECK(begin_undo(domain, nodes, known));
    }
    COMMON_CHECK(finish_undo(domain));
    COMMON_TRY(const auto written, written_file(domain));
    if (written != known) {
        return out_of_step("it is still written to " + written.string());
    }
    COMMON_TRY(const auto now, block_nodes_of(domain));
    COMMON_CHECK(remove_strays(domain, now));
    spdlog::warn("undone: a branch to {} that libvirt never heard of", nodes.top.file.string());
    return {};
}

} // namespace

Result<BlockNodes> block_nodes_from(const json& devices, const json& nodes)
{
    BlockNodes found;
    std::set<std::string> formats;
    for (const auto& node : nodes) {
        const auto name = node.is_object() ? text_of(node, "node-name") : std::string{};
        if (auto number = number_in(name, "-format"); !number.empty()) {
            formats.insert(std::move(number));
        } else if (number = number_in(name, "-storage"); !number.empty()) {
            found.all.push_back({std::move(number), text_of(node, "file")});
        }
    }
    for (auto& node : found.all) {
        node.has_format = formats.contains(node.number);
    }
    for (const auto& device : devices) {
        const auto inserted = device.is_object() ? device.value("inserted", json{}) : json{};
        if (!inserted.is_object()) {
            continue;
        }
        const auto top = number_in(text_of(inserted, "node-name"), "-format");
        for (const auto& node : found.all) {
            if (!top.empty() && node.number == top && !node.file.empty()) {
                found.top = node;
                return found;
            }
        }
    }
    return Error{ErrorCode::internal, "QEMU knows of no disk that libvirt gave it"};
}

Result<fs::path> written_file(virDomainPtr domain)
{
    COMMON_TRY(const auto nodes, block_nodes_of(domain));
    return nodes.top.file;
}

Result<> remove_stray_nodes(virDomainPtr domain)
{
    COMMON_TRY(const auto nodes, block_nodes_of(domain));
    return remove_strays(domain, nodes);
}

Result<> bring_into_step(virConnectPtr connection, virDomainPtr domain)
{
    COMMON_TRY(const auto nodes, block_nodes_of(domain));
    COMMON_CHECK(remove_strays(domain, nodes));
    COMMON_TRY(const auto known, top_known(domain));
    auto in_step = nodes.top.file == known ? Result<>{} : undo_branch(domain, nodes, known);
    const auto top = in_step ? known : written_file(domain); // Which a late success has changed.
    if (!top) {
        return in_step;
    }
    COMMON_TRY(const auto next, top_known(domain, VIR_DOMAIN_XML_INACTIVE));
    if (std::error_code error; next != *top && fs::exists(*top, error)) {
        COMMON_CHECK(boot_from(connection, domain, *top));
    }
    return in_step;
}

} // namespace hostd::libvirt
