#pragma once

#include "client/api_client.hpp"
#include "coordinator/core/plans.hpp"
#include "coordinator/core/playbooks.hpp"
#include "coordinator/core/templates.hpp"
#include "coordinator/http/server.hpp"
#include "tests/support/fake_blobs.hpp"
#include "tests/support/fake_guest_files.hpp"
#include "tests/support/fake_guest_terminals.hpp"
#include "tests/support/fake_key_store.hpp"
#include "tests/support/fake_service.hpp"
#include "tests/unit/coordinator_core/fake_store.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

namespace coordinator::http {

inline constexpr const char* test_token = "0123456789abcdef0123456789abcdef";

inline Options test_options()
{
    Options options;
    options.port = 0;
    options.threads = 8;
    options.tokens = {{"tester", common::digest::of(test_token)}};
    return options;
}

/// What a server answers from.
struct Backend {
    test_support::FakeService service;
    common::SystemClock clock;
    tests::FakeStore store;
    Playbooks playbooks{store, clock, {}};
    Plans plans{store, clock, {}};
    Templates templates{store, clock, {}};
    test_support::FakeBlobs blobs;
    Records records{playbooks, plans, templates, blobs};
    test_support::FakeGuestFiles files;
    test_support::FakeGuestTerminals terminals;
    Guests guests{files, terminals};
    test_support::FakeKeyStore key_store;
    RequestKeys keys{key_store, clock, {}};
};

/// A server over a fake service on a free loopback port.
class RunningServer : public Backend {
public:
    explicit RunningServer(const Options& options = test_options())
        : server{options, service, records, guests, clock, keys}
    {
        const auto started = server.start();
        BOOST_REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().message));
    }

    [[nodiscard]] std::string url() const
    {
        return "http://127.0.0.1:" + std::to_string(server.port());
    }
    [[nodiscard]] client::ApiClient client() const { return {url(), test_token}; }
    [[nodiscard]] client::ApiClient stranger() const { return {url(), ""}; }

    Server server;
};

/// The shape that every error has.
inline void
check_error(const client::ApiClient::Reply& reply, int status, const std::string& reason)
{
    BOOST_TEST(reply.status == status, reply.status << " " << reply.body << reply.failure);
    const auto body = reply.json();
    BOOST_REQUIRE_MESSAGE(body.is_object(), reply.body);
    BOOST_TEST(body.value("error", "") != "");
    BOOST_TEST(body.value("code", 0) == status);
    BOOST_TEST(body.value("reason", "") == reason);
    BOOST_TEST(body.value("request_id", "") != "");
    const auto header = reply.headers.find("x-request-id");
    BOOST_REQUIRE(header != reply.headers.end());
    BOOST_TEST(body.value("request_id", "") == header->second);
}

} // namespace coordinator::http
