#include "hostd/link/attempts.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace hostd::link {

Attempts::Attempts(zmq::context_t& context,
                   const LinkSettings& settings,
                   const common::Clock& clock)
    : context_{context}, settings_{settings}, clock_{clock}
{
    for (const auto& endpoint : settings.endpoints) {
        all_.push_back({endpoint});
        all_.back().retry = settings.retry_first;
    }
}

Attempts::~Attempts() = default;

void Attempts::send(const std::string& bytes)
{
    if (carrier_ != nullptr && !carrier_->connection->send(bytes)) {
        spdlog::warn("dropping a message: the coordinator reads nothing");
    }
}

common::SteadyTime Attempts::turn(Session& session)
{
    const auto now = clock_.steady();
    auto next = session.on_time(now);
    if (carrier_ != nullptr && session.given_up()) {
        auto& refused = *carrier_;
        lose(session);
        back_off(refused);
    }
    choose(session);
    next = std::min(next, session.on_time(now));
    for (auto& one : all_) {
        if (one.connection == nullptr && one.due <= now) {
            open(one);
        } else if (one.asked && one.due <= now) {
            rest(one, settings_.rival_rest);
        }
        if (one.connection == nullptr || one.asked) {
            next = std::min(next, one.due);
        }
    }
    return next;
}

void Attempts::open(One& one)
{
    try {
        one.connection = std::make_unique<Connection>(
            context_, settings_, settings_.keys, one.endpoint, opened_++);
    } catch (const zmq::error_t& error) {
        spdlog::error("connection to {}: {}; trying again", one.endpoint, error.what());
        back_off(one);
    }
}

void Attempts::rest(One& one, std::chrono::milliseconds time)
{
    one.connection.reset();
    one.stands = false;
    one.asked = false;
    one.due = clock_.steady() + time;
}

void Attempts::back_off(One& one)
{
    one.retry = std::min(one.retry * 2, settings_.retry_max);
    rest(one, one.retry);
}

void Attempts::choose(Session& session)
{
    if (carrier_ != nullptr) {
        return;
    }
    // One that is asked refuses the question first: a hello would be taken for it.
    const auto standing =
        std::ranges::find_if(all_, [](const One& one) { return one.stands && !one.asked; });
    if (standing != all_.end()) {
        carry(*standing, session);
    }
}

void Attempts::carry(One& one, Session& session)
{
    carrier_ = &one;
    one.asked = false;
    session.connected();
}

/// Whoever rests may be the one that leads now.
void Attempts::lose(Session& session)
{
    auto& lost = *std::exchange(carrier_, nullptr);
    if (session.state() == Session::State::welcomed) {
        lost.retry = settings_.retry_first;
        for (auto& other : all_) {
            if (other.connection == nullptr) {
                other.retry = settings_.retry_first;
                other.due = clock_.steady();
            }
        }
    }
    session.disconnected();
    rest(lost, lost.retry);
}

void Attempts::wait(common::SteadyTime until, int wake_fd)
{
    std::vector<zmq::pollitem_t> items{{nullptr, wake_fd, ZMQ_POLLIN, 0}};
    for (const auto& one : all_) {
        if (one.connection != nullptr) {
            items.push_back({one.connection->dealer.handle(), 0, ZMQ_POLLIN, 0});
            items.push_back({one.connection->monitor.handle(), 0, ZMQ_POLLIN, 0});
        }
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.steady());
    zmq::poll(items.data(), items.size(), std::max(left, std::chrono::milliseconds{0}));
}

void Attempts::serve(Session& session)
{
    for (auto& one : all_) {
        while (one.connection != nullptr) {
            const auto event = one.connection->event();
            if (event == Connection::Event::none) {
                break;
            }
            happened(one, event, session);
        }
        if (one.connection != nullptr) {
            receive(one, session);
        }
    }
}

void Attempts::happened(One& one, Connection::Event event, Session& session)
{
    if (event == Connection::Event::established) {
        one.stands = true;
        if (carrier_ == nullptr) {
            return carry(one, session);
        }
        one.asked = true;
        one.due = clock_.steady() + settings_.session.hello_timeout;
        static_cast<void>(one.connection->send(session.question()));
    } else if (&one == carrier_) {
        lose(session);
    } else if (event == Connection::Event::lost) {
        rest(one, settings_.retry_first);
    } else {
        spdlog::warn("the coordinator at {} does not know this host's key, or is not the one whose "
                     "key is pinned; trying again",
                     one.endpoint);
        back_off(one);
    }
}

void Attempts::receive(One& one, Session& session)
{
    // A bounded number each turn, so that the heartbeat is never late.
    constexpr int messages_per_turn = 256;
    zmq::message_t message;
    for (int i = 0; i < messages_per_turn && one.connection != nullptr &&
                    one.connection->dealer.recv(message, zmq::recv_flags::dontwait);
         ++i) {
        if (&one != carrier_) {
            answered(one, message.to_string_view(), session);
        } else if (session.state() != Session::State::disconnected) {
            session.receive(message.to_string_view());
        }
    }
}

/// Each message says its sender's epoch, also a refusal of what is not a hello.
void Attempts::answered(One& one, std::string_view bytes, Session& session)
{
    const auto envelope = proto::decode_envelope(bytes);
    const auto lowest = session.epoch() + (carrier_ != nullptr ? 1 : 0);
    if (!envelope || envelope->epoch < lowest) {
        return rest(one, settings_.rival_rest);
    }
    if (carrier_ != nullptr) {
        spdlog::warn("the coordinator at {} is of epoch {}, the one at {} of {}: going over to it",
                     one.endpoint,
                     envelope->epoch,
                     carrier_->endpoint,
                     session.epoch());
        lose(session);
    }
    carry(one, session);
}

} // namespace hostd::link
