#include "proto/wire_moves.hpp"
#include "tests/unit/coordinator_link/wire_fixture.hpp"

using namespace tests;
using common::Bytes;
using common::ErrorCode;

namespace {

const common::HostName giver{"h1"};
const common::SnapshotId moved{"snp-aaaaaaaaaaaaaaaa"};
const std::string layer_digest(64, 'd');

coordinator::CheckpointOffer an_offer()
{
    return {std::string{"{\"id\":\0\xff", 9},
            {{"lyr-aaaaaaaaaaaaaaaa.qcow2", layer_digest, Bytes::gib(20)},
             {"ram", std::string(64, 'e'), Bytes{0}},
             {"domain.xml", std::string(64, 'f'), Bytes{4096}}}};
}

proto::SnapshotOffer wire_offer()
{
    return {"{}",
            {{"lyr-aaaaaaaaaaaaaaaa.qcow2", layer_digest, 1},
             {"ram", std::string(64, 'e'), std::uint64_t{1} << 59U}}};
}

common::Result<coordinator::HostAnswer> answer_with(const proto::SnapshotOffer& offer)
{
    proto::Reply reply;
    reply.offer = offer;
    proto::Envelope envelope;
    envelope.operation_id = operation;
    const auto body = proto::encode_body(reply);
    const auto wire = proto::decode_body<proto::Reply>(body);
    BOOST_REQUIRE(wire);
    return coordinator::link::answer_of(giver, envelope, *wire);
}

/// As a host that gives it sends it.
common::Result<coordinator::HostGivesPiece> given(const proto::Piece& piece)
{
    auto wire = proto::decode_body<proto::Piece>(proto::encode_body(piece));
    BOOST_REQUIRE(wire);
    return coordinator::link::piece_of(giver, *std::move(wire));
}

proto::Piece a_piece()
{
    return {operation, layer_digest, 1'000'000'000'000, "\xff\n", 0, "", ""};
}

} // namespace

BOOST_AUTO_TEST_SUITE(moving_wire_tests)

BOOST_AUTO_TEST_CASE(an_offer_is_asked_for_and_arrives_whole)
{
    const auto command = std::get<hostd::OfferSnapshotCommand>(
        at_host(coordinator::OfferSnapshotOnHost{common::SandboxId{sandbox}, moved}).what);
    BOOST_TEST(command.id.str() == sandbox);
    BOOST_TEST(command.snapshot == moved);
    const auto answer = answer_with(wire_offer());
    BOOST_REQUIRE(answer);
    const auto& offer = std::get<coordinator::CheckpointOffer>(answer->value);
    BOOST_TEST(offer.manifest == "{}");
    BOOST_REQUIRE(offer.files.size() == 2U);
    BOOST_TEST(offer.files[0].name == "lyr-aaaaaaaaaaaaaaaa.qcow2");
    BOOST_TEST(offer.files[0].digest == layer_digest);
    BOOST_CHECK(offer.files[0].size == Bytes{1});
    BOOST_TEST(offer.files[1].name == "ram");
}

BOOST_AUTO_TEST_CASE(what_hostd_offers_is_what_the_coordinator_reads)
{
    hostd::CheckpointOffer sent{"{\"format\":1}", {}};
    for (const auto& file : an_offer().files) {
        sent.files.push_back({file.name, file.digest, file.size});
    }
    hostd::Answer answer;
    answer.value = sent;
    const auto received = at_coordinator(answer);
    const auto& offer = std::get<coordinator::CheckpointOffer>(received.value);
    BOOST_TEST(offer.manifest == sent.manifest);
    BOOST_REQUIRE(offer.files.size() == sent.files.size());
    for (std::size_t i = 0; i < sent.files.size(); ++i) {
        BOOST_TEST(offer.files[i].name == sent.files[i].name);
        BOOST_TEST(offer.files[i].digest == sent.files[i].digest);
        BOOST_CHECK(offer.files[i].size == sent.files[i].size);
    }
}

