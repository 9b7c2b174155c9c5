#pragma once

#include "coordinator/core/records.hpp"
#include "coordinator/core/request_keys.hpp"
#include "coordinator/core/service.hpp"
#include "coordinator/http/counters.hpp"
#include "coordinator/http/options.hpp"
#include "coordinator/http/router.hpp"
#include "coordinator/http/wire/exchange.hpp"

#include <atomic>
#include <functional>

namespace coordinator::http {

/// From a request's head to its reply: request id, origin, route, token, body,
/// handler, and the one line in the log. Any worker thread.
class Gateway final : public Responder {
public:
    /// `connections` tells how many are open now, for /metrics.
    Gateway(const Options& options,
            Service& service,
            Records records,
            Guests guests,
            common::Clock& clock,
            RequestKeys& keys,
            std::function<std::size_t()> connections);

    Reply respond(const Head& head, BodyReader& body, const Connection& connection) override;
    Reply refuse(const common::Error& why, const Connection& connection) override;

private:
    struct Call;
    class Place;
    common::Result<Reply> answer(const Head& head, BodyReader& body, Call& call) const;
    common::Result<Reply> handle(const Head& head,
                                 BodyReader& body,
                                 const Router::Match& match,
                                 Query query,
                                 Call& call) const;
    void finish(const Call& call, Reply& reply);

    const Options& options_;
    const unsigned
        most_working_; ///< Requests at once; the other threads answer who asks for health.
    mutable std::atomic<unsigned> working_{0};
    const unsigned most_receiving_; ///< Of those, with bodies of any size.
    mutable std::atomic<unsigned> receiving_{0};
    common::Clock& clock_;
    RequestKeys& keys_;
    Counters counters_;
    Context context_;
    Router router_;
};

} // namespace coordinator::http
