#include "hostd/link/wire_moves.hpp"

#include "hostd/link/wire.hpp"
#include "tests/unit/hostd_link/envelopes.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::ErrorCode;
using link::command_of;
using tests::envelope_of;

namespace {

const std::string moved = "sbx-aaaaaaaaaaaaaaaa";
const std::string taken_of_it = "snp-aaaaaaaaaaaaaaaa";
const std::string fetching_operation = "op-bbbbbbbbbbbbbbbb";
const std::string some_digest(64, 'a');

const proto::SnapshotOffer an_offer{"{}",
                                    {{"lyr-aaaaaaaaaaaaaaaa.qcow2", some_digest, 196'616},
                                     {"ram", std::string(64, 'b'), 268'435'456}}};

template <typename Message>
void is_no_command(const Message& message, std::string_view field)
{
    BOOST_TEST_CONTEXT(field)
    {
        const auto command = command_of(envelope_of(message));
        BOOST_REQUIRE(!command);
        BOOST_CHECK(command.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(command.error().message.find(field) != std::string::npos,
                   command.error().message);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_moves_tests)

BOOST_AUTO_TEST_CASE(a_checkpoint_is_to_be_offered)
{
    const auto command = command_of(envelope_of(proto::OfferSnapshot{moved, taken_of_it}));
    BOOST_REQUIRE(command);
    BOOST_TEST(command->operation.str() == "op-1");
    const auto& offer = std::get<OfferSnapshotCommand>(command->what);
    BOOST_TEST(offer.id.str() == moved);
    BOOST_TEST(offer.snapshot.str() == taken_of_it);
    is_no_command(proto::OfferSnapshot{"../etc", taken_of_it}, "'id'");
    is_no_command(proto::OfferSnapshot{moved, moved}, "'snapshot_id'");
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_to_be_fetched_as_another_host_offers_it)
{
    const auto command =
        command_of(envelope_of(proto::FetchSnapshot{moved, taken_of_it, an_offer}));
    BOOST_REQUIRE(command);
    const auto& fetch = std::get<FetchSnapshotCommand>(command->what);
    BOOST_TEST(fetch.id.str() == moved);
    BOOST_TEST(fetch.snapshot.str() == taken_of_it);
    BOOST_TEST(fetch.offer.manifest == "{}");
    BOOST_REQUIRE(fetch.offer.files.size() == 2U);
    BOOST_TEST(fetch.offer.files[0].name == "lyr-aaaaaaaaaaaaaaaa.qcow2");
    BOOST_TEST(fetch.offer.files[0].digest == some_digest);
    BOOST_TEST(fetch.offer.files[0].size.count() == 196'616U);
    BOOST_TEST(fetch.offer.files[1].name == "ram");
    is_no_command(proto::FetchSnapshot{"", taken_of_it, an_offer}, "'id'");
    is_no_command(proto::FetchSnapshot{moved, "../etc", an_offer}, "'snapshot_id'");
}

BOOST_AUTO_TEST_CASE(a_piece_is_to_be_given_for_another_hosts_operation)
{
    const auto command = command_of(envelope_of(
        proto::GivePiece{taken_of_it, fetching_operation, some_digest, 524'288, 262'144}));
    BOOST_REQUIRE(command);
    const auto& give = std::get<GivePieceCommand>(command->what);
    BOOST_TEST(give.snapshot.str() == taken_of_it);
    BOOST_TEST(give.wish.operation.str() == fetching_operation);
    BOOST_TEST(give.wish.digest == some_digest);
    BOOST_TEST(give.wish.offset == 524'288U);
    BOOST_TEST(give.wish.size == 262'144U);
    is_no_command(proto::GivePiece{moved, fetching_operation, some_digest, 0, 1}, "'snapshot_id'");
    is_no_command(proto::GivePiece{taken_of_it, "op-1", some_digest, 0, 1}, "'op'");
    is_no_command(proto::GivePiece{taken_of_it, fetching_operation, "../etc", 0, 1}, "'digest'");
}

BOOST_AUTO_TEST_CASE(a_piece_of_zeros_becomes_a_command_and_one_of_both_kinds_does_not)
{
    const auto command = command_of(
        envelope_of(proto::Piece{fetching_operation, some_digest, 7, "", 262'144, "", ""}));
    BOOST_REQUIRE(command);
    const auto& piece = std::get<PieceCommand>(command->what).piece;
    BOOST_TEST(piece.zeros == 262'144U);
    BOOST_TEST(piece.data.empty());
    is_no_command(proto::Piece{fetching_operation, some_digest, 7, "x", 1, "", ""}, "'zeros'");
}

BOOST_AUTO_TEST_CASE(an_offer_is_an_answer)
{
    Answer answer;
    answer.value = CheckpointOffer{"{}", {{"ram", some_digest, common::Bytes{9}}}};
    const auto reply = proto::decode_body<proto::Reply>(proto::encode_body(link::to_wire(answer)));
    BOOST_REQUIRE(reply);
    BOOST_REQUIRE(reply->offer.has_value());
    BOOST_TEST(reply->offer->manifest == "{}");
    BOOST_REQUIRE(reply->offer->files.size() == 1U);
    BOOST_TEST((reply->offer->files[0] == proto::StateFile{"ram", some_digest, 9}));
    BOOST_TEST(!reply->checkpoint.has_value());
}

BOOST_AUTO_TEST_CASE(a_piece_is_given_as_data_as_zeros_or_as_the_reason_for_neither)
{
    const Piece where{common::OperationId{fetching_operation}, some_digest, 7, {}, {}};
    auto piece = where;
    piece.data = "data";
    auto wire = link::to_wire(piece);
    BOOST_TEST(wire.operation == fetching_operation);
    BOOST_TEST(wire.digest == some_digest);
    BOOST_TEST(wire.offset == 7U);
    BOOST_TEST(wire.data == "data");
    BOOST_TEST(wire.zeros == 0U);
    BOOST_TEST(wire.reason.empty());
    piece = where;
    piece.zeros = 5;
    wire = link::to_wire(piece);
    BOOST_TEST(wire.data.empty());
    BOOST_TEST(wire.zeros == 5U);
    piece = where;
    piece.error = common::Error{ErrorCode::not_found, "gone"};
    wire = link::to_wire(piece);
    BOOST_TEST(wire.reason == "not_found"); // There is no piece without a reason.
    BOOST_TEST(wire.message == "gone");
    piece.error->reason = piece_busy;
    BOOST_TEST(link::to_wire(piece).reason == "busy");
}

BOOST_AUTO_TEST_SUITE_END()
