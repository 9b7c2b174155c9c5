#include "hostd/libvirt/foreign_vms.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/snapshots.hpp"
#include "hostd/libvirt/xml.hpp"
#include "hostd/virt/escape_xml.hpp"
#include "hostd/virt/handles.hpp"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <thread>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;
using virt::CString;
using virt::escape_xml;

namespace {

constexpr std::chrono::milliseconds between_looks_at_backup{100};

std::string word_for(int state)
{
    // As virsh says it.
    switch (static_cast<virDomainState>(state)) {
    case VIR_DOMAIN_RUNNING: return "running";
    case VIR_DOMAIN_BLOCKED: return "idle";
    case VIR_DOMAIN_PAUSED: return "paused";
    case VIR_DOMAIN_SHUTDOWN: return "in shutdown";
    case VIR_DOMAIN_SHUTOFF: return "shut off";
    case VIR_DOMAIN_CRASHED: return "crashed";
    case VIR_DOMAIN_PMSUSPENDED: return "pmsuspended";
    case VIR_DOMAIN_NOSTATE: return "no state";
    }
    return "unknown";
}

Error unsupported(std::string why)
{
    return {ErrorCode::failed_precondition, std::move(why), "vm_unsupported"};
}

std::uint64_t number_in(xmlNode* element)
{
    const auto text = xml::text_of(element);
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

Result<> read_disks(xmlNode* devices, ForeignSource& source)
{
    for (auto* disk : xml::children(devices, "disk")) {
        const auto target = xml::attribute(xml::child(disk, "target"), "dev");
        const auto device = xml::attribute(disk, "device");
        if (!device.empty() && device != "disk") {
            source.other_targets.push_back(target);
            continue;
        }
        if (!source.disk.empty()) {
            return unsupported("it has more than one disk: an image is of one");
        }
        const auto type = xml::attribute(disk, "type");
        source.disk = xml::attribute(xml::child(disk, "source"), "file");
        if (type != "file" || !source.disk.is_absolute()) {
            return unsupported("its disk is of type '" + type +
                               "': only one that is a file of its host can be copied");
        }
        const auto format = xml::attribute(xml::child(disk, "driver"), "type");
        source.format = format.empty() ? "raw" : format;
        source.target = target;
    }
    if (source.disk.empty()) {
        return unsupported("it has no disk");
    }
    return {};
}

void read_boot(xmlNode* os, ForeignSource& source)
{
    source.kernel = xml::text_of(xml::child(os, "kernel"));
    if (!source.kernel.empty()) {
        source.boot = Boot::kernel;
        source.initrd = xml::text_of(xml::child(os, "initrd"));
        source.cmdline = xml::text_of(xml::child(os, "cmdline"));
    } else if (xml::attribute(os, "firmware") == "efi" ||
               xml::attribute(xml::child(os, "loader"), "type") == "pflash") {
        source.boot = Boot::uefi;
    }
}

AgentKind agent_among(xmlNode* devices)
{
    for (auto* channel : xml::children(devices, "channel")) {
        const auto name = xml::attribute(xml::child(channel, "target"), "name");
        if (name == "org.qemu.guest_agent.0") {
            return AgentKind::qemu;
        }
    }
    return AgentKind::none;
}

/// Whether a backup is under way, and not somebody's other job.
Result<bool> is_backing_up(virDomainPtr domain)
{
    int kind = VIR_DOMAIN_JOB_NONE;
    virTypedParameterPtr params = nullptr;
    int count = 0;
    if (virDomainGetJobStats(domain, &kind, &params, &count, 0) < 0) {
        return last_error().during("wait for a backup");
    }
    int operation = VIR_DOMAIN_JOB_OPERATION_BACKUP;
    virTypedParamsGetInt(params, count, VIR_DOMAIN_JOB_OPERATION, &operation);
    virTypedParamsFree(params, count);
    return kind != VIR_DOMAIN_JOB_NONE && operation == VIR_DOMAIN_JOB_OPERATION_BACKUP;
}

Result<> await_backup(virDomainPtr domain, steady_clock::time_point deadline)
{
    for (;;) {
        COMMON_TRY(const bool under_way, is_backing_up(domain));
        if (!under_way) {
            return {};
        }
        if (steady_clock::now() >= deadline) {
            return Error{ErrorCode::timeout, "the backup took too long and is given up"};
        }
        std::this_thread::sleep_for(between_looks_at_backup);
    }
}

/// How the job ended that has just ended.
Result<> backup_ended(virDomainPtr domain)
{
    int kind = VIR_DOMAIN_JOB_NONE;
    virTypedParameterPtr params = nullptr;
    int count = 0;
    if (virDomainGetJobStats(domain, &kind, &params, &count, VIR_DOMAIN_JOB_STATS_COMPLETED) < 0) {
        return last_error().during("ask how a backup ended");
    }
    const char* message = nullptr;
    virTypedParamsGetString(params, count, VIR_DOMAIN_JOB_ERRMSG, &message);
    const std::string why = message == nullptr ? "" : message;
    virTypedParamsFree(params, count);
    if (kind == VIR_DOMAIN_JOB_COMPLETED) {
        return {};
    }
    const bool full = why.find("No space left") != std::string::npos;
    return Error{full ? ErrorCode::resource_exhausted : ErrorCode::unavailable,
                 "the backup failed" + (why.empty() ? "" : ": " + why),
                 full ? "disk_full" : "backup_failed"};
}

} // namespace

std::string uuid_of(virDomainPtr domain)
{
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    virDomainGetUUIDString(domain, uuid.data());
    return uuid.data();
}

ForeignVm describe_foreign(virDomainPtr domain)
{
    ForeignVm vm;
    vm.name = virDomainGetName(domain);
    vm.uuid = uuid_of(domain);
    int state = VIR_DOMAIN_NOSTATE;
    virDomainGetState(domain, &state, nullptr, 0);
    vm.state = word_for(state);
    vm.persistent = virDomainIsPersistent(domain) == 1;
    if (const CString xml{virDomainGetXMLDesc(domain, 0)}) {
        vm.disk_path = first_disk_of(xml.get());
    }
    return vm;
}

Result<ForeignSource> foreign_source_of(std::string_view domain_xml)
{
    const auto document = xml::parse(domain_xml);
    auto* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    auto* devices = xml::child(root, "devices");
    if (devices == nullptr) {
        return unsupported("its definition cannot be read");
    }
    ForeignSource source;
    COMMON_CHECK(read_disks(devices, source));
    read_boot(xml::child(root, "os"), source);
    source.agent = agent_among(devices);
    source.vcpus = static_cast<unsigned>(number_in(xml::child(root, "vcpu")));
    source.memory = common::Bytes::kib(number_in(xml::child(root, "memory")));
    return source;
}

Result<ForeignSource> foreign_source(virDomainPtr domain)
{
    const int active = virDomainIsActive(domain);
    const CString text{virDomainGetXMLDesc(domain, 0)};
    if (active < 0 || !text) {
        return last_error().during("read a VM's definition");
    }
    COMMON_TRY(auto source, foreign_source_of(text.get()));
    source.vm = virDomainGetName(domain);
    source.uuid = uuid_of(domain);
    source.runs = active == 1;
    return source;
}

Result<> back_up(virDomainPtr domain,
                 const ForeignSource& source,
                 const std::filesystem::path& into,
                 std::chrono::milliseconds patience)
{
    auto disks = fmt::format("<disk name='{}' backup='yes' type='file'><driver type='qcow2'/>"
                             "<target file='{}'/></disk>",
                             escape_xml(source.target),
                             escape_xml(into.string()));
    for (const auto& other : source.other_targets) {
        disks += fmt::format("<disk name='{}' backup='no'/>", escape_xml(other));
    }
    const auto xml =
        fmt::format("<domainbackup mode='push'><disks>{}</disks></domainbackup>", disks);
    if (virDomainBackupBegin(domain, xml.c_str(), nullptr, 0) < 0) {
        return last_error_of_writing().during("begin a backup");
    }
    if (auto awaited = await_backup(domain, steady_clock::now() + patience); !awaited) {
        // It would go on, into a file that is about to go.
        if (const auto under_way = is_backing_up(domain); under_way && *under_way) {
            static_cast<void>(virDomainAbortJob(domain));
        }
        return awaited;
    }
    return backup_ended(domain);
}

} // namespace hostd::libvirt
