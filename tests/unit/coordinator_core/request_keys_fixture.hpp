#pragma once

#include "coordinator/core/request_keys.hpp"

#include "tests/support/fake_key_store.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <optional>

namespace tests {

/// Stands still until it is told to go on.
class HeldClock final : public common::Clock {
public:
    [[nodiscard]] common::SteadyTime steady() const override
    {
        return common::SteadyTime{} + std::chrono::seconds{gone_};
    }
    [[nodiscard]] common::WallTime wall() const override
    {
        return common::from_unix_us(1'790'000'000'000'000) + std::chrono::seconds{gone_};
    }
    void pass(std::chrono::seconds time) { gone_ += time.count(); }

private:
    std::atomic<std::int64_t> gone_{1'000'000};
};

struct KeysFixture {
    KeysFixture()
    {
        settings.tick = std::chrono::hours{1}; // A test calls upkeep() itself.
        settings.stop_patience = std::chrono::milliseconds{0};
    }

    void run()
    {
        keys.emplace(store, clock, settings);
        BOOST_REQUIRE(keys->start());
    }
    void crash_and_restart()
    {
        store.fail(common::ErrorCode::unavailable); // Its last words are not written.
        keys.reset();
        store.recover();
        store.crash();
        run();
    }

    [[nodiscard]] coordinator::KeyClaim claim_of(const std::string& key,
                                                 const std::string& digest = "d") const
    {
        return {{"default", "token:ci", key},
                digest,
                "/v1/sandboxes",
                common::RequestId{"req-of-" + key},
                clock.wall()};
    }
    /// "begin", the answer's body, or the error's reason.
    std::string ask(const coordinator::KeyClaim& claim)
    {
        const auto known = keys->claim(claim);
        return !known   ? std::string{known.error().stable_reason()}
               : *known ? (*known)->body
                        : "begin";
    }
    std::string ask(const std::string& key) { return ask(claim_of(key)); }
    void keep(const std::string& key, const std::string& body)
    {
        keys->keep(claim_of(key).name, {201, "application/json", {{"Location", "/there"}}, body});
    }
    void do_once(const std::string& key, const std::string& body)
    {
        BOOST_REQUIRE_EQUAL(ask(key), "begin");
        keep(key, body);
    }
    [[nodiscard]] bool shows(const std::string& line) const
    {
        return keys->metrics().find("\n" + line + "\n") != std::string::npos;
    }

    test_support::FakeKeyStore store;
    HeldClock clock;
    coordinator::KeySettings settings;
    std::optional<coordinator::RequestKeys> keys;
};

} // namespace tests
