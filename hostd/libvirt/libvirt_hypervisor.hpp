#pragma once

#include "hostd/core/hypervisor.hpp"
#include "hostd/libvirt/agent_gate.hpp"
#include "hostd/libvirt/connections.hpp"
#include "hostd/libvirt/domain_xml.hpp"
#include "hostd/virt/event_loop.hpp"

#include <memory>
#include <string>

namespace hostd::libvirt {

/// The Hypervisor port over the libvirt C API. Any thread; see connections.hpp for the
/// threads that it has of its own. The process has to ignore SIGPIPE: libvirt writes to
/// daemons that are gone.
class LibvirtHypervisor final : public Hypervisor {
public:
    /// Does not wait for the daemon: calls are `unavailable` until it answers.
    explicit LibvirtHypervisor(std::string uri,
                               Platform platform = {},
                               std::size_t connections = 4);
    ~LibvirtHypervisor() override;

    void observe(Observer observer) override;
    common::Result<> define(const DomainSpec& spec) override;
    common::Result<> start(const common::SandboxId& id) override;
    common::Result<> pause(const common::SandboxId& id) override;
    common::Result<> go_on(const common::SandboxId& id, std::uint64_t incarnation) override;
    common::Result<> bring_disk_into_step(const common::SandboxId& id,
                                          std::uint64_t incarnation) override;
    common::Result<> request_shutdown(const common::SandboxId& id) override;
    common::Result<> kill(const common::SandboxId& id) override;
    common::Result<> undefine(const common::SandboxId& id) override;
    common::Result<std::filesystem::path> top_of(const common::SandboxId& id) const override;
    common::Result<> pull_down_to(const common::SandboxId& id,
                                  const std::filesystem::path& base,
                                  std::chrono::milliseconds patience) override;
    common::Result<> set_top(const common::SandboxId& id,
                             const std::filesystem::path& top) override;
    common::Result<> keep_only(const common::SandboxId& id, std::uint64_t incarnation) override;
    common::Result<> set_generation(const common::SandboxId& id, std::uint64_t generation) override;
    common::Result<> set_owner(const common::SandboxId& id,
                               const SandboxSpec& spec,
                               std::uint64_t generation) override;
    common::Result<DomainRecord> find(const common::SandboxId& id) const override;
    common::Result<std::vector<DomainRecord>> all_of(const common::SandboxId& id) const override;
    common::Result<std::vector<DomainRecord>> list() const override;
    common::Result<std::vector<ForeignVm>> list_foreign() const override;
    common::Result<ForeignSource> foreign_source(const std::string& vm) const override;
    common::Result<> back_up(const ForeignSource& source,
                             const std::filesystem::path& into,
                             std::chrono::milliseconds patience) override;
    common::Result<std::vector<Traffic>> traffic() const override;
    common::Result<Reading> reading(const common::SandboxId& id) const override;
    common::Result<std::vector<Usage>> usages() const override;
    common::Result<HypervisorFacts> facts() const override;
    common::Result<ExecOutcome> qemu_agent_exec(const common::SandboxId& id,
                                                const ExecSpec& exec) override;
    common::Result<> qemu_agent_ping(const common::SandboxId& id) override;
    common::Result<> freeze_file_systems(const common::SandboxId& id) override;
    common::Result<> thaw_file_systems(const common::SandboxId& id) override;

    /// For others that speak to the same libvirt: FastEngine. Lives as long as this.
    [[nodiscard]] ConnectionPool& connections() noexcept { return pool_; }

private:
    common::Result<> change_metadata(const common::SandboxId& id,
                                     const std::function<void(DomainRecord&)>& change);

    common::Result<std::string> ask_agent(const common::SandboxId& id, const std::string& command);

    const Platform platform_;
    virt::EventLoop loop_;
    Opener opener_;
    mutable ConnectionPool pool_;
    AgentGate agents_;
    std::unique_ptr<Watch> watch_;
};

} // namespace hostd::libvirt
