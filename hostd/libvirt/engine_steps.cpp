#include "hostd/libvirt/engine_steps.hpp"

#include "common/log/log.hpp"
#include "hostd/libvirt/block_nodes.hpp"
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
/// knowing of it. What cannot be undone is left, and noted for the next start.
Result<bool>
writes_to(ConnectionPool& connections, const std::string& name, const std::filesystem::path& top)
{
    bool writes = false;
    COMMON_CHECK(insist(connections, [&](virConnectPtr connection) -> Result<> {
        const Domain domain{virDomainLookupByName(connection, name.c_str())};
        if (!domain) {
            return last_error();
        }
        if (virDomainIsActive(domain.get()) == 0) {
            COMMON_TRY(const auto known, top_known(domain.get()));
            writes = known == top;
            return {};
        }
        if (auto in_step = bring_into_step(connection, domain.get()); !in_step) {
            if (in_step.error().code == ErrorCode::unavailable) {
                return in_step;
            }
            spdlog::error("{}: {}", name, in_step.error().message);
        }
        COMMON_TRY(const auto written, written_file(domain.get()));
        writes = written == top;
        return {};
    }));
    return writes;
}

Result<> capture_to(ConnectionPool& connections,
                    const CaptureRequest& request,
                    const CaptureLive& live,
                    Captured& captured)
{
    COMMON_TRY(const auto connection, connections.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), request.id));
    COMMON_TRY(const auto record, read_record(domain.get()));
    auto life = Life::paused;
    switch (record.state) {
    case DomainState::stopped:
    case DomainState::crashed:
        return capture_stopped(connection.get(), domain.get(), request, captured);
    case DomainState::running: life = Life::running; break;
    case DomainState::paused: break;
    case DomainState::paused_by_disk_error:
    case DomainState::unknown:
        return Error{ErrorCode::failed_precondition, "it neither runs nor is it only paused"};
    }
    auto done = live({connection.get(), domain.get(), life}, captured);
    if (!done && life == Life::running) {
        let_go_on(connections, record.domain_name);
    }
    if (!done && request.new_top) {
        const auto writes = writes_to(connections, record.domain_name, *request.new_top);
        captured.branched = writes && *writes;
        captured.unsure = !writes;
    }
    if (captured.branched) {
        // libvirt notes the chain as it is now, by names that the caller is about to take away.
        auto noted = insist(connections, [&](virConnectPtr each) -> Result<> {
            COMMON_TRY(const auto again, look_up(each, request.id));
            return boot_from(each, again.get(), *request.new_top);
        });
        if (!noted) {
            captured.unsure = true;
            return done ? noted : done;
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
