#include "hostd/libvirt/qemu_user.hpp"

#include "common/unique_fd.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/xml.hpp"
#include "hostd/virt/handles.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <sys/acl.h>
#include <sys/stat.h>

namespace hostd::libvirt {

namespace fs = std::filesystem;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Of "+64055:+109", as libvirt writes it; the group is read, too, since it is what follows.
std::optional<uid_t> user_from(std::string_view label)
{
    const auto number = [](std::string_view text) -> std::optional<unsigned> {
        unsigned value = 0;
        text.remove_prefix(text.starts_with('+') ? 1 : 0);
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        return error == std::errc{} && stop == text.data() + text.size() ? std::optional{value}
                                                                         : std::nullopt;
    };
    const auto colon = label.find(':');
    const bool is_pair = colon != std::string_view::npos && number(label.substr(colon + 1));
    return is_pair ? number(label.substr(0, colon)) : std::nullopt;
}

Error cannot_share(const fs::path& path)
{
    const int why = errno;
    const auto what = fmt::format("let QEMU's user open {}: {}", path.string(), std::strerror(why));
    return why == ENOTSUP ? Error{ErrorCode::failed_precondition,
                                  what + ": its file system has no access lists; mount it with acl"}
                          : Error{ErrorCode::internal, what};
}

} // namespace

std::optional<uid_t> qemu_user(std::string_view capabilities_xml)
{
    const auto document = xml::parse(capabilities_xml);
    auto* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    for (auto* model : xml::children(xml::child(root, "host"), "secmodel")) {
        if (xml::text_of(xml::child(model, "model")) == "dac") {
            return user_from(xml::text_of(xml::child(model, "baselabel")));
        }
    }
    return std::nullopt;
}

Result<std::optional<uid_t>> qemu_user(virConnectPtr connection)
{
    const virt::CString capabilities{virConnectGetCapabilities(connection)};
    if (!capabilities) {
        return last_error().during("ask whom QEMU runs as");
    }
    return qemu_user(capabilities.get());
}

Result<> let_qemu_use(const fs::path& path, uid_t user)
{
    const common::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    return fd ? let_qemu_use(fd.get(), path, user) : cannot_share(path);
}

Result<> let_qemu_use(int fd, const fs::path& path, uid_t user)
{
    struct stat about {};
    if (::fstat(fd, &about) != 0) {
        return cannot_share(path);
    }
    // Only QEMU's user, its owner, and who is root: the mask is what the mode shows of a group.
    const auto text = fmt::format(
        "u::{0},u:{1}:{0},g::---,m::{0},o::---", S_ISDIR(about.st_mode) ? "rwx" : "rw-", user);
    const std::unique_ptr<void, int (*)(void*)> list{::acl_from_text(text.c_str()), &::acl_free};
    if (!list || ::acl_set_fd(fd, static_cast<acl_t>(list.get())) != 0) {
        return cannot_share(path);
    }
    return {};
}

} // namespace hostd::libvirt
