#pragma once

#include "hostd/link/connection.hpp"
#include "hostd/link/session.hpp"

#include <memory>
#include <vector>

namespace hostd::link {

/// An attempt at each endpoint, all at once, of which one carries the session: the first that
/// stands. A coordinator that only stands by does not listen for hosts, so one that answers leads,
/// or has led. While one carries the session the others go on being tried, each is asked for its
/// epoch when it stands, and a later one takes the session over: so a leader that hangs, or is cut
/// off from its database, holds no host. One thread.
class Attempts {
public:
    Attempts(zmq::context_t& context, const LinkSettings& settings, const common::Clock& clock);
    ~Attempts();
    Attempts(const Attempts&) = delete;
    Attempts& operator=(const Attempts&) = delete;

    /// Over the connection that carries the session; nowhere if none does.
    void send(const std::string& bytes);

    /// Opens what is due, gives up what is over, and chooses who carries the session. The result
    /// is when to come again, if nothing happens.
    common::SteadyTime turn(Session& session);
    /// Until then, or until something arrives or `wake_fd` can be read.
    void wait(common::SteadyTime until, int wake_fd);
    /// What has happened to the connections, and what came over them; bounded.
    void serve(Session& session);

private:
    struct One {
        std::string endpoint;
        std::unique_ptr<Connection> connection{}; ///< None: it rests until `due`.
        common::SteadyTime due{};
        std::chrono::milliseconds retry{};
        bool stands = false;
        bool asked = false; ///< For its epoch; it answers by `due`.
    };
    void open(One& one);
    void rest(One& one, std::chrono::milliseconds time);
    void back_off(One& one);
    void choose(Session& session);
    void carry(One& one, Session& session);
    void lose(Session& session);
    void happened(One& one, Connection::Event event, Session& session);
    void answered(One& one, std::string_view bytes, Session& session);
    void receive(One& one, Session& session);

    zmq::context_t& context_;
    const LinkSettings& settings_;
    const common::Clock& clock_;
    std::vector<One> all_;
    One* carrier_ = nullptr; ///< Of the session; one of them.
    std::uint64_t opened_ = 0;
};

} // namespace hostd::link
