#pragma once

#include <cassert>
#include <thread>

namespace common {

/// Remembers the thread that made it; check() fails on any other one. A member
/// of every class that must not leave its thread: it turns a rule written in
/// docs/architecture.md into an assertion that debug and sanitizer builds run.
class ThreadOwned {
public:
    void check() const noexcept { assert(std::this_thread::get_id() == owner_); }

private:
    std::thread::id owner_ = std::this_thread::get_id();
};

} // namespace common
