#include "hostd/libvirt/fast_engine.hpp"

#include "common/log/log.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/definitions.hpp"
#include "hostd/libvirt/domain_xml.hpp"
#include "hostd/libvirt/engine_steps.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/live_capture.hpp"
#include "hostd/libvirt/state_loading.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;

namespace {

double ms_since(steady_clock::time_point begun)
{
    return std::chrono::duration<double, std::milli>(steady_clock::now() - begun).count();
}

/// From its definition to the first instruction.
Result<> load_steps(virConnectPtr connection,
                    const LoadRequest& request,
                    const std::string& name,
                    const std::string& definition)
{
    auto begun = steady_clock::now();
    // First, so that a crash of ours leaves a domain that is stopped, not one that vanishes.
    COMMON_CHECK(define(connection, definition));
    const auto defining = ms_since(begun);
    begun = steady_clock::now();
    const auto image = request.domain.files.folder / (name + ".loading");
    COMMON_TRY(const auto domain, load_paused(connection, definition, request.files, image));
    const auto restoring = ms_since(begun);
    begun = steady_clock::now();
    if (virDomainResume(domain.get()) < 0) {
        return last_error().during("let it go on");
    }
    spdlog::debug("loaded {}: defined in {:.1f} ms, restored in {:.1f} ms, resumed in {:.1f} ms",
                  name,
                  defining,
                  restoring,
                  ms_since(begun));
    return {};
}

Result<> load_on(ConnectionPool& connections, virConnectPtr connection, const LoadRequest& request)
{
    const auto& record = request.domain;
    const auto name = domain_name(record.sandbox.id, record.incarnation);
    COMMON_TRY(const auto before, find_stopped(connection, name));
    COMMON_TRY(const auto captured, read_file(request.files.domain));
    COMMON_TRY(const auto definition,
               definition_of(request, captured, before ? before->uuid : fresh_uuid()));
    auto loaded = load_steps(connection, request, name, definition);
    return loaded ? std::move(loaded)
                  : Result<>{taken_back(connections, name, before, std::move(loaded).error())};
}

} // namespace

Captured FastEngine::capture(const CaptureRequest& request)
{
    return capture_by(
        connections_, request, [&](const LiveGuest& guest, Captured& captured) -> Result<> {
            COMMON_TRY(const auto qemu, asked_qemu_user(guest.connection));
            return LiveCapture{guest.domain, guest.life, qemu, request, captured}.run();
        });
}

Result<> FastEngine::load(const LoadRequest& request)
{
    COMMON_TRY(const auto connection, connections_.take());
    COMMON_CHECK(let_qemu_open(connection.get(), request.files.memory));
    auto done = load_on(connections_, connection.get(), request);
    return done ? std::move(done)
                : Result<>{
                      std::move(done).error().during("load " + request.domain.sandbox.id.str())};
}

Result<> FastEngine::replace(const LoadRequest& request)
{
    COMMON_TRY(const auto connection, connections_.take());
    COMMON_TRY(const auto old, find_replaced(connection.get(), request));
    COMMON_CHECK(let_qemu_open(connection.get(), request.files.memory));
    auto done = load_beside(connections_, old.get(), request.domain, [&] {
        return load_on(connections_, connection.get(), request);
    });
    return done ? std::move(done)
                : Result<>{
                      std::move(done).error().during("replace " + request.domain.sandbox.id.str())};
}

/// What was captured here is QEMU's already; what came from another host is not.
Result<> FastEngine::let_qemu_open(virConnectPtr connection, const std::filesystem::path& memory)
{
    COMMON_TRY(const auto user, asked_qemu_user(connection));
    return user ? let_qemu_use(memory, *user) : Result<>{};
}

Result<std::optional<uid_t>> FastEngine::asked_qemu_user(virConnectPtr connection)
{
    const std::scoped_lock lock{mutex_};
    if (!qemu_user_) {
        COMMON_TRY(qemu_user_, qemu_user(connection));
    }
    return *qemu_user_;
}

} // namespace hostd::libvirt
