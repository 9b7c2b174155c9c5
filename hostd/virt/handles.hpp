#pragma once

#include <cstdlib>
#include <libvirt/libvirt.h>
#include <memory>

namespace hostd::virt {

/// The deleter is a type, not a stored function pointer: a handle is one word,
/// and it cannot be built with the wrong deleter or with none.
template <auto Free>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const noexcept
    {
        static_cast<void>(Free(object)); // Nothing can be done about a failed free.
    }
};

using Connection = std::unique_ptr<virConnect, FreeWith<&virConnectClose>>;
using CString = std::unique_ptr<char, FreeWith<&std::free>>;

} // namespace hostd::virt
