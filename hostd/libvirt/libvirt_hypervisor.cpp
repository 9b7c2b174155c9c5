#include "hostd/libvirt/libvirt_hypervisor.hpp"

#include "hostd/libvirt/block_nodes.hpp"
#include "hostd/libvirt/chain_pull.hpp"
#include "hostd/libvirt/foreign_vms.hpp"

#include "common/log/log.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/our_domains.hpp"
#include "hostd/libvirt/put_aside.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <libvirt/virterror.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::SandboxId;
using virt::CString;

namespace {

std::string version_text(unsigned long version)
{
    return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

} // namespace

LibvirtHypervisor::LibvirtHypervisor(std::string uri, Platform platform, std::size_t connections)
    : platform_{std::move(platform)}, opener_{std::move(uri)}, pool_{opener_, connections}
{}

LibvirtHypervisor::~LibvirtHypervisor() = default;

void LibvirtHypervisor::observe(Observer observer)
{
    using Kind = DomainEvent::Kind;
    Watch::Callbacks callbacks;
    callbacks.changed = [observer](const std::string& name) {
        const auto id = common::parse_id<SandboxId>(name.substr(0, name.find(".g")));
        if (id) {
            observer({Kind::domain_changed, *id});
        }
    };
    callbacks.lost = [observer] { observer({Kind::connection_lost, {}}); };
    callbacks.restored = [observer] { observer({Kind::connection_restored, {}}); };
    watch_ = std::make_unique<Watch>(opener_, std::move(callbacks));
}

Result<> LibvirtHypervisor::define(const DomainSpec& spec)
{
    COMMON_TRY(const auto connection, pool_.take());
    // Ask first: virDomainDefineXML redefines silently where name and UUID are taken.
    COMMON_TRY(const auto existing, incarnations(connection.get(), spec.sandbox.id));
    const auto name = domain_name(spec.sandbox.id, spec.incarnation);
    if (std::ranges::any_of(existing, [&](const Incarnation& each) {
            return each.number == spec.incarnation || each.number == 0 ||
                   virDomainGetName(each.domain.get()) == name;
        })) {
        return Error{ErrorCode::already_exists, spec.sandbox.id.str() + " has a domain already"};
    }
    const auto xml = domain_xml(spec, platform_);
    const Domain domain{
        virDomainDefineXMLFlags(connection.get(), xml.c_str(), VIR_DOMAIN_DEFINE_VALIDATE)};
    if (!domain) {
        return last_error().during("define " + spec.sandbox.id.str());
    }
    return {};
}

Result<> LibvirtHypervisor::start(const SandboxId& id)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    COMMON_TRY(const auto record, read_record(domain.get()));
    const bool paused =
        record.state == DomainState::paused || record.state == DomainState::paused_by_disk_error;
    if (paused) {
        if (virDomainResume(domain.get()) < 0) {
            return last_error().during("resume " + id.str());
        }
    } else if (virDomainIsActive(domain.get()) != 1) {
        COMMON_CHECK(drop_stale_aside(domain.get()));
        COMMON_CHECK(mend_chain(connection.get(), domain.get()));
        if (virDomainCreate(domain.get()) < 0) {
            return last_error().during("start " + id.str());
        }
    }
    return {};
}

Result<> LibvirtHypervisor::pause(const SandboxId& id)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    COMMON_TRY(const auto record, read_record(domain.get()));
    const bool paused =
        record.state == DomainState::paused || record.state == DomainState::paused_by_disk_error;
    if (!paused && virDomainSuspend(domain.get()) < 0) {
        return last_error().during("pause " + id.str());
    }
    return {};
}

Result<> LibvirtHypervisor::go_on(const SandboxId& id, std::uint64_t incarnation)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto all, incarnations(connection.get(), id));
    const auto found = std::ranges::find(all, incarnation, &Incarnation::number);
    if (found == all.end()) {
        return Error{ErrorCode::not_found,
                     fmt::format("{} has no incarnation {}", id.str(), incarnation)};
    }
    COMMON_TRY(const auto record, read_record(found->domain.get()));
    if (record.state == DomainState::running) {
        return {};
    }
    auto gone_on = libvirt::go_on(found->domain.get());
    return gone_on ? std::move(gone_on)
                   : Result<>{std::move(gone_on).error().during("let " + id.str() + " go on")};
}

