#include "hostd/libvirt/self_test.hpp"

#include "common/digest/digest.hpp"
#include "common/id.hpp"
#include "common/log/log.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/live_capture.hpp"
#include "hostd/libvirt/qmp.hpp"
#include "hostd/libvirt/state_loading.hpp"
#include "hostd/virt/escape_xml.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <thread>
#include <unistd.h>

namespace hostd::libvirt {

namespace fs = std::filesystem;
using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;
using virt::CString;

namespace {

constexpr auto memory_size = Bytes::mib(16);
// Of which a second is used where nothing else runs; a busy host is no reason to do without.
constexpr auto test_patience = std::chrono::seconds{20};

// The title tells whose it is: several hostds may share a libvirt.
constexpr std::string_view trial_layout =
    R"(<domain type='{type}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <title>{title}</title>
  <memory unit='b'>{memory}</memory>
  <memoryBacking><nosharepages/></memoryBacking>
  <vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='{machine}'>hvm</type></os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>{cpu}</model></cpu>
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
  <qemu:capabilities><qemu:del capability='cpu-unavailable-features'/></qemu:capabilities>
</domain>
)";

void end(virDomainPtr domain)
{
    if (auto ended = cut_power(domain); !ended) {
        spdlog::warn("ignoring, in the self-test: {}", ended.error().message);
    }
}

/// A domain of the test, ended with it.
struct EndDomain {
    void operator()(virDomain* domain) const noexcept
    {
        end(domain);
        virDomainFree(domain);
    }
};
using TestDomain = std::unique_ptr<virDomain, EndDomain>;

class Proof {
public:
    Proof(virConnectPtr connection, const SelfTest& test)
        : connection_{connection}, test_{test}, folder_{test.state_dir / "selftest"}
    {
        clear();
    }
    ~Proof()
    {
        source_.reset();
        clone_.reset();
        clear();
    }
    Proof(const Proof&) = delete;
    Proof& operator=(const Proof&) = delete;

    Result<std::string> run();

private:
    void clear();
    Result<> make_folder();
    Result<> start_source();
    Result<> capture();
    Result<> load_clone();
    Result<> compare_memories();
    /// Its firmware counts on.
    Result<> await_ticks(virDomainPtr domain);
    Result<std::string> memory_of(virDomainPtr domain, std::uint64_t address, Bytes size);
    [[nodiscard]] std::string name() const
    {
        return std::string{self_test_prefix} + common::random_base32_80();
    }

