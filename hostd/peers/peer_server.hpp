#pragma once

#include "common/curve/keys.hpp"
#include "hostd/core/pace.hpp"
#include "hostd/peers/shared_files.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace hostd::peers {

/// Gives the files of this host's images to hosts that may have them, over ZeroMQ with CURVE: who
/// has no key that was allowed is not connected at all, and is given nothing else than the image
/// that it was allowed for. On a thread of its own.
class PeerServer {
public:
    struct Settings {
        std::string endpoint; ///< tcp://ADDRESS:PORT, to listen on.
        common::curve::KeyPair keys;
        common::Bytes per_second;                  ///< At most, to all; 0: no bound.
        std::chrono::milliseconds life{3'600'000}; ///< Of a permission, from its last use on.
        std::chrono::milliseconds bind_again{5000};
    };

    PeerServer(Settings settings, SharedFiles::FileOf file_of);
    ~PeerServer();
    PeerServer(const PeerServer&) = delete;
    PeerServer& operator=(const PeerServer&) = delete;

    /// Any thread.
    void allow(const common::ImageId& registration, const std::string& key);
    /// Whether it listens. Any thread.
    [[nodiscard]] bool listens() const noexcept { return listens_; }
    /// Ends the thread. Any other one.
    void stop();

private:
    struct Sockets;
    using Permission = std::pair<std::string, std::string>; ///< Key, registration.

    void run();
    void serve(Sockets& sockets, SharedFiles& files);
    [[nodiscard]] std::string
    answer(const std::string& key, std::string_view request, SharedFiles& files);
    [[nodiscard]] bool is_known(const std::string& key);
    [[nodiscard]] bool may_have(const Permission& permission);
    void forget_old(common::SteadyTime now);
    /// False: it is to end.
    bool rest(std::chrono::milliseconds time);

    const Settings settings_;
    const SharedFiles::FileOf file_of_;
    Pace pace_;
    std::mutex mutex_;
    std::condition_variable news_;
    std::map<Permission, common::SteadyTime> allowed_; ///< Until then.
    bool stopping_ = false;
    std::atomic<bool> listens_{false};
    std::thread thread_;
};

} // namespace hostd::peers