Result<> LibvirtHypervisor::bring_disk_into_step(const SandboxId& id, std::uint64_t incarnation)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto all, incarnations(connection.get(), id));
    const auto found = std::ranges::find(all, incarnation, &Incarnation::number);
    return found != all.end() && virDomainIsActive(found->domain.get()) == 1
               ? bring_into_step(connection.get(), found->domain.get())
               : Result<>{};
}

Result<> LibvirtHypervisor::request_shutdown(const SandboxId& id)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    if (virDomainIsActive(domain.get()) == 0) {
        return {};
    }
    if (virDomainShutdownFlags(domain.get(), VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0) {
        return last_error().during("press the power button of " + id.str());
    }
    return {};
}

Result<> LibvirtHypervisor::kill(const SandboxId& id)
{
    COMMON_TRY(const auto connection, pool_.take());
    auto domain = look_up(connection.get(), id);
    if (!domain) {
        return domain.error().code == ErrorCode::not_found ? Result<>{}
                                                           : Result<>{std::move(domain).error()};
    }
    return cut_power(domain->get());
}

Result<> LibvirtHypervisor::undefine(const SandboxId& id)
{
    COMMON_TRY(const auto connection, pool_.take());
    auto domain = look_up(connection.get(), id);
    if (!domain) {
        return domain.error().code == ErrorCode::not_found ? Result<>{}
                                                           : Result<>{std::move(domain).error()};
    }
    if (virDomainIsActive(domain->get()) == 1) {
        return Error{ErrorCode::failed_precondition, id.str() + " is running"};
    }
    return forget(domain->get(), Nvram::goes);
}

Result<std::filesystem::path> LibvirtHypervisor::top_of(const SandboxId& id) const
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    if (virDomainIsActive(domain.get()) == 1) {
        // Whatever became of libvirtd in the middle of a branch, QEMU knows.
        if (auto written = written_file(domain.get())) {
            return written;
        }
    }
    return top_known(domain.get());
}

Result<> LibvirtHypervisor::pull_down_to(const SandboxId& id,
                                         const std::filesystem::path& base,
                                         std::chrono::milliseconds patience)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    return libvirt::pull_down_to(domain.get(), base, patience);
}

Result<> LibvirtHypervisor::set_top(const SandboxId& id, const std::filesystem::path& top)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    if (virDomainIsActive(domain.get()) != 0) {
        return Error{ErrorCode::failed_precondition, id.str() + " is not stopped"};
    }
    return boot_from(connection.get(), domain.get(), top);
}

Result<> LibvirtHypervisor::keep_only(const SandboxId& id, std::uint64_t incarnation)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto all, incarnations(connection.get(), id));
    for (const auto& each : all) {
        // One with damaged metadata is left alone: whose it is, nobody knows.
        if (each.number == incarnation || each.number == 0) {
            continue;
        }
        COMMON_CHECK(cut_power(each.domain.get()));
        if (virDomainIsPersistent(each.domain.get()) == 1) {
            // The variables may be those that the other incarnation uses.
            COMMON_CHECK(forget(each.domain.get(), Nvram::stays));
        }
    }
    return {};
}

Result<> LibvirtHypervisor::set_generation(const SandboxId& id, std::uint64_t generation)
{
    return change_metadata(id,
                           [generation](DomainRecord& record) { record.generation = generation; });
}

Result<>
LibvirtHypervisor::set_owner(const SandboxId& id, const SandboxSpec& spec, std::uint64_t generation)
{
    return change_metadata(id, [&](DomainRecord& record) {
        record.sandbox = spec;
        record.spec_digest = digest_of(spec);
        record.generation = generation;
    });
}

