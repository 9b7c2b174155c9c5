#include "hostd/libvirt/live_capture.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/memory_stream.hpp"
#include "hostd/libvirt/snapshots.hpp"
#include "hostd/libvirt/state_loading.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;
using std::chrono::steady_clock;
using virt::CString;

namespace {

/// As large as the guest's memory, all of it a hole: pages that are zero are never written. QEMU
/// opens it for writing even where it maps it privately.
Result<UniqueFd> make_memory_file(const std::filesystem::path& file,
                                  common::Bytes size,
                                  std::optional<uid_t> qemu_user)
{
    UniqueFd fd{::open(file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600)};
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size.count())) != 0) {
        const int why = errno;
        const bool full = why == ENOSPC || why == EDQUOT;
        return Error{full ? ErrorCode::resource_exhausted : ErrorCode::internal,
                     fmt::format("create {}: {}", file.string(), std::strerror(why)),
                     full ? "disk_full" : ""};
    }
    if (qemu_user) {
        COMMON_CHECK(let_qemu_use(fd.get(), file, *qemu_user));
    }
    return fd;
}

} // namespace

Result<> LiveCapture::run()
{
    const bool with_memory = request_.memory == CaptureRequest::Memory::with;
    std::optional<FullSpeed> full_speed;
    if (with_memory) {
        COMMON_CHECK(prepare());
        full_speed.emplace(domain_);
    }
    COMMON_CHECK(let_go(take()));
    if (with_memory) {
        // Not before: the guest need not wait for it.
        COMMON_CHECK(write_file(request_.files.device, device_));
        COMMON_CHECK(write_file(request_.files.domain, xml_));
    }
    return {};
}

Result<> LiveCapture::prepare()
{
    const CString xml{
        virDomainGetXMLDesc(domain_, VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE)};
    if (!xml) {
        return last_error().during("describe the domain");
    }
    xml_ = xml.get();
    COMMON_TRY(ram_, ram_block_of(xml_));
    COMMON_TRY(memory_, make_memory_file(request_.files.memory, ram_.size, qemu_user_));
    return {};
}

Result<> LiveCapture::stop_guest()
{
    stopped_at_ = steady_clock::now();
    if (life_ == Life::paused) {
        return make_migratable(domain_);
    }
    if (virDomainSuspend(domain_) < 0) {
        return last_error().during("pause the guest");
    }
    time("pause", stopped_at_);
    return {};
}

Result<> LiveCapture::take()
{
    COMMON_CHECK(stop_guest());
    // The disk first: after its memory was streamed out, QEMU has let go of the guest's disk.
    if (request_.new_top) {
        COMMON_CHECK(branch_disk());
    }
    return request_.memory == CaptureRequest::Memory::with ? take_memory() : Result<>{};
}

Result<> LiveCapture::branch_disk()
{
    const auto begun = steady_clock::now();
    COMMON_CHECK(take_snapshot(domain_, {std::nullopt, *request_.new_top}));
    captured_.branched = true;
    time("disk", begun);
    return {};
}

Result<> LiveCapture::take_memory()
{
    const auto begun = steady_clock::now();
    COMMON_TRY(auto split, stream_out(domain_, memory_.get(), ram_));
    device_ = std::move(split.device);
    time("memory", begun);
    return {};
}

Result<> LiveCapture::let_go(Result<> taken)
{
    using Then = CaptureRequest::Then;
    const bool goes_on = life_ == Life::running && (!taken || request_.then == Then::go_on);
    const auto begun = steady_clock::now();
    // If it was never paused, and is not now, there is nothing to resume and that is no error.
    if (goes_on && virDomainResume(domain_) < 0 && taken) {
        taken = last_error().during("let the guest go on");
    }
    if (goes_on) {
        time("resume", begun);
    }
    time("standstill", stopped_at_);
    captured_.paused = captured_.timings["standstill"];
    return taken;
}

void LiveCapture::time(const char* step, steady_clock::time_point since)
{
    captured_.timings[step] =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - since);
}

} // namespace hostd::libvirt
