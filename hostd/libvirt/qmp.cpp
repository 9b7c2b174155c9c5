#include "hostd/libvirt/qmp.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/virt/handles.hpp"

#include <array>
#include <libvirt/libvirt-qemu.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;
using virt::CString;

Result<json> qmp_return(const std::string& command, std::string_view reply)
{
    auto parsed = json::parse(reply, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object() && parsed.contains("return")) {
        return std::move(parsed["return"]);
    }
    std::string why = "neither a return nor an error";
    if (parsed.is_object() && parsed.contains("error") && parsed["error"].is_object()) {
        why = parsed["error"].value("desc", json{}).dump();
    }
    return Error{ErrorCode::internal, "QEMU on " + command + ": " + why};
}

Result<json> qmp(virDomainPtr domain, const std::string& command, json arguments)
{
    json request{{"execute", command}};
    if (!arguments.is_null()) {
        request["arguments"] = std::move(arguments);
    }
    char* text = nullptr;
    const int status = virDomainQemuMonitorCommand(domain, request.dump().c_str(), &text, 0);
    const CString reply{text};
    if (status < 0 || !reply) {
        return last_error().during("ask QEMU to " + command);
    }
    return qmp_return(command, reply.get());
}

Result<> qmp_give(virDomainPtr domain, const std::string& name, int fd)
{
    const json request{{"execute", "getfd"}, {"arguments", {{"fdname", name}}}};
    std::array<int, 1> files{fd};
    char* text = nullptr;
    const int status = virDomainQemuMonitorCommandWithFiles(
        domain, request.dump().c_str(), files.size(), files.data(), nullptr, nullptr, &text, 0);
    const CString reply{text};
    if (status < 0 || !reply) {
        return last_error().during("give QEMU a file");
    }
    COMMON_CHECK(qmp_return("getfd", reply.get()));
    return {};
}

Result<std::string> qmp_status(virDomainPtr domain)
{
    COMMON_TRY(const auto reply, qmp(domain, "query-status"));
    const auto status = reply.is_object() ? reply.value("status", json{}) : json{};
    if (!status.is_string()) {
        return Error{ErrorCode::internal, "QEMU gave no status"};
    }
    return status.get<std::string>();
}

} // namespace hostd::libvirt