Result<> LibvirtHypervisor::change_metadata(const SandboxId& id,
                                            const std::function<void(DomainRecord&)>& change)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    COMMON_TRY(auto record, read_record(domain.get()));
    change(record);
    unsigned flags = VIR_DOMAIN_AFFECT_CONFIG;
    if (virDomainIsActive(domain.get()) == 1) {
        flags |= VIR_DOMAIN_AFFECT_LIVE;
    }
    if (virDomainSetMetadata(domain.get(),
                             VIR_DOMAIN_METADATA_ELEMENT,
                             metadata_element(record, Prefix::without).c_str(),
                             metadata_key,
                             metadata_uri,
                             flags) < 0) {
        return last_error().during("record what is known of " + id.str());
    }
    return {};
}

Result<DomainRecord> LibvirtHypervisor::find(const SandboxId& id) const
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    return read_record(domain.get());
}

Result<std::vector<DomainRecord>> LibvirtHypervisor::all_of(const SandboxId& id) const
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto all, incarnations(connection.get(), id));
    std::vector<DomainRecord> records;
    for (const auto& each : all) {
        COMMON_TRY(auto record, read_record(each.domain.get()));
        records.push_back(std::move(record));
    }
    return records;
}

Result<std::vector<DomainRecord>> LibvirtHypervisor::list() const
{
    COMMON_TRY(const auto connection, pool_.take());
    const DomainList domains{connection.get()};
    if (domains.failed()) {
        return last_error().during("list domains");
    }
    std::vector<DomainRecord> records;
    for (virDomainPtr domain : domains) {
        if (auto record = read_record(domain)) {
            records.push_back(*std::move(record));
        } else if (record.error().code == ErrorCode::invalid_argument) {
            spdlog::error(
                "leaving domain {} alone: {}", virDomainGetName(domain), record.error().message);
        } else if (record.error().code != ErrorCode::not_found) {
            return std::move(record).error(); // Half a list would look like lost domains.
        }
    }
    return records;
}

Result<std::vector<ForeignVm>> LibvirtHypervisor::list_foreign() const
{
    COMMON_TRY(const auto connection, pool_.take());
    const DomainList domains{connection.get()};
    if (domains.failed()) {
        return last_error().during("list domains");
    }
    std::vector<ForeignVm> vms;
    for (virDomainPtr domain : domains) {
        if (std::string_view{virDomainGetName(domain)}.starts_with(self_test_prefix)) {
            continue;
        }
        if (const auto ours = metadata_of(domain);
            !ours && ours.error().code == ErrorCode::not_found) {
            vms.push_back(describe_foreign(domain));
        }
    }
    return vms;
}

namespace {

Result<Domain> look_up_foreign(virConnectPtr connection, const std::string& vm)
{
    Domain domain{virDomainLookupByName(connection, vm.c_str())};
    const auto unknown = Error{
        ErrorCode::not_found, "this host has no VM " + vm + " of somebody else's", "unknown_vm"};
    if (!domain) {
        auto error = last_error();
        return error.code == ErrorCode::not_found ? unknown : error;
    }
    const auto ours = metadata_of(domain.get());
    if (vm.starts_with(self_test_prefix) || ours || ours.error().code != ErrorCode::not_found) {
        return unknown;
    }
    return domain;
}

} // namespace

Result<ForeignSource> LibvirtHypervisor::foreign_source(const std::string& vm) const
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up_foreign(connection.get(), vm));
    return libvirt::foreign_source(domain.get());
}

Result<> LibvirtHypervisor::back_up(const ForeignSource& source,
                                    const std::filesystem::path& into,
                                    std::chrono::milliseconds patience)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up_foreign(connection.get(), source.vm));
    if (uuid_of(domain.get()) != source.uuid) {
        return Error{ErrorCode::failed_precondition,
                     source.vm + " is another VM than it was a moment ago",
                     "vm_changed"};
    }
    return libvirt::back_up(domain.get(), source, into, patience);
}

Result<HypervisorFacts> LibvirtHypervisor::facts() const
{
    COMMON_TRY(const auto connection, pool_.take());
    unsigned long libvirt = 0;
    unsigned long qemu = 0;
    if (virConnectGetLibVersion(connection.get(), &libvirt) < 0 ||
        virConnectGetVersion(connection.get(), &qemu) < 0) {
        return last_error().during("ask for versions");
    }
    return HypervisorFacts{version_text(libvirt), version_text(qemu)};
}

} // namespace hostd::libvirt
