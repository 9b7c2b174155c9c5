#include "hostd/libvirt/chain_pull.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/snapshots.hpp"

#include <thread>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::steady_clock;

namespace {

constexpr const char* disk_target = "vda"; // domain_xml()'s.
constexpr std::chrono::milliseconds between_looks{20};

} // namespace

Result<> pull_down_to(virDomainPtr domain,
                      const std::filesystem::path& base,
                      std::chrono::milliseconds patience)
{
    constexpr unsigned long at_any_speed = 0;
    if (virDomainBlockRebase(domain, disk_target, base.c_str(), at_any_speed, 0) < 0) {
        return last_error_of_writing().during("begin to pull a chain");
    }
    const auto deadline = steady_clock::now() + patience;
    for (;;) {
        virDomainBlockJobInfo info{};
        const int under_way = virDomainGetBlockJobInfo(domain, disk_target, &info, 0);
        if (under_way < 0) {
            return last_error().during("wait for a chain to be pulled");
        }
        if (under_way == 0) {
            return {};
        }
        if (steady_clock::now() >= deadline) {
            if (virDomainBlockJobAbort(domain, disk_target, 0) < 0) {
                return last_error().during("give up pulling a chain");
            }
            return Error{ErrorCode::timeout, "pulling a chain took too long and is given up"};
        }
        std::this_thread::sleep_for(between_looks);
    }
}

} // namespace hostd::libvirt
