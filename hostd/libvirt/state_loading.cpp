#include "hostd/libvirt/state_loading.hpp"

#include "common/rollback.hpp"
#include "common/unique_fd.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/xml.hpp"
#include "hostd/qemu/save_image.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iterator>
#include <libvirt/virterror.h>
#include <unistd.h>

namespace hostd::libvirt {

namespace fs = std::filesystem;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error failed(const std::string& what, const fs::path& file)
{
    const int why = errno;
    const auto message = what + " " + file.string() + ": " + std::strerror(why);
    return why == ENOSPC || why == EDQUOT
               ? Error{ErrorCode::resource_exhausted, message, "disk_full"}
               : Error{ErrorCode::internal, message};
}

/// What libvirt says when QEMU does not come up with the state, or ends over it. Everything
/// else (a network that is missing, a taken tap) is about this host's moment, not about the state.
bool is_about_the_state(int code)
{
    return code == VIR_ERR_OPERATION_FAILED || code == VIR_ERR_INTERNAL_ERROR ||
           code == VIR_ERR_CONFIG_UNSUPPORTED;
}

} // namespace

std::string fresh_uuid()
{
    std::array<std::uint8_t, 16> bytes{};
    if (::getentropy(bytes.data(), bytes.size()) != 0) {
        std::abort(); // Only a kernel without it.
    }
    bytes[6] = (bytes[6] & 0x0FU) | 0x40U; // RFC 4122: the version,
    bytes[8] = (bytes[8] & 0x3FU) | 0x80U; // and the variant.
    auto text = fmt::format("{:02x}", fmt::join(bytes, ""));
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) {
        text.insert(dash, 1, '-');
    }
    return text;
}

Result<std::string> read_file(const fs::path& file)
{
    std::ifstream stream{file, std::ios::binary};
    std::string content{std::istreambuf_iterator<char>{stream}, {}};
    if (!stream) {
        return failed("read", file);
    }
    return content;
}

Result<> write_file(const fs::path& file, std::string_view content)
{
    constexpr mode_t ours_alone = 0600;
    const common::UniqueFd fd{
        ::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, ours_alone)};
    if (!fd) {
        return failed("create", file);
    }
    while (!content.empty()) {
        const auto written = ::write(fd.get(), content.data(), content.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failed("write", file);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<Domain> load_paused(virConnectPtr connection,
                           const std::string& domain_xml,
                           const StateFiles& files,
                           const fs::path& image)
{
    COMMON_TRY(const auto xml_with_memory, with_memory_file(domain_xml, files.memory));
    COMMON_TRY(const auto device, read_file(files.device));
    common::Rollback unlink_image;
    unlink_image.add([&image] {
        std::error_code ignored;
        fs::remove(image, ignored);
    });
    COMMON_CHECK(qemu::write_save_image(image, xml_with_memory, device));
    const auto document = xml::parse(domain_xml);
    const auto name = xml::text_of(xml::child(xmlDocGetRootElement(document.get()), "name"));
    return restore_paused(connection, image, name, nullptr);
}

Result<Domain> restore_paused(virConnectPtr connection,
                              const fs::path& image,
                              const std::string& name,
                              const char* becomes)
{
    if (virDomainRestoreFlags(connection, image.c_str(), becomes, VIR_DOMAIN_SAVE_PAUSED) < 0) {
        const int code = virGetLastErrorCode();
        auto error = last_error().during("load a state");
        if (error.code == ErrorCode::internal && is_about_the_state(code)) {
            error.code = ErrorCode::failed_precondition;
            error.reason = "state_incompatible";
        }
        return error;
    }
    Domain domain{virDomainLookupByName(connection, name.c_str())};
    if (!domain) {
        return last_error().during("look up " + name);
    }
    return domain;
}

} // namespace hostd::libvirt
