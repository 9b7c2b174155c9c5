#include "proto/wire_moves.hpp"

#include "proto/wire_images.hpp"
#include "proto/wire_messages.hpp"
#include "tests/fuzz/samples.hpp"
#include "tests/unit/proto/raw.hpp"

#include <boost/test/unit_test.hpp>

using namespace proto;
using namespace std::string_literals;

namespace {

template <typename Message>
bool is_taken(const Message& message)
{
    return decode_body<Message>(encode_body(message)).has_value();
}

/// Whether the sample of a fetch is taken with another offer, and a reply that makes it, too.
bool is_offered(const SnapshotOffer& offer)
{
    const bool fetched = is_taken(FetchSnapshot{"s", "c", offer});
    Reply reply;
    reply.offer = offer;
    BOOST_TEST(is_taken(reply) == fetched);
    return fetched;
}

template <typename Message>
std::string missing_in(const std::string& body)
{
    const auto decoded = decode_body<Message>(body);
    BOOST_REQUIRE(!decoded);
    BOOST_CHECK(decoded.error().code == common::ErrorCode::invalid_argument);
    return decoded.error().message;
}

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_moves_tests)

BOOST_AUTO_TEST_CASE(the_bytes_about_moves_are_these)
{
    BOOST_TEST(encode_body(OfferSnapshot{"s", "c"}) ==
               "\x82\xA2"s + "id" + "\xC4\x01" + "s" + "\xAB" + "snapshot_id" + "\xC4\x01" + "c");
    BOOST_TEST(encode_body(GivePiece{"c", "op-1", "d", 70'000, 262'144}) ==
               "\x85\xAB"s + "snapshot_id" + "\xC4\x01" + "c" + "\xA2" + "op" + "\xC4\x04" +
                   "op-1" + "\xA6" + "digest" + "\xC4\x01" + "d" + "\xA6" + "offset" +
                   "\xCE\x00\x01\x11\x70"s + "\xA4" + "size" + "\xCE\x00\x04\x00\x00"s);
    BOOST_TEST(encode_body(FetchSnapshot{"s", "c", {"{}", {{"ram", "d", 9}}}}) ==
               "\x83\xA2"s + "id" + "\xC4\x01" + "s" + "\xAB" + "snapshot_id" + "\xC4\x01" + "c" +
                   "\xA5" + "offer" + "\x82\xA8" + "manifest" + "\xC4\x02" + "{}" + "\xA5" +
                   "files" + "\x91\x83\xA4" + "name" + "\xC4\x03" + "ram" + "\xA6" + "digest" +
                   "\xC4\x01" + "d" + "\xA4" + "size" + "\x09");
    BOOST_TEST(encode_body(Piece{"op-1", "d", 5, "", 262'144, "", ""}) ==
               "\x87\xA2"s + "op" + "\xC4\x04" + "op-1" + "\xA6" + "digest" + "\xC4\x01" + "d" +
                   "\xA6" + "offset" + "\x05" + "\xA4" + "data" + "\xC4\x00"s + "\xA5" + "zeros" +
                   "\xCE\x00\x04\x00\x00"s + "\xA6" + "reason" + "\xC4\x00"s + "\xA7" + "message" +
                   "\xC4\x00"s);
}

BOOST_AUTO_TEST_CASE(an_offer_comes_back_whole_asked_for_and_answered)
{
    const auto fetch = std::get<FetchSnapshot>(samples::wire_messages());
    const auto asked = decode_body<FetchSnapshot>(encode_body(fetch));
    BOOST_REQUIRE(asked);
    BOOST_TEST((asked->offer == samples::offer()));
    const auto reply = std::get<Reply>(samples::wire_messages());
    const auto answered = decode_body<Reply>(encode_body(reply));
    BOOST_REQUIRE(answered);
    BOOST_TEST((answered->offer == samples::offer()));
    BOOST_TEST(!decode_body<Reply>(raw::map(0))->offer.has_value()); // A host from before.
}

BOOST_AUTO_TEST_CASE(bounds_of_moves_hold_exactly)
{
    for (const std::uint32_t over : {0U, 1U}) {
        const bool expected = over == 0;
        const std::string word(128 + over, 'w');
        auto offer = samples::offer();
        offer.manifest.assign(max_manifest_bytes + over, '{');
        BOOST_TEST(is_offered(offer) == expected);
        offer = samples::offer();
        offer.files.assign(max_state_files + over, offer.files.front());
        BOOST_TEST(is_offered(offer) == expected);
        offer = samples::offer();
        offer.files.front().name = word;
        BOOST_TEST(is_offered(offer) == expected);
        offer = samples::offer();
        offer.files.front().digest = word;
        BOOST_TEST(is_offered(offer) == expected);
        offer = samples::offer();
        offer.files.front().size_bytes = std::uint64_t{0x7FFFFFFFFFFFFFFF} + over;
        BOOST_TEST(is_offered(offer) == expected);
        BOOST_TEST(is_taken(OfferSnapshot{word, "c"}) == expected);
        BOOST_TEST(is_taken(OfferSnapshot{"s", word}) == expected);
        BOOST_TEST(is_taken(FetchSnapshot{word, "c", {}}) == expected);
        BOOST_TEST(is_taken(FetchSnapshot{"s", word, {}}) == expected);
        BOOST_TEST(is_taken(GivePiece{word, "op", "d", 0, 1}) == expected);
        BOOST_TEST(is_taken(GivePiece{"c", word, "d", 0, 1}) == expected);
        BOOST_TEST(is_taken(GivePiece{"c", "op", word, 0, 1}) == expected);
        BOOST_TEST(is_taken(GivePiece{
                       "c", "op", "d", std::uint64_t{0x7FFFFFFFFFFFFFFF} + over, 1}) == expected);
        BOOST_TEST(is_taken(GivePiece{
                       "c", "op", "d", 0, static_cast<std::uint32_t>(max_piece_bytes) + over}) ==
                   expected);
    }
}

BOOST_AUTO_TEST_CASE(what_is_to_be_fetched_is_said)
{
    const auto who = raw::str("id") + raw::bin("s") + raw::str("snapshot_id") + raw::bin("c");
    BOOST_TEST(has(missing_in<FetchSnapshot>(raw::map(2) + who), "'offer': missing"));
    const auto without_files =
        raw::str("offer") + raw::map(1) + raw::str("manifest") + raw::bin("{}");
    BOOST_TEST(
        has(missing_in<FetchSnapshot>(raw::map(3) + who + without_files), "'files': missing"));
    const auto without_size = raw::str("offer") + raw::map(2) + raw::str("manifest") +
                              raw::bin("{}") + raw::str("files") + raw::array(1) + raw::map(2) +
                              raw::str("name") + raw::bin("ram") + raw::str("digest") +
                              raw::bin("d");
    BOOST_TEST(has(missing_in<FetchSnapshot>(raw::map(3) + who + without_size), "'size': missing"));
    BOOST_TEST(has(missing_in<OfferSnapshot>(raw::map(1) + raw::str("id") + raw::bin("s")),
                   "'snapshot_id': missing"));
    BOOST_TEST(has(missing_in<GivePiece>(raw::map(2) + who), "'op': missing"));
}

BOOST_AUTO_TEST_SUITE_END()
