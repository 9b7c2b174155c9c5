#pragma once

#include "coordinator/core/guest_files.hpp"
#include "coordinator/core/live_execs.hpp"

namespace coordinator::guest {

class Call;

/// GuestFiles over calls of the guests' agents, within each sandbox's own policy, which is sent
/// with every request: the agent keeps nothing, and so has nothing to forget.
class Files final : public GuestFiles {
public:
    /// What a sandbox was made with; its errors are the caller's. Any thread.
    using PolicyOf = std::function<common::Result<FilePolicy>(const Caller& caller,
                                                              const common::SandboxId& id)>;

    Files(LiveExecs& execs, PolicyOf policy_of) : execs_{execs}, policy_of_{std::move(policy_of)} {}

    common::Result<FileAnswer>
    ask(const Caller& caller, const common::SandboxId& id, const FileRequest& request) override;
    common::Result<FileDownload>
    read(const Caller& caller, const common::SandboxId& id, const FileRequest& request) override;
    common::Result<std::unique_ptr<FileUpload>>
    write(const Caller& caller, const common::SandboxId& id, const FileRequest& request) override;
    common::Result<std::unique_ptr<FileWatch>>
    watch(const Caller& caller, const common::SandboxId& id, const FileRequest& request) override;

private:
    enum class Body { is_there, is_received };
    common::Result<std::unique_ptr<Call>> call(const Caller& caller,
                                               const common::SandboxId& id,
                                               const FileRequest& request,
                                               Body body = Body::is_there);
    struct Begun;
    common::Result<Begun> begin(const Caller& caller,
                                const common::SandboxId& id,
                                const FileRequest& request,
                                Body body = Body::is_there);

    LiveExecs& execs_;
    const PolicyOf policy_of_;
};

} // namespace coordinator::guest
