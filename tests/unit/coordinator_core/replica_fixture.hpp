#pragma once

#include "tests/unit/coordinator_core/moving_fixture.hpp"

namespace tests {

using coordinator::Replica;
using coordinator::ReplicaSet;

/// Two hosts, and sandboxes of h1 that h2 is to have a copy of.
struct ReplicaFixture : MovingFixture {
    static coordinator::CreateRequest copied_request(bool memory = true)
    {
        auto what = on_h1();
        what.replicas = {1, seconds{60}, memory};
        return what;
    }
    /// As they come while hosts live: some are heard all the time. What is sent to a host that is
    /// gone does not arrive.
    Sent comes()
    {
        while (true) {
            eventually(
                [&] {
                    beat();
                    return !link.commands.empty();
                },
                "a command");
            auto sent = link.commands.take();
            if (!gone.contains(sent.host.str())) {
                return sent;
            }
        }
    }
    template <typename What>
    Sent comes_on(const std::string& host)
    {
        auto sent = comes();
        BOOST_TEST(sent.host.str() == host);
        if (!std::holds_alternative<What>(sent.command.what)) {
            throw std::runtime_error{"another command came, number " +
                                     std::to_string(sent.command.what.index())};
        }
        return sent;
    }
    /// A tick may ask before it that copies go which nobody needs any more: they do.
    Sent destroy_comes_on(const std::string& host)
    {
        auto sent = comes();
        while (std::holds_alternative<DeleteSnapshotOnHost>(sent.command.what)) {
            answer(sent, std::monostate{});
            sent = comes();
        }
        BOOST_TEST(sent.host.str() == host);
        BOOST_REQUIRE(std::holds_alternative<DestroyOnHost>(sent.command.what));
        return sent;
    }
    void beat()
    {
        for (const auto& host : heard) {
            link.say(coordinator::HostBeat{HostName{host}, movable(host)});
        }
    }
    /// The capture of a round, answered.
    SnapshotId captured_copy(bool memory = true)
    {
        const auto sent = comes_on<SnapshotOnHost>("h1");
        BOOST_TEST(std::get<SnapshotOnHost>(sent.command.what).memory == memory);
        answer(sent, held_still(sent));
        return snapshot_in(sent);
    }
    Sent fetch_of_copy()
    {
        answer(comes_on<OfferSnapshotOnHost>("h1"), offer());
        return comes_on<FetchSnapshotOnHost>("h2");
    }
    static SnapshotId fetched_in(const Sent& sent)
    {
        return std::get<FetchSnapshotOnHost>(sent.command.what).snapshot;
    }
    void deletes(const std::string& host, const SnapshotId& id)
    {
        const auto sent = comes_on<DeleteSnapshotOnHost>(host);
        BOOST_TEST(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot == id);
        answer(sent, std::monostate{});
    }
    /// A whole round: what h2 has by then.
    SnapshotId copied_once(bool memory = true)
    {
        const auto id = captured_copy(memory);
        const auto fetch = fetch_of_copy();
        BOOST_TEST(fetched_in(fetch) == id);
        answer(fetch, copy(fetch));
        deletes("h1", id);
        return id;
    }
    ReplicaSet copies(const SandboxId& id) { return *core->replicas(me, id); }
    void await_copies(const SandboxId& id, std::size_t count)
    {
        eventually([&] { return copies(id).copies.size() == count && !copies(id).under_way; },
                   "so many copies");
    }
    /// The time for the next round has come.
    void later() { clock.stand_still(seconds{61}); }
    std::vector<SnapshotId> recorded_copies()
    {
        std::vector<SnapshotId> ids;
        for (const auto& row : store.replicas()) {
            ids.push_back(row.copy.id);
        }
        return ids;
    }

    std::set<std::string> heard{"h2"};
    std::set<std::string> gone; ///< These hear nothing.
};

} // namespace tests
