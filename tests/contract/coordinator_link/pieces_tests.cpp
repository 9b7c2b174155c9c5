#include "proto/wire_images.hpp"
#include "tests/contract/coordinator_link/router_fixture.hpp"

#include <map>

using namespace coordinator;
using namespace coordinator::link;

namespace {

constexpr std::size_t window = 8; // As a host asks (hostd/core/downloads.hpp).

struct Pieces : RouterFixture {
    Pieces()
    {
        enrol(giver, "h1");
        enrol(taker, "h2");
        start();
        connect(giver);
        connect(taker);
        for (int i = 0; i < 2; ++i) {
            static_cast<void>(expect<HostInventory>());
        }
    }
    /// No two are alike.
    static std::string content(std::uint64_t offset)
    {
        std::string bytes(proto::max_piece_bytes, static_cast<char>(offset / bytes_of_one));
        bytes.replace(0, 8, std::to_string(10'000'000 + offset / bytes_of_one));
        return bytes;
    }
    void want(std::uint64_t offset)
    {
        taker.link->want_piece({operation, digest, offset, proto::max_piece_bytes});
    }
    /// What a core does with them.
    void pass_on(const HostEvent& event)
    {
        HostCommand command;
        command.operation = common::OperationId{"op-bbbbbbbbbbbbbbbb"};
        command.request = common::RequestId{"req-1"};
        if (const auto* wish = std::get_if<HostWantsPiece>(&event)) {
            command.what = GivePieceOnHost{common::SnapshotId{"snp-aaaaaaaaaaaaaaaa"},
                                           wish->operation,
                                           wish->digest,
                                           wish->offset,
                                           wish->size};
            BOOST_REQUIRE(router->send(HostName{"h1"}, std::move(command)));
        } else if (const auto* piece = std::get_if<HostGivesPiece>(&event)) {
            command.what = PieceOnHost{
                piece->operation, piece->digest, piece->offset, piece->data, piece->zeros};
            BOOST_REQUIRE(router->send(HostName{"h2"}, std::move(command)));
        } else if (const auto* beat = std::get_if<HostBeat>(&event)) {
            ++beats[beat->host];
        }
    }
    void give()
    {
        while (!giver.commands.empty()) {
            const auto command = giver.commands.take();
            if (const auto* wish = std::get_if<hostd::GivePieceCommand>(&command.what)) {
                giver.link->give_piece({wish->wish.operation,
                                        wish->wish.digest,
                                        wish->wish.offset,
                                        content(wish->wish.offset)});
            }
        }
    }

    static constexpr std::uint64_t bytes_of_one = proto::max_piece_bytes;
    const common::OperationId operation{"op-aaaaaaaaaaaaaaaa"};
    const std::string digest = std::string(64, 'a');
    Peer giver{"giver"};
    Peer taker{"taker"};
    std::map<HostName, int> beats;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(pieces_tests, Pieces)

BOOST_AUTO_TEST_CASE(what_a_host_gives_reaches_another_one_whole_and_heartbeats_go_on_beside_it)
{
    constexpr std::uint64_t many = 200; // 50 MiB.
    const auto begun = std::chrono::steady_clock::now();
    std::uint64_t asked = 0;
    std::uint64_t come = 0;
    for (; asked < window; ++asked) {
        want(asked * bytes_of_one);
    }
    while (come < many) {
        pass_on(events.take());
        give();
        while (!taker.commands.empty()) {
            const auto command = taker.commands.take();
            const auto* piece = std::get_if<hostd::PieceCommand>(&command.what);
            if (piece == nullptr) {
                continue;
            }
            BOOST_REQUIRE(piece->piece.offset == come * bytes_of_one); // In order, none twice.
            BOOST_REQUIRE((piece->piece.data == content(piece->piece.offset)));
            ++come;
            if (asked < many) {
                want(asked++ * bytes_of_one);
            }
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    BOOST_TEST_MESSAGE(static_cast<double>(many * bytes_of_one) / 1e6 / took.count() << " MB/s");
    for (const auto* host : {"h1", "h2"}) {
        while (beats[HostName{host}] == 0) {
            pass_on(events.take());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