    virConnectPtr connection_;
    const SelfTest& test_;
    const fs::path folder_;
    const StateFiles files_{folder_, folder_ / "memory", folder_ / "device", folder_ / "domain"};
    const steady_clock::time_point deadline_ = steady_clock::now() + test_patience;
    std::optional<uid_t> qemu_user_;
    TestDomain source_;
    TestDomain clone_;
};

Result<std::string> Proof::run()
{
    COMMON_CHECK(make_folder());
    COMMON_CHECK(start_source());
    COMMON_CHECK(await_ticks(source_.get()));
    COMMON_CHECK(capture());
    COMMON_TRY(const auto file_before, common::digest::of_file(files_.memory));
    COMMON_CHECK(load_clone());
    COMMON_CHECK(compare_memories());
    if (virDomainResume(clone_.get()) < 0 || virDomainResume(source_.get()) < 0) {
        return last_error().during("let both go on");
    }
    COMMON_CHECK(await_ticks(clone_.get()));
    COMMON_CHECK(await_ticks(source_.get()));
    COMMON_TRY(const auto file_after, common::digest::of_file(files_.memory));
    if (file_before != file_after) {
        return Error{ErrorCode::internal, "a running clone changed the file that it was made of"};
    }
    return fmt::format(
        "a clone of a running guest had the same {} MiB of memory, both went on, and "
        "the file between them stayed as it was",
        memory_size.mib());
}

void Proof::clear()
{
    const DomainList all{connection_};
    for (virDomainPtr each : all) {
        const CString title{virDomainGetMetadata(each, VIR_DOMAIN_METADATA_TITLE, nullptr, 0)};
        if (title && title.get() == folder_.string() &&
            std::string_view{virDomainGetName(each)}.starts_with(self_test_prefix)) {
            end(each);
        }
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

Result<> Proof::make_folder()
{
    COMMON_TRY(qemu_user_, qemu_user(connection_));
    std::error_code failed;
    fs::create_directory(folder_, failed);
    fs::permissions(folder_, fs::perms::owner_all, failed);
    if (failed) {
        return Error{ErrorCode::internal, "create " + folder_.string()};
    }
    // QEMU writes what its memory is into it.
    return qemu_user_ ? let_qemu_use(folder_, *qemu_user_) : Result<>{};
}

Result<> Proof::start_source()
{
    const auto xml = fmt::format(trial_layout,
                                 fmt::arg("type", test_.accel == Accel::kvm ? "kvm" : "qemu"),
                                 fmt::arg("name", name()),
                                 fmt::arg("uuid", fresh_uuid()),
                                 fmt::arg("title", virt::escape_xml(folder_.string())),
                                 fmt::arg("memory", memory_size.count()),
                                 fmt::arg("machine", virt::escape_xml(test_.platform.machine)),
                                 fmt::arg("cpu", virt::escape_xml(test_.cpu_model)));
    source_.reset(virDomainCreateXML(connection_, xml.c_str(), 0));
    return source_ ? Result<>{} : Result<>{last_error().during("start a domain")};
}

Result<> Proof::capture()
{
    CaptureRequest request;
    request.files = files_;
    request.then = CaptureRequest::Then::stay_paused;
    Captured captured;
    return LiveCapture{source_.get(), Life::running, qemu_user_, request, captured}.run();
}

Result<> Proof::load_clone()
{
    COMMON_TRY(const auto captured, read_file(files_.domain));
    COMMON_TRY(const auto xml, renamed(captured, name(), fresh_uuid()));
    COMMON_TRY(auto domain, load_paused(connection_, xml, files_, folder_ / "image"));
    clone_.reset(domain.release());
    return {};
}

Result<> Proof::compare_memories()
{
    COMMON_TRY(const auto source, memory_of(source_.get(), 0, memory_size));
    COMMON_TRY(const auto clone, memory_of(clone_.get(), 0, memory_size));
    if (source.size() != memory_size.count() || source.size() != clone.size()) {
        return Error{ErrorCode::internal, "QEMU did not tell all of the guests' memory"};
    }
    const auto [here, there] = std::ranges::mismatch(source, clone);
    if (here != source.end()) {
        return Error{ErrorCode::internal,
                     fmt::format("the clone's memory differs from the source's at {:#x}",
                                 here - source.begin())};
    }
    return {};
}

Result<> Proof::await_ticks(virDomainPtr domain)
{
    // Where every PC firmware counts the timer's ticks, 18 a second.
    constexpr std::uint64_t ticks = 0x46C;
    COMMON_TRY(const auto first, memory_of(domain, ticks, Bytes{4}));
    while (steady_clock::now() < deadline_) {
        COMMON_TRY(const auto now, memory_of(domain, ticks, Bytes{4}));
        if (now != first) {
            return {};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return Error{ErrorCode::timeout, "the firmware of a domain stood still"};
}

Result<std::string> Proof::memory_of(virDomainPtr domain, std::uint64_t address, Bytes size)
{
    const auto file = folder_ / "dump";
    std::error_code ignored;
    fs::remove(file, ignored);
    COMMON_CHECK(qmp(domain,
                     "pmemsave",
                     {{"val", address}, {"size", size.count()}, {"filename", file.string()}}));
    return read_file(file);
}

} // namespace

Result<std::string> prove_fast_engine(ConnectionPool& connections, const SelfTest& test)
{
    COMMON_TRY(const auto connection, connections.take());
    auto proven = Proof{connection.get(), test}.run();
    return proven ? std::move(proven)
                  : Result<std::string>{std::move(proven).error().during("self-test")};
}

} // namespace hostd::libvirt
