#include "proto/guest_frame.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <vector>

using namespace proto;
using namespace std::string_literals;
using OnDamage = FrameReader::OnDamage;

namespace {

/// What comes out of a stream that is fed in pieces; ends at the first error.
struct Read {
    std::vector<std::string> payloads;
    bool failed = false;
};

Read read(FrameReader& reader, std::string_view stream, std::size_t piece)
{
    Read result;
    for (std::size_t from = 0; from < stream.size() && !result.failed; from += piece) {
        reader.feed(stream.substr(from, piece));
        while (!result.failed) {
            const auto next = reader.next();
            result.failed = !next;
            if (!next || !*next) {
                break;
            }
            result.payloads.push_back(**next);
        }
    }
    return result;
}

Read read(OnDamage on_damage, std::string_view stream, std::size_t piece)
{
    FrameReader reader{on_damage};
    return read(reader, stream, piece);
}

const std::string first = "first payload";
const std::string second = "second payload, \xF5\0 inside"s;

} // namespace

BOOST_AUTO_TEST_SUITE(guest_frame_tests)

BOOST_AUTO_TEST_CASE(the_bytes_of_a_frame_are_these)
{
    // RFC 3720's check value of CRC-32C.
    BOOST_TEST(encode_frame("123456789") == "\xF5\x00\x00\x09\xE3\x06\x92\x83"s + "123456789");
    BOOST_TEST(encode_frame("") == "\xF5\0\0\0\0\0\0\0"s);
    BOOST_TEST(encode_frame(std::string(max_frame_payload, 'x')).substr(0, 4) ==
               "\xF5\x01\x00\x00"s);
}

BOOST_AUTO_TEST_CASE(frames_come_out_however_the_stream_is_cut)
{
    const auto stream =
        encode_frame(first) + "\0\0\0"s + encode_frame("") + encode_frame(second) + "\0"s;
    for (const auto on_damage : {OnDamage::stop, OnDamage::skip}) {
        for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
            const auto got = read(on_damage, stream, piece);
            BOOST_TEST(!got.failed);
            BOOST_TEST((got.payloads == std::vector<std::string>{first, "", second}));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_largest_payload_passes_and_a_larger_length_is_damage)
{
    const std::string largest(max_frame_payload, 'x');
    BOOST_TEST((read(OnDamage::stop, encode_frame(largest), 1000).payloads ==
                std::vector<std::string>{largest}));
    auto over = encode_frame(largest);
    over[3] = '\x01';
    BOOST_TEST(read(OnDamage::stop, over, over.size()).failed);
    // Noticed by the header alone: nobody waits for 16 MiB.
    BOOST_TEST(read(OnDamage::stop, "\xF5\xFF\xFF\xFF\0\0\0\0"s, 8).failed);
    BOOST_TEST(
        (read(OnDamage::skip, "\xF5\xFF\xFF\xFF\0\0\0\0"s + encode_frame(first), 8).payloads ==
         std::vector<std::string>{first}));
}

BOOST_AUTO_TEST_CASE(a_frame_with_any_byte_changed_never_comes_out_changed)
{
    const auto whole = encode_frame(first);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (int mask = 1; mask < 256; ++mask) {
            auto bytes = whole;
            bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^
                                          static_cast<unsigned>(mask));
            for (const auto on_damage : {OnDamage::stop, OnDamage::skip}) {
                BOOST_REQUIRE(read(on_damage, bytes, bytes.size()).payloads.empty());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(damage_stops_for_good_where_that_is_asked_for)
{
    FrameReader reader{OnDamage::stop};
    reader.feed("garbage");
    BOOST_TEST(!reader.next());
    reader.feed(encode_frame(first));
    BOOST_TEST(!reader.next());
}

BOOST_AUTO_TEST_CASE(an_agent_finds_the_next_frame_after_a_cut_at_every_byte)
{
    const auto whole = encode_frame(second);
    const auto padding = std::string(resync_padding, '\0');
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        FrameReader reader{OnDamage::skip};
        const auto got =
            read(reader, whole.substr(0, cut) + padding + encode_frame(first), std::size_t{4096});
        BOOST_REQUIRE(!got.payloads.empty());
        BOOST_TEST(got.payloads.back() == first);
        // Zeros may complete what was cut to what it was, or to a frame without anything in it,
        // but to nothing else.
        for (const auto& payload : got.payloads) {
            BOOST_TEST((payload == first || payload == second || payload.empty()));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_agent_finds_the_next_frame_after_any_garbage)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::minstd_rand random{seed};
        std::uniform_int_distribution<int> byte{0, 255};
        for (int round = 0; round < 200; ++round) {
            std::string garbage;
            for (int i = 0; i < round * 7; ++i) {
                garbage += static_cast<char>(byte(random));
            }
            FrameReader reader{OnDamage::skip};
            const auto got = read(reader,
                                  garbage + std::string(resync_padding, '\0') + encode_frame(first),
                                  std::size_t{8192});
            BOOST_REQUIRE(!got.payloads.empty());
            BOOST_TEST(got.payloads.back() == first);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_partial_frame_is_forgotten_at_a_reset)
{
    FrameReader reader{OnDamage::stop};
    reader.feed(encode_frame(first).substr(0, 15));
    BOOST_TEST(!reader.next()->has_value());
    reader.reset();
    BOOST_TEST(
        (read(reader, encode_frame(second), 1).payloads == std::vector<std::string>{second}));
}

BOOST_AUTO_TEST_CASE(the_echo_is_found_however_it_is_cut_and_what_follows_is_kept)
{
    const auto session = random_session();
    const auto echo_bytes = echo_of(session);
    const std::string echo{reinterpret_cast<const char*>(echo_bytes.data()), echo_bytes.size()};
    BOOST_TEST(echo.substr(0, 8) == "PDKECHO1");
    // The garbage holds all but the end of an echo, and another session's.
    const auto other = echo_of(Session{});
    const auto garbage = echo.substr(0, 23) + std::string{other.begin(), other.end()} +
                         encode_frame(first) + echo.substr(0, 10);
    const auto stream = garbage + echo + "rest";
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        EchoFinder finder{session};
        std::size_t from = 0;
        std::optional<std::string> rest;
        for (; !rest && from < stream.size(); from += piece) {
            rest = finder.feed(std::string_view{stream}.substr(from, piece));
        }
        BOOST_REQUIRE(rest.has_value());
        const auto unread = from < stream.size() ? stream.substr(from) : "";
        BOOST_TEST(*rest + unread == "rest");
        BOOST_TEST(finder.discarded() == garbage.size());
    }
}

BOOST_AUTO_TEST_CASE(a_stream_without_the_echo_is_counted_and_not_kept)
{
    EchoFinder finder{random_session()};
    const std::string noise(1U << 20U, 'n');
    BOOST_TEST(!finder.feed(noise).has_value());
    BOOST_TEST(finder.discarded() == noise.size() - 23);
}

BOOST_AUTO_TEST_CASE(sessions_differ)
{
    BOOST_TEST((random_session() != random_session()));
}

BOOST_AUTO_TEST_SUITE_END()