BOOST_AUTO_TEST_CASE(an_offer_of_files_that_cannot_be_is_refused)
{
    const auto refused = [](auto change) {
        auto offer = wire_offer();
        change(offer);
        const auto answer = answer_with(offer);
        BOOST_REQUIRE(!answer);
        BOOST_CHECK(answer.error().code == ErrorCode::invalid_argument);
    };
    for (const auto* name : {"", "..", "../ram", "a/b", ".hidden"}) {
        refused([name](auto& offer) { offer.files[0].name = name; });
    }
    refused([](auto& offer) { offer.files[0].digest = std::string(64, 'X'); });
    refused([](auto& offer) { offer.files[1].digest.clear(); });
    // Together they are more than a sum can hold.
    refused([](auto& offer) { offer.files[0].size_bytes = (std::uint64_t{1} << 59U) + 1; });
    refused([](auto& offer) {
        offer.files.push_back({"device", layer_digest, std::numeric_limits<std::int64_t>::max()});
    });
    BOOST_TEST(answer_with(proto::SnapshotOffer{}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_to_be_fetched_arrives_as_it_was_offered)
{
    const auto sent = an_offer();
    const auto fetch = std::get<hostd::FetchSnapshotCommand>(
        at_host(coordinator::FetchSnapshotOnHost{common::SandboxId{sandbox}, moved, sent}).what);
    BOOST_TEST(fetch.id.str() == sandbox);
    BOOST_TEST(fetch.snapshot == moved);
    BOOST_TEST(fetch.offer.manifest == sent.manifest);
    BOOST_REQUIRE(fetch.offer.files.size() == sent.files.size());
    for (std::size_t i = 0; i < sent.files.size(); ++i) {
        BOOST_TEST(fetch.offer.files[i].name == sent.files[i].name);
        BOOST_TEST(fetch.offer.files[i].digest == sent.files[i].digest);
        BOOST_CHECK(fetch.offer.files[i].size == sent.files[i].size);
    }
}

BOOST_AUTO_TEST_CASE(a_host_is_asked_for_a_piece_for_anothers_operation)
{
    const std::string theirs = "op-bbbbbbbbbbbbbbbb";
    const auto give = std::get<hostd::GivePieceCommand>(
        at_host(coordinator::GivePieceOnHost{
                    moved, common::OperationId{theirs}, layer_digest, 1'000'000'000'000, 4096})
            .what);
    BOOST_TEST(give.snapshot == moved);
    BOOST_TEST(give.wish.operation.str() == theirs);
    BOOST_TEST(give.wish.digest == layer_digest);
    BOOST_TEST(give.wish.offset == 1'000'000'000'000U);
    BOOST_TEST(give.wish.size == 4096U);
}

BOOST_AUTO_TEST_CASE(a_piece_that_is_given_has_data_or_zeros_or_a_reason)
{
    auto piece = given(a_piece());
    BOOST_REQUIRE(piece);
    BOOST_TEST(piece->host == giver);
    BOOST_TEST(piece->operation.str() == operation);
    BOOST_TEST(piece->digest == layer_digest);
    BOOST_TEST(piece->offset == 1'000'000'000'000U);
    BOOST_REQUIRE(piece->data);
    BOOST_TEST(*piece->data == "\xff\n");
    BOOST_TEST(piece->zeros == 0U);

    auto zeros = a_piece();
    zeros.data.clear();
    zeros.zeros = proto::max_piece_bytes;
    piece = given(zeros);
    BOOST_REQUIRE(piece);
    BOOST_REQUIRE(piece->data);
    BOOST_TEST(piece->data->empty());
    BOOST_TEST(piece->zeros == proto::max_piece_bytes);

    auto none = a_piece();
    none.data.clear();
    none.reason = "unknown_checkpoint";
    none.message = "it is gone";
    piece = given(none);
    BOOST_REQUIRE(piece);
    BOOST_REQUIRE(!piece->data);
    BOOST_CHECK(piece->data.error().code == ErrorCode::unavailable);
    BOOST_TEST(piece->data.error().reason == "unknown_checkpoint");
    BOOST_TEST(piece->data.error().message == "it is gone");
}

BOOST_AUTO_TEST_CASE(a_piece_that_is_none_is_refused)
{
    const auto refused = [](auto change) {
        auto bad = a_piece();
        change(bad);
        const auto piece = coordinator::link::piece_of(giver, bad);
        BOOST_REQUIRE(!piece);
        BOOST_CHECK(piece.error().code == ErrorCode::invalid_argument);
    };
    refused([](proto::Piece& p) { p.operation = "x"; });
    refused([](proto::Piece& p) { p.operation.clear(); });
    for (const auto& text : {std::string{}, std::string(63, 'a'), std::string(64, 'A')}) {
        refused([&](proto::Piece& p) { p.digest = text; });
    }
    refused([](proto::Piece& p) { p.data.clear(); });
    refused([](proto::Piece& p) { p.zeros = 1; });
    refused([](proto::Piece& p) { p.reason = "no"; });
    refused([](proto::Piece& p) { p.data.assign(proto::max_piece_bytes + 1, 'x'); });
    refused([](proto::Piece& p) {
        p.data.clear();
        p.zeros = proto::max_piece_bytes + 1;
    });
    BOOST_TEST(!proto::decode_body<proto::Piece>("\xc1").has_value());
    auto too_many = a_piece();
    too_many.data.clear();
    too_many.zeros = proto::max_piece_bytes + 1;
    BOOST_TEST(!proto::decode_body<proto::Piece>(proto::encode_body(too_many)).has_value());
}

BOOST_AUTO_TEST_CASE(zeros_go_on_to_the_other_host_without_bytes)
{
    const auto piece = std::get<hostd::PieceCommand>(
        at_host(coordinator::PieceOnHost{
                    common::OperationId{operation}, layer_digest, 7, std::string{}, 4096})
            .what);
    BOOST_TEST(piece.piece.offset == 7U);
    BOOST_TEST(piece.piece.data.empty());
    BOOST_TEST(piece.piece.zeros == 4096U);
    BOOST_TEST(!piece.piece.error.has_value());
}

BOOST_AUTO_TEST_CASE(the_largest_piece_fits_the_link_in_both_directions)
{
    auto largest = a_piece();
    largest.data.assign(proto::max_piece_bytes, 'x');
    const auto piece = given(largest);
    BOOST_REQUIRE(piece);
    BOOST_TEST(*piece->data == largest.data);
}

BOOST_AUTO_TEST_SUITE_END()
