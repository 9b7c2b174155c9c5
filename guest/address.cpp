// The network address of a guest that was loaded as a copy of another. By ioctl(2), as in
// netdevice(7): there may be no program for it, and those that run stand still.
#include "guest/identity.hpp"

#include "common/unique_fd.hpp"
#include "guest/users.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace guest {

namespace {

using Mac = std::array<unsigned char, 6>;

std::optional<Mac> parse_mac(const std::string& text)
{
    Mac mac{};
    char rest = 0;
    const int count = std::sscanf(text.c_str(),
                                  "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c",
                                  &mac[0],
                                  &mac[1],
                                  &mac[2],
                                  &mac[3],
                                  &mac[4],
                                  &mac[5],
                                  &rest);
    return count == 6 ? std::optional{mac} : std::nullopt;
}

/// One interface, through the requests of netdevice(7).
class Interface {
public:
    explicit Interface(const char* name) : socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}
    {
        std::strncpy(name_.data(), name, name_.size() - 1);
    }

    [[nodiscard]] std::optional<Mac> mac() const
    {
        auto request = make();
        if (!ask(SIOCGIFHWADDR, request) || request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
            return std::nullopt;
        }
        Mac mac{};
        std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
        return mac;
    }
    void set_mac(const Mac& mac) const
    {
        auto request = make();
        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        std::memcpy(request.ifr_hwaddr.sa_data, mac.data(), mac.size());
        ask(SIOCSIFHWADDR, request);
    }
    void bring_up() const { change_flags(IFF_UP, 0); }
    void bring_down() const { change_flags(0, IFF_UP); }
    [[nodiscard]] std::optional<in_addr> get(unsigned long what) const
    {
        auto request = make();
        if (!ask(what, request)) {
            return std::nullopt;
        }
        sockaddr_in address{};
        std::memcpy(&address, &request.ifr_addr, sizeof address);
        return address.sin_addr;
    }
    void set(unsigned long what, in_addr value) const
    {
        auto request = make();
        const auto address = inet(value);
        std::memcpy(&request.ifr_addr, &address, sizeof address);
        ask(what, request);
    }
    void add_default_route(in_addr gateway, int metric)
    {
        rtentry route{};
        const auto via = inet(gateway);
        const auto any = inet({});
        std::memcpy(&route.rt_gateway, &via, sizeof via);
        std::memcpy(&route.rt_dst, &any, sizeof any);
        std::memcpy(&route.rt_genmask, &any, sizeof any);
        route.rt_flags = RTF_UP | RTF_GATEWAY;
        route.rt_metric = static_cast<short>(metric + 1); // As route(8): the kernel takes one off.
        route.rt_dev = name_.data();
        ::ioctl(socket_.get(), SIOCADDRT, &route);
    }
    [[nodiscard]] const char* name() const { return name_.data(); }

private:
    static sockaddr_in inet(in_addr value)
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr = value;
        return address;
    }
    [[nodiscard]] ifreq make() const
    {
        ifreq request{};
        std::memcpy(request.ifr_name, name_.data(), name_.size());
        return request;
    }
    void change_flags(int set, int clear) const
    {
        auto request = make();
        if (ask(SIOCGIFFLAGS, request)) {
            request.ifr_flags = static_cast<short>((request.ifr_flags & ~clear) | set);
            ask(SIOCSIFFLAGS, request);
        }
    }
    bool ask(unsigned long what, ifreq& request) const
    {
        return socket_ && ::ioctl(socket_.get(), what, &request) == 0;
    }

    std::array<char, IFNAMSIZ> name_{};
    common::UniqueFd socket_;
};

/// The first that has a device behind it.
std::optional<Interface> first_interface()
{
    struct Free {
        void operator()(struct if_nameindex* all) const { ::if_freenameindex(all); }
    };
    const std::unique_ptr<struct if_nameindex, Free> all{::if_nameindex()};
    for (const auto* each = all.get(); each != nullptr && each->if_name != nullptr; ++each) {
        const auto device = std::string{"/sys/class/net/"} + each->if_name + "/device";
        Interface interface {
            each->if_name
        };
        if (::access(device.c_str(), F_OK) == 0 && interface.mac()) {
            return interface;
        }
    }
    return std::nullopt;
}

struct Gateway {
    in_addr address;
    int metric;
};

std::optional<Gateway> default_gateway(const char* interface)
{
    const auto table = read_file("/proc/net/route");
    for (std::size_t from = 0; from < table.size();) {
        const auto end = std::min(table.find('\n', from), table.size());
        const auto line = table.substr(from, end - from);
        from = end + 1;
        std::array<char, IFNAMSIZ> name{};
        unsigned destination = 0;
        Gateway gateway{};
        if (std::sscanf(line.c_str(),
                        "%15s %x %x %*x %*d %*d %d",
                        name.data(),
                        &destination,
                        &gateway.address.s_addr,
                        &gateway.metric) == 4 &&
            destination == 0 && gateway.address.s_addr != 0 &&
            std::strcmp(name.data(), interface) == 0) {
            return gateway;
        }
    }
    return std::nullopt;
}

} // namespace

Address take_address(const std::string& mac, const std::string& ip)
{
    const auto wanted = parse_mac(mac);
    auto interface = wanted ? first_interface() : std::nullopt;
    if (!interface) {
        return Address::kept;
    }
    const auto had = interface->get(SIOCGIFADDR);
    in_addr address{};
    // Without an address it has no prefix that could be kept: DHCP brings both.
    const bool move =
        had && ::inet_pton(AF_INET, ip.c_str(), &address) == 1 && had->s_addr != address.s_addr;
    if (interface->mac() == wanted && !move) {
        return Address::kept;
    }
    const auto mask = interface->get(SIOCGIFNETMASK);
    const auto gateway = default_gateway(interface->name());
    interface->bring_down();
    interface->set_mac(*wanted);
    if (move && mask) {
        interface->set(SIOCSIFADDR, address);
        interface->set(SIOCSIFNETMASK, *mask);
    }
    interface->bring_up();
    if (gateway) {
        interface->add_default_route(gateway->address, gateway->metric);
    }
    return Address::changed;
}

} // namespace guest
