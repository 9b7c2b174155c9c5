#include "proto/envelope.hpp"

#include "tests/fuzz/samples.hpp"
#include "tests/unit/proto/raw.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

using namespace proto;
using namespace std::string_literals;
using common::ErrorCode;

namespace {

/// Envelopes with one field replaced.
std::string with(std::size_t place, const std::string& field)
{
    std::array fields{raw::uint(1),
                      raw::str("exec"),
                      raw::str("op-1"),
                      raw::str("req-1"),
                      raw::uint(7),
                      raw::uint(3),
                      raw::bin("\x80")};
    fields.at(place) = field;
    auto bytes = raw::array(7);
    for (const auto& each : fields) {
        bytes += each;
    }
    return bytes;
}

bool refused(std::string_view bytes)
{
    const auto decoded = decode_envelope(bytes);
    return !decoded && decoded.error().code == ErrorCode::invalid_argument;
}

} // namespace

BOOST_AUTO_TEST_SUITE(envelope_tests)

BOOST_AUTO_TEST_CASE(the_bytes_on_the_wire_are_these)
{
    const auto golden = "\x97\x01\xA4"s + "exec" + "\xB3"s + "op-aaaaaaaaaaaaaaaa" + "\xA5" +
                        "req-1" + "\x07\x03\xC4\x01\x80"s;
    BOOST_TEST(encode(samples::envelope()) == golden);
    const auto decoded = decode_envelope(golden);
    BOOST_REQUIRE(decoded);
    BOOST_TEST(decoded->version == 1U);
    BOOST_TEST(decoded->kind == "exec");
    BOOST_TEST(decoded->operation_id == "op-aaaaaaaaaaaaaaaa");
    BOOST_TEST(decoded->request_id == "req-1");
    BOOST_TEST(decoded->generation == 7U);
    BOOST_TEST(decoded->epoch == 3U);
    BOOST_TEST(decoded->body == "\x80");
}

BOOST_AUTO_TEST_CASE(a_kind_and_a_version_that_nobody_knows_survive)
{
    const auto decoded = decode_envelope(with(1, raw::str("hibernate")));
    BOOST_REQUIRE(decoded);
    BOOST_TEST(decoded->kind == "hibernate");
    BOOST_TEST(decode_envelope(with(0, raw::uint(65535)))->version == 65535U);
}

BOOST_AUTO_TEST_CASE(fields_that_a_newer_peer_appends_are_ignored)
{
    auto bytes = encode(samples::envelope()) + raw::str("traceparent") + raw::nil();
    bytes[0] = '\x99';
    const auto decoded = decode_envelope(bytes);
    BOOST_REQUIRE(decoded);
    BOOST_TEST(decoded->body == "\x80");
}

BOOST_AUTO_TEST_CASE(cut_anywhere_or_continued_it_is_refused)
{
    const auto whole = encode(samples::envelope());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        BOOST_TEST(refused(std::string_view{whole}.substr(0, size)));
    }
    BOOST_TEST(refused(whole + "\xC0"));
    BOOST_TEST(refused(whole + whole));
}

BOOST_AUTO_TEST_CASE(bounds_of_each_text_hold_exactly)
{
    BOOST_TEST(decode_envelope(with(1, raw::str(std::string(64, 'k')))).has_value());
    BOOST_TEST(refused(with(1, raw::str(std::string(65, 'k')))));
    BOOST_TEST(decode_envelope(with(2, raw::str(std::string(64, 'o')))).has_value());
    BOOST_TEST(refused(with(2, raw::str(std::string(65, 'o')))));
    BOOST_TEST(decode_envelope(with(3, raw::str(std::string(128, 'r')))).has_value());
    BOOST_TEST(refused(with(3, raw::str(std::string(129, 'r')))));
}

BOOST_AUTO_TEST_CASE(the_bound_of_the_whole_holds_exactly)
{
    auto envelope = samples::envelope();
    envelope.body.clear();
    // A long body takes five bytes for its header instead of two.
    const auto rest = encode(envelope).size() + 3;
    envelope.body.assign(max_message_bytes - rest, 'x');
    const auto largest = encode(envelope);
    BOOST_TEST(largest.size() == max_message_bytes);
    BOOST_TEST((decode_envelope(largest)->body == envelope.body));

    envelope.body += 'x';
    const auto over = decode_envelope(encode(envelope));
    BOOST_REQUIRE(!over);
    BOOST_CHECK(over.error().code == ErrorCode::too_large);
}

BOOST_AUTO_TEST_CASE(a_field_of_another_type_is_refused)
{
    for (std::size_t place = 0; place < 7; ++place) {
        for (const auto& wrong :
             {raw::nil(), raw::yes(), raw::minus_one(), raw::real(), raw::map(0), raw::array(0)}) {
            BOOST_TEST(refused(with(place, wrong)));
        }
    }
    BOOST_TEST(refused(with(0, raw::uint(65536))));
    BOOST_TEST(refused(with(6, raw::str("x"))));
}

BOOST_AUTO_TEST_CASE(what_is_no_envelope_at_all_is_refused)
{
    BOOST_TEST(refused(""));
    BOOST_TEST(refused("\xC1"));
    BOOST_TEST(refused(raw::map(0)));
    BOOST_TEST(refused(raw::uint(1)));
    BOOST_TEST(refused(raw::array(0)));
    BOOST_TEST(refused("GET / HTTP/1.1\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(a_claim_of_billions_of_entries_or_of_endless_depth_costs_nothing)
{
    BOOST_TEST(refused(raw::array(0xFFFFFFFFU)));
    BOOST_TEST(refused(raw::map(0xFFFFFFFFU)));
    BOOST_TEST(refused("\xDB\xFF\xFF\xFF\xFF"s));
    BOOST_TEST(refused("\xC6\xFF\xFF\xFF\xFF"s));
    BOOST_TEST(refused(std::string(1U << 20U, '\x91')));
    BOOST_TEST(refused(std::string(1U << 20U, '\x81')));
}

BOOST_AUTO_TEST_CASE(versions_agree_on_the_highest_that_both_speak)
{
    BOOST_TEST(*agree_on_version(protocol_min, protocol_max) == protocol_max);
    BOOST_TEST(*agree_on_version(0, 65535) == protocol_max);
    for (const auto& [low, high] : {std::pair{protocol_max + 1, protocol_max + 3},
                                    std::pair{0, 0},
                                    std::pair{protocol_max + 0, protocol_min - 1}}) {
        const auto none =
            agree_on_version(static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high));
        BOOST_REQUIRE(!none);
        BOOST_CHECK(none.error().code == ErrorCode::failed_precondition);
        BOOST_TEST(none.error().reason == "version");
    }
}

BOOST_AUTO_TEST_SUITE_END()
