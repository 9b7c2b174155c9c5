#include "common/curve/zap.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace common::curve {

namespace {

// Frames of a request, in order (RFC 27); a CURVE request has one frame of credentials.
enum Frame { version, request_id, domain, address, identity, mechanism, credentials, count };

struct Answer {
    std::string status;
    std::string text;
    std::string user;
};

Answer judge(const std::vector<std::string>& request, const Zap::Admits& admits)
{
    constexpr std::size_t key_bytes = 32;
    constexpr std::size_t as_text = 40;
    if (request.size() != Frame::count || request[Frame::mechanism] != "CURVE" ||
        request[Frame::credentials].size() != key_bytes) {
        return {"400", "CURVE is needed", ""};
    }
    std::array<std::uint8_t, key_bytes> raw{};
    std::ranges::copy(request[Frame::credentials], raw.begin());
    std::array<char, as_text + 1> text{};
    ::zmq_z85_encode(text.data(), raw.data(), raw.size());
    if (!admits(text.data())) {
        spdlog::warn("refusing a connection from {}: its key {} is not known here",
                     request[Frame::address],
                     text.data());
        return {"400", "this key is not known here", ""};
    }
    return {"200", "OK", text.data()};
}

} // namespace

struct Zap::Parts {
    Parts(zmq::context_t& context, Admits who)
        : admits{std::move(who)}, socket{context, zmq::socket_type::rep}
    {
        socket.set(zmq::sockopt::linger, 0);
        constexpr int look_up_ms = 100; // How soon the end is noticed.
        socket.set(zmq::sockopt::rcvtimeo, look_up_ms);
        socket.bind("inproc://zeromq.zap.01");
        thread = std::thread{[this] { run(); }};
    }

    void run()
    {
        while (!stopping) {
            try {
                serve();
            } catch (const zmq::error_t& error) {
                spdlog::error("authentication of connections: {}", error.what());
                return;
            }
        }
    }

    void serve()
    {
        std::vector<std::string> request;
        zmq::message_t frame;
        do {
            if (!socket.recv(frame)) {
                return;
            }
            request.push_back(frame.to_string());
        } while (frame.more());
        const auto answer = judge(request, admits);
        const auto id = request.size() > Frame::request_id ? request[Frame::request_id] : "";
        for (const auto& part : {std::string{"1.0"}, id, answer.status, answer.text, answer.user}) {
            socket.send(zmq::buffer(part), zmq::send_flags::sndmore);
        }
        socket.send(zmq::message_t{}, zmq::send_flags::none); // No metadata.
    }

    const Admits admits;
    zmq::socket_t socket;
    std::atomic<bool> stopping{false};
    std::thread thread;
};

Zap::Zap(zmq::context_t& context, Admits admits)
    : parts_{std::make_unique<Parts>(context, std::move(admits))}
{}

Zap::~Zap()
{
    parts_->stopping = true;
    parts_->thread.join();
}

} // namespace common::curve
