// The calls of libvirt's that have an effect, as far as hostd makes them.
#include "tests/fleet/fault_steps.hpp"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>

using fault_steps::Kind;
using fault_steps::step;

namespace {

template <typename Call>
auto call_step(const char* name, const std::string& what, const Call& call) -> decltype(call())
{
    return step(Kind::calls, std::string{name} + " " + what, call);
}

std::string name_of(virDomainPtr domain)
{
    const char* name = virDomainGetName(domain);
    return name != nullptr ? name : "";
}

/// Of its XML.
std::string name_in(const char* xml)
{
    const std::string text{xml};
    const auto begin = text.find("<name>");
    return begin == std::string::npos
               ? ""
               : text.substr(begin + 6, text.find('<', begin + 6) - begin - 6);
}

} // namespace

extern "C" {

int virDomainSuspend(virDomainPtr domain)
{
    return call_step(__func__, name_of(domain), [&] { return NEXT(virDomainSuspend)(domain); });
}

int virDomainResume(virDomainPtr domain)
{
    return call_step(__func__, name_of(domain), [&] { return NEXT(virDomainResume)(domain); });
}

int virDomainCreate(virDomainPtr domain)
{
    return call_step(__func__, name_of(domain), [&] { return NEXT(virDomainCreate)(domain); });
}

int virDomainDestroy(virDomainPtr domain)
{
    return call_step(__func__, name_of(domain), [&] { return NEXT(virDomainDestroy)(domain); });
}

int virDomainUndefine(virDomainPtr domain)
{
    return call_step(__func__, name_of(domain), [&] { return NEXT(virDomainUndefine)(domain); });
}

int virDomainUndefineFlags(virDomainPtr domain, unsigned flags)
{
    return call_step(
        __func__, name_of(domain), [&] { return NEXT(virDomainUndefineFlags)(domain, flags); });
}

int virDomainShutdownFlags(virDomainPtr domain, unsigned flags)
{
    return call_step(
        __func__, name_of(domain), [&] { return NEXT(virDomainShutdownFlags)(domain, flags); });
}

int virDomainManagedSave(virDomainPtr domain, unsigned flags)
{
    return call_step(
        __func__, name_of(domain), [&] { return NEXT(virDomainManagedSave)(domain, flags); });
}

int virDomainManagedSaveRemove(virDomainPtr domain, unsigned flags)
{
    return call_step(
        __func__, name_of(domain), [&] { return NEXT(virDomainManagedSaveRemove)(domain, flags); });
}

int virDomainBlockRebase(virDomainPtr domain,
                         const char* disk,
                         const char* base,
                         unsigned long bandwidth,
                         unsigned flags)
{
    return call_step(__func__, name_of(domain), [&] {
        return NEXT(virDomainBlockRebase)(domain, disk, base, bandwidth, flags);
    });
}

int virDomainBlockJobAbort(virDomainPtr domain, const char* disk, unsigned flags)
{
    return call_step(__func__, name_of(domain), [&] {
        return NEXT(virDomainBlockJobAbort)(domain, disk, flags);
    });
}

int virDomainSetMetadata(virDomainPtr domain,
                         int type,
                         const char* metadata,
                         const char* key,
                         const char* uri,
                         unsigned flags)
{
    return call_step(__func__, name_of(domain), [&] {
        return NEXT(virDomainSetMetadata)(domain, type, metadata, key, uri, flags);
    });
}

virDomainSnapshotPtr
virDomainSnapshotCreateXML(virDomainPtr domain, const char* xml, unsigned flags)
{
    return call_step(__func__, name_of(domain), [&] {
        return NEXT(virDomainSnapshotCreateXML)(domain, xml, flags);
    });
}

int virDomainRestoreFlags(virConnectPtr connection,
                          const char* from,
                          const char* xml,
                          unsigned flags)
{
    return call_step(
        __func__, from, [&] { return NEXT(virDomainRestoreFlags)(connection, from, xml, flags); });
}

virDomainPtr virDomainDefineXML(virConnectPtr connection, const char* xml)
{
    return call_step(
        __func__, name_in(xml), [&] { return NEXT(virDomainDefineXML)(connection, xml); });
}

virDomainPtr virDomainDefineXMLFlags(virConnectPtr connection, const char* xml, unsigned flags)
{
    return call_step(__func__, name_in(xml), [&] {
        return NEXT(virDomainDefineXMLFlags)(connection, xml, flags);
    });
}

int virDomainQemuMonitorCommand(virDomainPtr domain,
                                const char* command,
                                char** result,
                                unsigned flags)
{
    const auto call = [&] {
        return NEXT(virDomainQemuMonitorCommand)(domain, command, result, flags);
    };
    const std::string text{command};
    return text.find("\"query-") == std::string::npos
               ? call_step(__func__, name_of(domain) + " " + text, call)
               : call();
}

int virDomainQemuMonitorCommandWithFiles(virDomainPtr domain,
                                         const char* command,
                                         unsigned files_count,
                                         int* files,
                                         unsigned* back_count,
                                         int** back,
                                         char** result,
                                         unsigned flags)
{
    return call_step(__func__, name_of(domain), [&] {
        return NEXT(virDomainQemuMonitorCommandWithFiles)(
            domain, command, files_count, files, back_count, back, result, flags);
    });
}

int virNetworkUpdate(virNetworkPtr network,
                     unsigned command,
                     unsigned section,
                     int parent,
                     const char* xml,
                     unsigned flags)
{
    return call_step(__func__, virNetworkGetName(network), [&] {
        return NEXT(virNetworkUpdate)(network, command, section, parent, xml, flags);
    });
}

} // extern "C"
