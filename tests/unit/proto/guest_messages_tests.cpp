#include "proto/guest_messages.hpp"

#include "tests/fuzz/samples.hpp"
#include "tests/unit/proto/raw.hpp"

#include <boost/test/unit_test.hpp>

using namespace proto;
using namespace std::string_literals;

namespace {

template <typename Message>
bool fits(const Message& message)
{
    return decode_guest_body<Message>(encode_guest_body(message)).has_value();
}

std::string frame_of(const std::string& session,
                     const std::string& stream,
                     const std::string& kind,
                     const std::string& body)
{
    return raw::array(4) + session + stream + kind + body;
}

} // namespace

BOOST_AUTO_TEST_SUITE(guest_messages_tests)

BOOST_AUTO_TEST_CASE(the_bytes_in_a_frame_are_these)
{
    const auto golden = "\x94\xC4\x10\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"
                        "\x10\x09\xA4"s +
                        "ping" + "\xC4\x01\x80";
    BOOST_TEST(encode(samples::guest_frame()) == golden);
    const auto decoded = decode_guest_frame(golden);
    BOOST_REQUIRE(decoded);
    BOOST_TEST((decoded->session == samples::guest_frame().session));
    BOOST_TEST(decoded->stream == 9U);
    BOOST_TEST(decoded->kind == "ping");
    BOOST_TEST(decoded->body == "\x80");
    BOOST_TEST(encode_guest_body(GuestPing{77}) == "\x81\xA5"s + "token" + "\x4D");
}

BOOST_AUTO_TEST_CASE(every_message_comes_back_whole_and_cut_anywhere_is_refused)
{
    std::apply(
        [](const auto&... message) {
            const auto check = []<typename Message>(const Message& sent) {
                BOOST_TEST_CONTEXT(Message::kind)
                {
                    const auto bytes = encode_guest_body(sent);
                    const auto came = decode_guest_body<Message>(bytes);
                    BOOST_REQUIRE(came);
                    BOOST_TEST((encode_guest_body(*came) == bytes));
                    for (std::size_t size = 0; size < bytes.size(); ++size) {
                        BOOST_REQUIRE(
                            !decode_guest_body<Message>(std::string_view{bytes}.substr(0, size)));
                    }
                }
            };
            (check(message), ...);
        },
        samples::guest_messages());
}

BOOST_AUTO_TEST_CASE(what_is_no_frame_is_refused)
{
    const auto session = raw::bin(std::string(16, 's'));
    const auto good =
        frame_of(session, raw::uint(1), raw::str(std::string(32, 'k')), raw::bin("\x80"));
    BOOST_TEST(decode_guest_frame(good).has_value());
    for (std::size_t size = 0; size < good.size(); ++size) {
        BOOST_TEST(!decode_guest_frame(std::string_view{good}.substr(0, size)));
    }
    const auto kind = raw::str("ping");
    const auto body = raw::bin("\x80");
    for (const auto& bad : {frame_of(raw::bin(std::string(15, 's')), raw::uint(1), kind, body),
                            frame_of(raw::bin(std::string(17, 's')), raw::uint(1), kind, body),
                            frame_of(raw::str(std::string(16, 's')), raw::uint(1), kind, body),
                            frame_of(session, raw::uint(std::uint64_t{1} << 32U), kind, body),
                            frame_of(session, raw::minus_one(), kind, body),
                            frame_of(session, raw::uint(1), raw::str(std::string(33, 'k')), body),
                            frame_of(session, raw::uint(1), raw::bin("ping"), body),
                            frame_of(session, raw::uint(1), kind, raw::str("\x80")),
                            frame_of(session, raw::uint(1), kind, raw::nil()),
                            raw::uint(4),
                            raw::nil(),
                            raw::str("frame"),
                            raw::map(0),
                            raw::array(3) + raw::nil() + raw::nil() + raw::nil(),
                            std::string(60000, '\x91'),
                            raw::array(0xFFFFFFFFU)}) {
        BOOST_TEST(!decode_guest_frame(bad));
    }
}

