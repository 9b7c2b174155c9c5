#pragma once

#include <functional>

/// System calls of this program that a test has a word in: they are defined here, before libc's.
/// Each hook is the calling thread's own and called once.
namespace interposed {

struct Hooks {
    std::function<void()> before_fsync{};
    std::function<void(int folder, const char* name)> after_mkdirat{};
    std::function<void(int folder, const char* name)> after_fstatat{};
};

Hooks& hooks();
/// So many of write(2) and pwrite(2) to regular files return 0.
int& writes_of_nothing();

/// Until what is made is younger than all there is, by the clock that files' times come from.
void next_tick();

/// What a test has set is gone with it.
struct Reset {
    ~Reset()
    {
        hooks() = {};
        writes_of_nothing() = 0;
    }
};

} // namespace interposed
