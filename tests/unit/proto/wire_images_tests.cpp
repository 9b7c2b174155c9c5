#include "proto/wire_images.hpp"

#include "tests/fuzz/samples.hpp"
#include "tests/unit/proto/raw.hpp"

#include <boost/test/unit_test.hpp>

using namespace proto;
using namespace std::string_literals;

namespace {

AddImage full_recipe()
{
    return std::get<AddImage>(samples::wire_messages());
}

template <typename Message>
bool goes_through(const Message& message)
{
    return decode_body<Message>(encode_body(message)).has_value();
}

/// Whether a sample is taken after `change`.
template <typename Message, typename Change>
bool taken_with(Change change)
{
    auto message = std::get<Message>(samples::wire_messages());
    change(message);
    return goes_through(message);
}

template <typename Message>
std::string why_not(const std::string& body)
{
    const auto decoded = decode_body<Message>(body);
    BOOST_REQUIRE(!decoded);
    BOOST_CHECK(decoded.error().code == common::ErrorCode::invalid_argument);
    return decoded.error().message;
}

bool says(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

std::string text_field(std::string_view name, std::string_view value)
{
    return raw::str(name) + raw::bin(value);
}

/// An AddImage as little as can be said, without its disk.
std::string least_but_the_disk()
{
    return text_field("registration", "img-1") + text_field("image", "web") +
           text_field("tenant", "red") + text_field("boot", "bios") + text_field("agent", "none");
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_images_tests)

BOOST_AUTO_TEST_CASE(the_bytes_about_images_are_these)
{
    BOOST_TEST(encode_body(RemoveImage{"web", "red", "img-1"}) ==
               "\x83\xA5"s + "image" + "\xC4\x03" + "web" + "\xA6" + "tenant" + "\xC4\x03" + "red" +
                   "\xAC" + "registration" + "\xC4\x05" + "img-1");
    BOOST_TEST(encode_body(WantPiece{"op-1", "d", 70'000, 262'144}) ==
               "\x84\xA2"s + "op" + "\xC4\x04" + "op-1" + "\xA6" + "digest" + "\xC4\x01" + "d" +
                   "\xA6" + "offset" + "\xCE\x00\x01\x11\x70"s + "\xA4" + "size" +
                   "\xCE\x00\x04\x00\x00"s);
    BOOST_TEST(encode_body(Piece{"op-1", "d", 5, "\0\xFF"s, 0, "", ""}) ==
               "\x87\xA2"s + "op" + "\xC4\x04" + "op-1" + "\xA6" + "digest" + "\xC4\x01" + "d" +
                   "\xA6" + "offset" + "\x05" + "\xA4" + "data" + "\xC4\x02\x00\xFF"s + "\xA5" +
                   "zeros" + "\x00"s + "\xA6" + "reason" + "\xC4\x00"s + "\xA7" + "message" +
                   "\xC4\x00"s);
    const auto nothing = "\x82\xA6"s + "digest" + "\xC4\x00"s + "\xA4" + "size" + "\x00"s;
    BOOST_TEST(
        encode_body(AddImage{"i", "n", "t", {"d", 9}, {}, {}, "", "bios", "none", 0, 0, {}}) ==
        "\x8C\xAC"s + "registration" + "\xC4\x01" + "i" + "\xA5" + "image" + "\xC4\x01" + "n" +
            "\xA6" + "tenant" + "\xC4\x01" + "t" + "\xA4" + "disk" + "\x82\xA6" + "digest" +
            "\xC4\x01" + "d" + "\xA4" + "size" + "\x09" + "\xA6" + "kernel" + nothing + "\xA6" +
            "initrd" + nothing + "\xA7" + "cmdline" + "\xC4\x00"s + "\xA4" + "boot" + "\xC4\x04" +
            "bios" + "\xA5" + "agent" + "\xC4\x04" + "none" + "\xA5" + "vcpus" + "\x00"s + "\xA6" +
            "memory" + "\x00"s + "\xA5" + "peers" + "\x90");
}

BOOST_AUTO_TEST_CASE(what_an_image_is_made_of_comes_back_whole)
{
    const auto sent = full_recipe();
    const auto came = decode_body<AddImage>(encode_body(sent));
    BOOST_REQUIRE(came);
    BOOST_TEST(came->registration == sent.registration);
    BOOST_TEST(came->image == sent.image);
    BOOST_TEST(came->tenant == sent.tenant);
    BOOST_TEST((came->disk == sent.disk));
    BOOST_TEST((came->kernel == sent.kernel));
    BOOST_TEST((came->initrd == sent.initrd));
    BOOST_TEST(came->cmdline == sent.cmdline);
    BOOST_TEST(came->boot == sent.boot);
    BOOST_TEST(came->agent == sent.agent);
    BOOST_TEST(came->vcpus == sent.vcpus);
    BOOST_TEST(came->memory_bytes == sent.memory_bytes);
    BOOST_TEST((came->peers == sent.peers));
}

BOOST_AUTO_TEST_CASE(who_may_have_an_image_and_who_gives_it_come_back_whole)
{
    const auto sent = std::get<ShareImage>(samples::wire_messages());
    const auto came = decode_body<ShareImage>(encode_body(sent));
    BOOST_REQUIRE(came);
    BOOST_TEST(came->registration == sent.registration);
    BOOST_TEST(came->key == sent.key);
    auto recipe = full_recipe();
    recipe.peers.assign(max_peers, recipe.peers.front());
    BOOST_TEST(decode_body<AddImage>(encode_body(recipe)).has_value());
    recipe.peers.push_back(recipe.peers.front());
    BOOST_TEST(!decode_body<AddImage>(encode_body(recipe)).has_value());
}

BOOST_AUTO_TEST_CASE(a_piece_and_the_wish_for_it_come_back_whole)
{
    const auto sent = std::get<Piece>(samples::wire_messages());
    const auto came = decode_body<Piece>(encode_body(sent));
    BOOST_REQUIRE(came);
    BOOST_TEST(came->operation == sent.operation);
    BOOST_TEST(came->digest == sent.digest);
    BOOST_TEST(came->offset == sent.offset);
    BOOST_TEST((came->data == sent.data));
    BOOST_TEST(came->zeros == sent.zeros);
    BOOST_TEST(came->reason == sent.reason);
    BOOST_TEST(came->message == sent.message);
    const auto wish = std::get<WantPiece>(samples::wire_messages());
    const auto heard = decode_body<WantPiece>(encode_body(wish));
    BOOST_REQUIRE(heard);
    BOOST_TEST(heard->operation == wish.operation);
    BOOST_TEST(heard->digest == wish.digest);
    BOOST_TEST(heard->offset == wish.offset);
    BOOST_TEST(heard->size == wish.size);
}

BOOST_AUTO_TEST_CASE(an_image_needs_a_disk_and_little_else)
{
    const auto disk = raw::str("disk") + raw::map(2) + text_field("digest", "d") +
                      raw::str("size") + raw::uint(9);
    const auto least = decode_body<AddImage>(raw::map(6) + least_but_the_disk() + disk);
    BOOST_REQUIRE(least);
    BOOST_TEST((least->disk == BlobRef{"d", 9}));
    BOOST_TEST((least->kernel == BlobRef{}));
    BOOST_TEST((least->initrd == BlobRef{}));
    BOOST_TEST(least->cmdline.empty());
    BOOST_TEST(least->vcpus == 0U);
    BOOST_TEST(least->memory_bytes == 0U);
    BOOST_TEST(says(why_not<AddImage>(raw::map(5) + least_but_the_disk()), "'disk': missing"));
    const auto unsized = raw::str("disk") + raw::map(1) + text_field("digest", "d");
    BOOST_TEST(
        says(why_not<AddImage>(raw::map(6) + least_but_the_disk() + unsized), "'size': missing"));
    const auto unnamed = raw::str("disk") + raw::map(1) + raw::str("size") + raw::uint(9);
    BOOST_TEST(
        says(why_not<AddImage>(raw::map(6) + least_but_the_disk() + unnamed), "'digest': missing"));
    const auto text = text_field("disk", "d");
    BOOST_TEST(says(why_not<AddImage>(raw::map(6) + least_but_the_disk() + text), "'disk'"));
}

BOOST_AUTO_TEST_CASE(a_coordinator_from_before_registrations_removes_whichever_it_is)
{
    const auto remove = decode_body<RemoveImage>(raw::map(2) + text_field("image", "web") +
                                                 text_field("tenant", "red"));
    BOOST_REQUIRE(remove);
    BOOST_TEST(remove->image == "web");
    BOOST_TEST(remove->registration.empty());
}

BOOST_AUTO_TEST_CASE(a_piece_says_what_it_is_a_piece_of)
{
    const auto where = text_field("op", "op-1") + text_field("digest", "d");
    BOOST_TEST(says(why_not<Piece>(raw::map(2) + where), "'offset': missing"));
    BOOST_TEST(says(why_not<WantPiece>(raw::map(2) + where), "'offset': missing"));
    BOOST_TEST(says(why_not<WantPiece>(raw::map(3) + where + raw::str("offset") + raw::uint(1)),
                    "'size': missing"));
    const auto empty = decode_body<Piece>(raw::map(3) + where + raw::str("offset") + raw::uint(1));
    BOOST_REQUIRE(empty);
    BOOST_TEST(empty->data.empty());
    BOOST_TEST(empty->zeros == 0U); // Of a peer from before there were any.
    BOOST_TEST(empty->reason.empty());
}

BOOST_AUTO_TEST_CASE(bounds_of_pieces_hold_exactly)
{
    for (const std::uint32_t over : {0U, 1U}) {
        const bool expected = over == 0;
        BOOST_TEST(taken_with<Piece>([&](Piece& p) {
                       p.data.assign(max_piece_bytes + over, '\xFF');
                   }) == expected);
        BOOST_TEST(taken_with<Piece>([&](Piece& p) {
                       p.zeros = static_cast<std::uint32_t>(max_piece_bytes) + over;
                   }) == expected);
        BOOST_TEST(taken_with<Piece>([&](Piece& p) { p.operation.assign(128 + over, 'o'); }) ==
                   expected);
        BOOST_TEST(taken_with<Piece>([&](Piece& p) { p.digest.assign(128 + over, 'd'); }) ==
                   expected);
        BOOST_TEST(taken_with<Piece>([&](Piece& p) { p.reason.assign(128 + over, 'r'); }) ==
                   expected);
        BOOST_TEST(taken_with<Piece>([&](Piece& p) { p.message.assign(4096 + over, 'm'); }) ==
                   expected);
        BOOST_TEST(taken_with<WantPiece>([&](WantPiece& w) {
                       w.size = static_cast<std::uint32_t>(max_piece_bytes) + over;
                   }) == expected);
        BOOST_TEST(taken_with<WantPiece>(
                       [&](WantPiece& w) { w.operation.assign(128 + over, 'o'); }) == expected);
        BOOST_TEST(taken_with<WantPiece>([&](WantPiece& w) { w.digest.assign(128 + over, 'd'); }) ==
                   expected);
        BOOST_TEST(taken_with<WantPiece>([&](WantPiece& w) {
                       w.offset = std::uint64_t{0x7FFFFFFFFFFFFFFF} + over;
                   }) == expected);
    }
}

BOOST_AUTO_TEST_CASE(bounds_of_images_hold_exactly)
{
    for (const std::size_t over : {0U, 1U}) {
        const bool expected = over == 0;
        const std::string word(128 + over, 'w');
        const std::uint64_t size = std::uint64_t{0x7FFFFFFFFFFFFFFF} + over;
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.registration = word; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.image = word; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.tenant = word; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.boot = word; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.agent = word; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.disk.digest = word; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.kernel.size_bytes = size; }) ==
                   expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.memory_bytes = size; }) == expected);
        BOOST_TEST(taken_with<AddImage>([&](AddImage& a) { a.cmdline.assign(4096 + over, 'c'); }) ==
                   expected);
        BOOST_TEST(goes_through(RemoveImage{word, "t", ""}) == expected);
        BOOST_TEST(goes_through(RemoveImage{"web", word, ""}) == expected);
        BOOST_TEST(goes_through(RemoveImage{"web", "t", word}) == expected);
        BOOST_TEST(goes_through(MakeImage{"i", "s", word, "t"}) == expected);
        BOOST_TEST(goes_through(MakeImage{"i", "s", "web", word}) == expected);
        auto facts = samples::facts();
        facts.images.front().registration = word;
        BOOST_TEST(goes_through(Heartbeat{1, facts}) == expected);
    }
}

BOOST_AUTO_TEST_CASE(the_largest_piece_fits_into_one_message)
{
    auto piece = std::get<Piece>(samples::wire_messages());
    piece.data.assign(max_piece_bytes, '\xFF');
    auto envelope = samples::envelope();
    envelope.body = encode_body(piece);
    BOOST_TEST(decode_envelope(encode(envelope)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