BOOST_AUTO_TEST_CASE(numbers_that_a_guest_makes_up_are_bounded)
{
    const auto exit = [](std::int32_t code, std::int32_t signal) {
        return fits(GuestExit{code, signal, false, 0, 0, 0});
    };
    BOOST_TEST(exit(0, 0));
    BOOST_TEST(exit(255, 64));
    BOOST_TEST(!exit(256, 0));
    BOOST_TEST(!exit(0, 65));
    const auto stdout_bytes = [](std::uint64_t count) {
        return fits(GuestExit{0, 0, false, count, 0, 0});
    };
    BOOST_TEST(stdout_bytes(0x7FFFFFFFFFFFFFFF));
    BOOST_TEST(!stdout_bytes(0x8000000000000000));
    BOOST_TEST(!fits(GuestOutput{"stdout", 0x8000000000000000, ""}));
}

BOOST_AUTO_TEST_CASE(texts_and_lists_of_a_guest_are_bounded)
{
    for (const std::size_t over : {0U, 1U}) {
        const bool expected = over == 0;
        BOOST_TEST(fits(GuestOutput{"stdout", 0, std::string(max_chunk + over, 'x')}) == expected);
        BOOST_TEST(fits(GuestOutput{std::string(128 + over, 'c'), 0, ""}) == expected);
        BOOST_TEST(fits(GuestExecError{"c", std::string(1024 + over, 'm')}) == expected);
        BOOST_TEST(fits(GuestNet{std::vector<std::string>(64 + over, "eth0")}) == expected);
        BOOST_TEST(fits(GuestNet{{std::string(128 + over, 'e')}}) == expected);
        GuestHello hello;
        hello.hostname = std::string(256 + over, 'h');
        BOOST_TEST(fits(hello) == expected);
        hello.hostname.clear();
        hello.identity = std::string(128 + over, 'i');
        BOOST_TEST(fits(hello) == expected);
        BOOST_TEST(fits(GuestBecame{std::string(128 + over, 'i')}) == expected);
        BOOST_TEST(fits(GuestFrozen{0, false, 0, std::string(1024 + over, 'm')}) == expected);
    }
}

BOOST_AUTO_TEST_CASE(texts_of_become_are_bounded)
{
    for (const std::size_t over : {0U, 1U}) {
        const bool expected = over == 0;
        GuestBecome become;
        become.seed = std::string(max_seed_bytes + over, 's');
        BOOST_TEST(fits(become) == expected);
        for (auto* text : {&become.identity, &become.mac, &become.ip}) {
            become = {};
            *text = std::string(128 + over, 't');
            BOOST_TEST(fits(become) == expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_an_older_side_does_not_say_has_a_default)
{
    const auto hello = decode_guest_body<GuestHello>(
        raw::map(3) + raw::str("protocol") + raw::uint(1) + raw::str("agent") + raw::bin("0.1.0") +
        raw::str("boot_id") + raw::bin("boot"));
    BOOST_REQUIRE(hello);
    BOOST_TEST(!hello->frozen);
    BOOST_TEST(hello->identity.empty());
    const auto become =
        decode_guest_body<GuestBecome>(raw::map(1) + raw::str("hostname") + raw::bin("web"));
    BOOST_REQUIRE(become);
    BOOST_TEST(become->hostname == "web");
    BOOST_TEST(become->seed.empty());
    BOOST_TEST(become->identity.empty());
}

BOOST_AUTO_TEST_CASE(the_largest_chunk_fits_into_a_frame)
{
    const GuestOutput output{"stdout", 0x7FFFFFFFFFFFFFFF, std::string(max_chunk, 'x')};
    BOOST_TEST(guest_frame(Session{}, 0xFFFFFFFFU, output).size() <=
               max_frame_payload + frame_header_bytes);
    const GuestStdin input{0x7FFFFFFFFFFFFFFF, std::string(max_chunk, 'x'), true};
    BOOST_TEST(guest_frame(Session{}, 0xFFFFFFFFU, input).size() <=
               max_frame_payload + frame_header_bytes);
}

BOOST_AUTO_TEST_SUITE_END()
