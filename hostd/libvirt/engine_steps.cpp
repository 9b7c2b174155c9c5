#include "hostd/libvirt/engine_steps.hpp"

#include "common/log/log.hpp"
#include "hostd/libvirt/block_nodes.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/host_files.hpp"
#include "hostd/libvirt/last_error.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;

namespace {

/// libvirt removes the socket of a domain that ends, whoever listens on it by then.
Result<> check_apart(const DomainRecord& old, const DomainRecord& next)
{
    const bool shared = old.files.agent_socket == next.files.agent_socket ||
                        old.files.console_log == next.files.console_log ||
                        (!old.net.tap.empty() && old.net.tap == next.net.tap);
    return shared ? Result<>{Error{ErrorCode::invalid_argument,
                                   "two incarnations of " + old.sandbox.id.str() +
                                       " cannot share a socket, a log or a tap"}}
                  : Result<>{};
}

/// A stopped guest has nothing but its disk, and nobody writes to that.
Result<> capture_stopped(virConnectPtr connection,
                         virDomainPtr domain,
                         const CaptureRequest& request,
                         Captured& captured)
{
    if (request.memory == CaptureRequest::Memory::with) {
        return Error{ErrorCode::failed_precondition,
                     request.id.str() + " is stopped: it has no memory"};
    }
    if (request.new_top) {
        COMMON_CHECK(boot_from(connection, domain, *request.new_top));
        captured.branched = true;
    }
    return {};
}

/// A branch that failed may yet have happened, also without a libvirtd that was killed meanwhile
/// knowing of it: it is undone. An error: it is not, or nobody can say.
Result<bool> writes_to(ConnectionPool& connections,
                       const common::SandboxId& id,
                       const std::filesystem::path& top)
{
    bool writes = false;
    auto asked = insist(connections, [&](virConnectPtr connection) -> Result<> {
        COMMON_TRY(const auto domain, look_up(connection, id));
        if (virDomainIsActive(domain.get()) == 1) {
            COMMON_CHECK(bring_into_step(connection, domain.get()));
        }
        COMMON_TRY(const auto known, top_known(domain.get()));
        writes = known == top;
        return {};
    });
    if (!asked) {
        return std::move(asked).error();
    }
    return writes;
}

Result<> capture_live(ConnectionPool& connections,
                      const LiveGuest& guest,
                      const CaptureRequest& request,
                      const CaptureLive& live,
                      Captured& captured)
{
    if (request.new_top) {
        // Before it is written to: whatever ends QEMU or us after that, nothing is lost. It lies on
        // what was on top until now, and holds the same as long as it is empty.
        COMMON_CHECK(boot_from(guest.connection, guest.domain, *request.new_top));
    }
    const std::string name = virDomainGetName(guest.domain);
    auto done = live(guest, captured);
    if (!done && guest.life == Life::running) {
        let_go_on(connections, name);
    }
    return done;
}

Result<> capture_to(ConnectionPool& connections,
                    const CaptureRequest& request,
                    const CaptureLive& live,
                    Captured& captured)
{
    COMMON_TRY(const auto connection, connections.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), request.id));
    COMMON_TRY(const auto record, read_record(domain.get()));
    const bool stopped =
        record.state == DomainState::stopped || record.state == DomainState::crashed;
    const auto life = record.state == DomainState::running ? Life::running : Life::paused;
    if (!stopped && life != Life::running && record.state != DomainState::paused) {
        return Error{ErrorCode::failed_precondition, "it neither runs nor is it only paused"};
    }
    const LiveGuest guest{connection.get(), domain.get(), life};
    auto done = stopped ? capture_stopped(connection.get(), domain.get(), request, captured)
                        : capture_live(connections, guest, request, live, captured);
    if (!done && request.new_top) {
        const auto writes = writes_to(connections, request.id, *request.new_top);
        captured.branched = writes && *writes;
        captured.unsure = !writes;
        if (!writes) {
            spdlog::error(
                "which file {} is written to: {}", request.id.str(), writes.error().message);
        }
    }
    return done;
}

} // namespace

Captured
capture_by(ConnectionPool& connections, const CaptureRequest& request, const CaptureLive& live)
{
    Captured captured;
    if (auto done = capture_to(connections, request, live, captured); !done) {
        captured.error = std::move(done).error().during("capture " + request.id.str());
    }
    return captured;
}

Result<std::string>
definition_of(const LoadRequest& request, std::string_view captured, const std::string& uuid)
{
    COMMON_TRY(auto definition, reborn(captured, request.domain, uuid));
    return request.image ? at_home(definition, request.domain, *request.image)
                         : Result<std::string>{std::move(definition)};
}

Result<Domain> find_replaced(virConnectPtr connection, const LoadRequest& request)
{
    const auto& id = request.domain.sandbox.id;
    COMMON_TRY(auto all, incarnations(connection, id));
    const auto old = std::ranges::find_if(all, [&request](const Incarnation& each) {
        return each.number != request.domain.incarnation;
    });
    if (old == all.end()) {
        return Error{ErrorCode::not_found, id.str() + " has no domain to be replaced"};
    }
    return std::move(old->domain);
}

Result<> insist(ConnectionPool& connections, const std::function<Result<>(virConnectPtr)>& attempt)
{
    const auto once = [&]() -> Result<> {
        COMMON_TRY(const auto connection, connections.take());
        return attempt(connection.get());
    };
    const auto deadline = steady_clock::now() + std::chrono::seconds{30};
    auto done = once();
    while (!done && done.error().code == ErrorCode::unavailable && steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
        done = once();
    }
    return done;
}

Error taken_back(ConnectionPool& connections,
                 const std::string& name,
                 const std::optional<Stopped>& before,
                 Error error)
{
    const auto undone = insist(
        connections, [&](virConnectPtr connection) { return take_back(connection, name, before); });
    if (!undone) {
        spdlog::error("after a load that failed: {}", undone.error().message);
        error.reason = left_behind;
    }
    return error;
}

void let_go_on(ConnectionPool& connections, const std::string& domain_name)
{
    const auto done = insist(connections, [&](virConnectPtr connection) -> Result<> {
        const Domain domain{virDomainLookupByName(connection, domain_name.c_str())};
        if (!domain) {
            return last_error();
        }
        COMMON_TRY(const auto is_paused, stands_still(domain.get()));
        return is_paused ? go_on(domain.get()) : Result<>{};
    });
    if (!done) {
        spdlog::error("{} stays paused: {}", domain_name, done.error().message);
    }
}

Result<> load_beside(ConnectionPool& connections,
                     virDomainPtr old,
                     const DomainRecord& next,
                     const std::function<Result<>()>& load)
{
    COMMON_TRY(const auto record, read_record(old));
    COMMON_CHECK(check_apart(record, next));
    const bool ran = record.state == DomainState::running;
    if (ran && virDomainSuspend(old) < 0) {
        auto error = last_error().during("pause the old one");
        let_go_on(connections, record.domain_name); // It may be paused all the same.
        return error;
    }
    auto loaded = load();
    if (!loaded && ran && loaded.error().reason != left_behind) {
        let_go_on(connections, record.domain_name);
    }
    return loaded;
}

} // namespace hostd::libvirt
