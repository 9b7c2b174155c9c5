#include "common/working_on.hpp"

#include <utility>

namespace common {

namespace {

thread_local std::shared_ptr<const Work> current;

} // namespace

WorkingOn::WorkingOn(RequestId request, SandboxId sandbox)
    : WorkingOn{std::make_shared<const Work>(Work{std::move(request), std::move(sandbox)})}
{}

WorkingOn::WorkingOn(std::shared_ptr<const Work> work)
    : before_{std::exchange(current, std::move(work))}
{}

WorkingOn::~WorkingOn()
{
    current = std::move(before_);
}

const std::shared_ptr<const Work>& WorkingOn::now() noexcept
{
    return current;
}

std::function<void()> WorkingOn::carried(std::function<void()> task)
{
    if (!current) {
        return task;
    }
    return [work = current, task = std::move(task)] {
        const WorkingOn on{work};
        task();
    };
}

} // namespace common
