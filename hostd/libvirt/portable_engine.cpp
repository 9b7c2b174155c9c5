#include "hostd/libvirt/portable_engine.hpp"

#include "common/log/log.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/definitions.hpp"
#include "hostd/libvirt/domain_xml.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/put_aside.hpp"
#include "hostd/libvirt/snapshots.hpp"
#include "hostd/libvirt/state_loading.hpp"

#include <chrono>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;
using virt::CString;

namespace {

Error incompatible(const std::string& why)
{
    return {ErrorCode::failed_precondition, why, "state_incompatible"};
}

Result<std::string> describe(virDomainPtr domain)
{
    const CString xml{
        virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE)};
    return xml ? Result<std::string>{xml.get()}
               : Result<std::string>{last_error().during("describe the domain")};
}

/// One whose memory is libvirt's own: another's lies in a file that may be gone by the time that
/// it is needed.
Result<> check_started(std::string_view live_xml)
{
    COMMON_TRY(const auto ram, ram_block_of(live_xml));
    return ram.name == started_ram
               ? Result<>{}
               : Result<>{incompatible("the portable engine cannot keep the memory of a guest that "
                                       "the fast one loaded: stop and start it first")};
}

/// Of whichever incarnation: libvirt restores under the name that was saved.
bool is_name_of(const common::SandboxId& id, std::string_view name)
{
    constexpr std::string_view incarnation = ".g";
    const std::string_view first = id.str();
    return name == first ||
           (name.starts_with(first) && name.substr(first.size()).starts_with(incarnation) &&
            name.find_first_not_of("0123456789", first.size() + 2) == std::string_view::npos);
}

/// What is to be loaded, as what.
struct Plan {
    Identity who;
    std::string definition;
};

Result<Plan> plan(const LoadRequest& request)
{
    const auto& record = request.domain;
    COMMON_TRY(const auto captured, read_file(request.files.domain));
    Plan made;
    COMMON_TRY(made.who, identity_of(captured));
    if (made.who.sandbox != record.sandbox.id) {
        return incompatible("the portable engine cannot clone the memory of a guest: take a "
                            "checkpoint without memory");
    }
    if (!is_name_of(made.who.sandbox, made.who.name)) {
        return incompatible(made.who.name + " is no name of " + made.who.sandbox.str());
    }
    COMMON_TRY(const auto placed, definition_of(request, captured, made.who.uuid));
    COMMON_TRY(made.definition, renamed(placed, made.who.name, made.who.uuid));
    return made;
}

Result<> load_steps(virConnectPtr connection,
                    const Plan& plan,
                    const std::filesystem::path& memory,
                    bool defined)
{
    // One that is there keeps its definition until the state is loaded, so that a crash of ours
    // leaves what was; one that is not there must not vanish.
    if (!defined) {
        COMMON_CHECK(define(connection, plan.definition));
    }
    COMMON_TRY(const auto domain,
               restore_paused(connection, memory, plan.who.name, plan.definition.c_str()));
    if (defined) {
        COMMON_CHECK(define(connection, plan.definition));
    }
    if (virDomainResume(domain.get()) < 0) {
        return last_error().during("let it go on");
    }
    if (auto dropped = drop_aside(domain.get()); !dropped) {
        // Its next start finds out that it is of another incarnation.
        spdlog::warn("ignoring: {}", dropped.error().message);
    }
    return {};
}

Result<> load_on(ConnectionPool& connections,
                 virConnectPtr connection,
                 const Plan& plan,
                 const std::filesystem::path& memory)
{
    const auto& name = plan.who.name;
    COMMON_TRY(const auto before, find_stopped(connection, name));
    if (before && before->uuid != plan.who.uuid) {
        return incompatible(name + " is another domain than the one that was captured");
    }
    auto loaded = load_steps(connection, plan, memory, before.has_value());
    return loaded ? std::move(loaded)
                  : Result<>{taken_back(connections, name, before, std::move(loaded).error())};
}

