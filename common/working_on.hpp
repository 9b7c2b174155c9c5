#pragma once

#include "common/id.hpp"

#include <functional>
#include <memory>

namespace common {

/// What a thread does something for: what it logs meanwhile names both (common/log). Either may be
/// empty.
struct Work {
    RequestId request;
    SandboxId sandbox;
};

/// Says so of this thread for as long as it lives; before and after, what was so before.
class WorkingOn {
public:
    WorkingOn(RequestId request, SandboxId sandbox);
    explicit WorkingOn(std::shared_ptr<const Work> work);
    ~WorkingOn();
    WorkingOn(const WorkingOn&) = delete;
    WorkingOn& operator=(const WorkingOn&) = delete;

    /// This thread's; nullptr: nobody asked for what it does.
    [[nodiscard]] static const std::shared_ptr<const Work>& now() noexcept;
    /// `task`, for whom this thread works now, on whichever thread it is run later.
    [[nodiscard]] static std::function<void()> carried(std::function<void()> task);

private:
    std::shared_ptr<const Work> before_;
};

} // namespace common
