#include "hostd/libvirt/memory_stream.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/qmp.hpp"

#include "common/log/log.hpp"
#include "common/unique_fd.hpp"

#include <array>
#include <future>
#include <sys/socket.h>
#include <thread>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;
using nlohmann::json;
using std::chrono::steady_clock;

namespace {

constexpr const char* stream_name = "paddock-state";
constexpr std::uint64_t full_speed = std::uint64_t{1} << 40U; // A TiB a second: no limit.

struct Stream {
    UniqueFd ours;
    UniqueFd theirs;
};

Result<Stream> make_stream()
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Error{ErrorCode::resource_exhausted, "no socket for a guest's state"};
    }
    Stream stream{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
    // As much as the kernel gives: each time QEMU waits for us the guest waits longer.
    constexpr int buffer = 4 << 20;
    ::setsockopt(stream.ours.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    ::setsockopt(stream.theirs.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    return stream;
}

/// QEMU has closed its end; it says a moment later how it went.
Result<> await_completed(virDomainPtr domain, steady_clock::time_point deadline)
{
    while (true) {
        COMMON_TRY(const auto reply, qmp(domain, "query-migrate"));
        const auto status = reply.is_object() ? reply.value("status", json{}) : json{};
        if (status == "completed") {
            return {};
        }
        if (status == "failed" || status == "cancelled") {
            return Error{ErrorCode::internal,
                         "QEMU did not write the state: " +
                             reply.value("error-desc", json{status}).dump()};
        }
        if (steady_clock::now() >= deadline) {
            return Error{ErrorCode::timeout, "QEMU did not end the state in time"};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

/// Until QEMU is rid of what was begun, so that the next attempt is not refused.
void cancel(virDomainPtr domain)
{
    if (const auto given_up = qmp(domain, "migrate_cancel"); !given_up) {
        spdlog::warn("ignoring: {}", given_up.error().message);
    }
    static_cast<void>(await_completed(domain, steady_clock::now() + std::chrono::seconds{5}));
}

} // namespace

FullSpeed::FullSpeed(virDomainPtr domain) : domain_{domain}
{
    const auto parameters = qmp(domain, "query-migrate-parameters");
    const auto before =
        parameters && parameters->is_object() ? parameters->value("max-bandwidth", json{}) : json{};
    if (before.is_number_unsigned() &&
        qmp(domain, "migrate-set-parameters", {{"max-bandwidth", full_speed}})) {
        before_ = before.get<std::uint64_t>();
    }
}

FullSpeed::~FullSpeed()
{
    if (before_ != 0) {
        static_cast<void>(qmp(domain_, "migrate-set-parameters", {{"max-bandwidth", before_}}));
    }
}

Result<> make_migratable(virDomainPtr paused)
{
    COMMON_TRY(const auto status, qmp_status(paused));
    if (status == "postmigrate") {
        COMMON_CHECK(qmp(paused, "cont"));
        COMMON_CHECK(qmp(paused, "stop"));
    }
    return {};
}

Result<qemu::Split> stream_out(virDomainPtr paused, int memory, const RamBlock& ram)
{
    COMMON_TRY(auto stream, make_stream());
    COMMON_CHECK(qmp_give(paused, stream_name, stream.theirs.get()));
    stream.theirs.reset();

    qemu::SplitSettings settings;
    settings.ram_block = ram.name;
    settings.renamed = loaded_ram;
    settings.ram = ram.size;
    const int ours = stream.ours.get();
    auto reader = std::async(std::launch::async, [ours, memory, settings] {
        auto split = qemu::split(ours, memory, settings);
        if (!split) {
            ::shutdown(ours, SHUT_RDWR); // QEMU would wait for ever for somebody to read on.
        }
        return split;
    });
    const auto deadline = steady_clock::now() + stream_patience;
    const auto begun = qmp(paused, "migrate", {{"uri", std::string{"fd:"} + stream_name}});
    if (!begun) {
        static_cast<void>(qmp(paused, "closefd", {{"fdname", stream_name}}));
        ::shutdown(ours, SHUT_RDWR);
        reader.wait();
        return begun.error();
    }
    if (reader.wait_until(deadline) != std::future_status::ready) {
        ::shutdown(ours, SHUT_RDWR);
        cancel(paused);
        reader.wait();
        return Error{ErrorCode::timeout, "QEMU did not write the state in time"};
    }
    auto split = reader.get();
    if (!split) {
        cancel(paused);
        if (virDomainIsActive(paused) == 0) {
            return Error{ErrorCode::internal, "QEMU ended while it wrote its state"};
        }
        return split;
    }
    COMMON_CHECK(await_completed(paused, deadline));
    return split;
}

} // namespace hostd::libvirt