/// There cannot be two of one name: the old one ends, and its memory is the way back.
Result<> load_in_place(ConnectionPool& connections,
                       virDomainPtr old,
                       const Plan& plan,
                       const std::function<Result<>()>& load)
{
    if (virDomainIsActive(old) == 0) {
        return load();
    }
    COMMON_TRY(const auto live, describe(old));
    COMMON_CHECK(check_started(live));
    COMMON_TRY(const auto who, identity_of(live));
    if (who.uuid != plan.who.uuid) {
        return incompatible(who.name + " is another domain than the one that was captured");
    }
    COMMON_TRY(const auto way_back, way_back_of(old));
    auto done = put_aside(old, way_back);
    if (done) {
        done = load();
    }
    if (!done) {
        const auto back = insist(connections, [&way_back](virConnectPtr connection) {
            return bring_back(connection, way_back);
        });
        if (!back) {
            spdlog::error("{} is not as it was: {}", way_back.name, back.error().message);
            return std::move(done).error().during(back.error().message);
        }
    }
    return done;
}

std::chrono::microseconds since(steady_clock::time_point begun)
{
    return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
}

Result<> take(virDomainPtr domain, Life life, const CaptureRequest& request)
{
    const bool stops = life == Life::running && request.then == CaptureRequest::Then::stay_paused;
    if (stops && virDomainSuspend(domain) < 0) {
        return last_error().during("pause the guest");
    }
    SnapshotParts parts{std::nullopt, request.new_top};
    if (request.memory == CaptureRequest::Memory::without) {
        return request.new_top ? take_snapshot(domain, parts) : Result<>{};
    }
    parts.memory = request.files.memory;
    return write_memory(domain, life, [&] { return take_snapshot(domain, parts); });
}

Result<> capture_live(const LiveGuest& guest, const CaptureRequest& request, Captured& captured)
{
    if (request.memory == CaptureRequest::Memory::with) {
        COMMON_TRY(const auto xml, describe(guest.domain));
        COMMON_CHECK(check_started(xml));
        COMMON_CHECK(write_file(request.files.domain, xml));
    }
    const auto begun = steady_clock::now();
    auto taken = take(guest.domain, guest.life, request);
    captured.paused = since(begun);
    captured.timings["snapshot"] = captured.paused;
    captured.branched = request.new_top && taken.has_value();
    return taken;
}

} // namespace

Captured PortableEngine::capture(const CaptureRequest& request)
{
    return capture_by(connections_, request, [&](const LiveGuest& guest, Captured& captured) {
        return capture_live(guest, request, captured);
    });
}

Result<> PortableEngine::load(const LoadRequest& request)
{
    COMMON_TRY(const auto connection, connections_.take());
    COMMON_TRY(const auto planned, plan(request));
    auto done = load_on(connections_, connection.get(), planned, request.files.memory);
    return done ? std::move(done)
                : Result<>{
                      std::move(done).error().during("load " + request.domain.sandbox.id.str())};
}

Result<> PortableEngine::replace(const LoadRequest& request)
{
    auto done = replace_old(request);
    return done ? std::move(done)
                : Result<>{
                      std::move(done).error().during("replace " + request.domain.sandbox.id.str())};
}

Result<> PortableEngine::replace_old(const LoadRequest& request)
{
    COMMON_TRY(const auto connection, connections_.take());
    COMMON_TRY(const auto old, find_replaced(connection.get(), request));
    COMMON_TRY(const auto record, read_record(old.get()));
    COMMON_TRY(const auto planned, plan(request));
    const auto load = [&] {
        return load_on(connections_, connection.get(), planned, request.files.memory);
    };
    return record.domain_name == planned.who.name
               ? load_in_place(connections_, old.get(), planned, load)
               : load_beside(connections_, old.get(), request.domain, load);
}

} // namespace hostd::libvirt
