#pragma once
// Preloaded into paddock-hostd: counts the steps by which it changes anything, and does harm at one
// of them.
//
// A step is a call of libvirt's that has an effect, a child process, or a call of libc's that
// changes what is below one of `kept`; writes to one file in a row are one. PADDOCK_FAULT_STEPS
// names a folder. While a file `armed` is in it, "TOKEN STEP ACTION WHEN", each step is a line in
// its steps.log; another TOKEN begins to count anew. At step STEP (0: never) `armed` is removed, so
// that nobody acts again, and then ACTION is done:
//
// - hostd, libvirtd, qemu: all processes of that name on this host are killed, WHEN: before or
//   after the step is done;
// - error: the step is not done, and fails;
// - enospc: this step and the next few fail, as far as they need room on the disk, or until another
//   TOKEN is there.
#include <cerrno>
#include <dlfcn.h>
#include <string>
#include <type_traits>

namespace fault_steps {

/// What fails how: libvirt's calls, the start of a child, and what frees or needs room on the disk.
enum class Kind { calls, spawns, removes, makes, writes };

/// The next one of this name: what is interposed here.
template <typename Function>
Function next(const char* name)
{
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}
#define NEXT(function) fault_steps::next<decltype(&(function))>(#function)

struct Order {
    std::string action;
    bool after = false;
};

/// Counts this step; what is to be done at it.
Order take(Kind kind, const std::string& what);
/// Kills whom the action names, if it does.
void strike(const std::string& action);
/// libvirt's last error is that this was made to fail.
void set_libvirts_error();

/// The call's own kind of failure.
template <typename Reply>
Reply failed(Kind kind, int why)
{
    if (kind == Kind::calls) {
        set_libvirts_error();
    }
    errno = why;
    if constexpr (std::is_pointer_v<Reply>) {
        return nullptr;
    } else {
        return kind == Kind::spawns ? why : Reply{-1};
    }
}

template <typename Call>
auto step(Kind kind, const std::string& what, const Call& call) -> decltype(call())
{
    const auto order = take(kind, what);
    if (order.action == "error" || order.action == "enospc") {
        return failed<decltype(call())>(kind, order.action == "error" ? EIO : ENOSPC);
    }
    if (!order.after) {
        strike(order.action);
    }
    auto reply = call();
    const int error = errno;
    if (order.after) {
        strike(order.action);
    }
    errno = error;
    return reply;
}

} // namespace fault_steps
