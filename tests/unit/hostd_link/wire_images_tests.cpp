#include "hostd/link/wire_images.hpp"

#include "hostd/link/wire.hpp"
#include "tests/unit/hostd_link/envelopes.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::ErrorCode;
using link::command_of;
using tests::envelope_of;

namespace {

const std::string its_sandbox = "sbx-aaaaaaaaaaaaaaaa";
const std::string its_snapshot = "snp-aaaaaaaaaaaaaaaa";
const std::string registered = "img-aaaaaaaaaaaaaaaa";
const std::string digest(64, 'a');

/// Of an image that boots by its own boot loader.
proto::AddImage an_image()
{
    proto::AddImage add;
    add.registration = registered;
    add.image = "web";
    add.tenant = "red";
    add.disk = {digest, 196'616};
    add.boot = "bios";
    add.agent = "none";
    return add;
}

/// Of one that boots a kernel.
proto::AddImage a_kernels_image()
{
    auto add = an_image();
    add.kernel = {std::string(64, 'b'), 7};
    add.initrd = {std::string(64, 'c'), 8};
    add.cmdline = "console=ttyS0";
    add.boot = "kernel";
    add.agent = "paddock";
    add.vcpus = 2;
    add.memory_bytes = 1U << 28U;
    return add;
}

template <typename Message>
void is_refused(const Message& message,
                std::string_view field,
                ErrorCode code = ErrorCode::invalid_argument)
{
    BOOST_TEST_CONTEXT(field)
    {
        const auto command = command_of(envelope_of(message));
        BOOST_REQUIRE(!command);
        BOOST_CHECK(command.error().code == code);
        BOOST_TEST(command.error().message.find(field) != std::string::npos,
                   command.error().message);
    }
}

/// The image with something changed is not taken.
template <typename Change>
void is_refused_with(proto::AddImage add,
                     Change change,
                     std::string_view field,
                     ErrorCode code = ErrorCode::invalid_argument)
{
    change(add);
    is_refused(add, field, code);
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_images_tests)

BOOST_AUTO_TEST_CASE(what_is_asked_about_made_images_becomes_a_command_or_is_refused_at_the_border)
{
    const auto made =
        command_of(envelope_of(proto::MakeImage{its_sandbox, its_snapshot, "web", "red"}));
    BOOST_REQUIRE(made);
    const auto& make = std::get<MakeImageCommand>(made->what);
    BOOST_TEST(make.id.str() == its_sandbox);
    BOOST_TEST(make.snapshot.str() == its_snapshot);
    BOOST_TEST(make.image.str() == "web");
    BOOST_TEST(make.tenant == "red");
    is_refused(proto::MakeImage{"../etc", its_snapshot, "web", "red"}, "'id'");
    is_refused(proto::MakeImage{its_sandbox, its_sandbox, "web", "red"}, "snapshot_id");
    is_refused(proto::MakeImage{its_sandbox, its_snapshot, "web", ""}, "tenant");
    for (const auto& name : {std::string{}, std::string{"../n"}, std::string(64, 'n')}) {
        is_refused(proto::MakeImage{its_sandbox, its_snapshot, name, "red"}, "'image'");
    }
}

BOOST_AUTO_TEST_CASE(an_image_is_removed_whichever_it_is_or_by_its_registration)
{
    const auto any = command_of(envelope_of(proto::RemoveImage{"web", "red", ""}));
    BOOST_REQUIRE(any);
    BOOST_TEST(any->operation.str() == "op-1");
    const auto& remove = std::get<RemoveImageCommand>(any->what);
    BOOST_TEST(remove.image.str() == "web");
    BOOST_TEST(remove.tenant == "red");
    BOOST_TEST(remove.registration.empty());
    const auto one = command_of(envelope_of(proto::RemoveImage{"web", "red", registered}));
    BOOST_REQUIRE(one);
    BOOST_TEST(std::get<RemoveImageCommand>(one->what).registration.str() == registered);
    is_refused(proto::RemoveImage{"web", "", registered}, "tenant");
    for (const auto& name : {std::string{}, std::string{"../n"}, std::string(64, 'n')}) {
        is_refused(proto::RemoveImage{name, "red", ""}, "'image'");
    }
    for (const std::string id : {"../etc", "img-short", "IMG-AAAAAAAAAAAAAAAA", "web"}) {
        is_refused(proto::RemoveImage{"web", "red", id}, "'registration'");
    }
    is_refused(proto::RemoveImage{"web", "red", its_snapshot}, "'registration'");
}

BOOST_AUTO_TEST_CASE(an_image_of_a_kernel_becomes_a_command_with_all_that_was_said)
{
    const auto command = command_of(envelope_of(a_kernels_image()));
    BOOST_REQUIRE(command);
    BOOST_TEST(command->operation.str() == "op-1");
    const auto& recipe = std::get<AddImageCommand>(command->what).recipe;
    BOOST_TEST(recipe.registration.str() == registered);
    BOOST_TEST(recipe.name.str() == "web");
    BOOST_TEST(recipe.tenant == "red");
    BOOST_TEST((recipe.disk == BlobRef{digest, common::Bytes{196'616}}));
    BOOST_TEST((recipe.kernel == BlobRef{std::string(64, 'b'), common::Bytes{7}}));
    BOOST_TEST((recipe.initrd == BlobRef{std::string(64, 'c'), common::Bytes{8}}));
    BOOST_TEST(recipe.cmdline == "console=ttyS0");
    BOOST_CHECK(recipe.boot == Boot::kernel);
    BOOST_CHECK(recipe.agent == AgentKind::paddock);
    BOOST_TEST(recipe.vcpus == 2U);
    BOOST_TEST(recipe.memory.mib() == 256U);
    auto bare = a_kernels_image();
    bare.initrd = {};
    bare.cmdline.clear();
    const auto alone = command_of(envelope_of(bare));
    BOOST_REQUIRE(alone);
    BOOST_TEST((std::get<AddImageCommand>(alone->what).recipe.initrd == BlobRef{}));
}

BOOST_AUTO_TEST_CASE(an_image_with_a_boot_loader_has_a_disk_alone)
{
    for (const auto& [word, boot] :
         {std::pair{"bios", Boot::bios}, std::pair{"uefi", Boot::uefi}}) {
        auto add = an_image();
        add.boot = word;
        const auto command = command_of(envelope_of(add));
        BOOST_REQUIRE(command);
        const auto& recipe = std::get<AddImageCommand>(command->what).recipe;
        BOOST_CHECK(recipe.boot == boot);
        BOOST_TEST((recipe.kernel == BlobRef{}));
        BOOST_TEST((recipe.initrd == BlobRef{}));
        BOOST_TEST(recipe.vcpus == 0U);
        BOOST_TEST(recipe.memory.count() == 0U);
        is_refused_with(
            add, [](auto& a) { a.kernel = a_kernels_image().kernel; }, "'boot'");
        is_refused_with(
            add, [](auto& a) { a.initrd = a_kernels_image().initrd; }, "'boot'");
        is_refused_with(
            add, [](auto& a) { a.cmdline = "console=ttyS0"; }, "'boot'");
    }
}

BOOST_AUTO_TEST_CASE(an_image_of_no_file_is_refused_by_the_field_that_names_none)
{
    for (const auto& none : {std::string{},
                             std::string{"../etc"},
                             std::string(63, 'a'),
                             std::string(65, 'a'),
                             std::string(64, 'A'),
                             std::string(64, 'g')}) {
        is_refused_with(
            an_image(), [&](auto& a) { a.disk.digest = none; }, "'disk'");
        is_refused_with(
            a_kernels_image(), [&](auto& a) { a.kernel.digest = none; }, "'kernel'");
        if (!none.empty()) {
            is_refused_with(
                a_kernels_image(), [&](auto& a) { a.initrd.digest = none; }, "'initrd'");
        }
    }
    is_refused_with(
        an_image(), [](auto& a) { a.disk.size_bytes = 0; }, "'disk'");
    is_refused_with(
        a_kernels_image(), [](auto& a) { a.kernel.size_bytes = 0; }, "'kernel'");
    is_refused_with(
        a_kernels_image(), [](auto& a) { a.initrd.size_bytes = 0; }, "'initrd'");
    is_refused_with(
        a_kernels_image(), [](auto& a) { a.kernel = {}; }, "'kernel'"); // It has an initrd, though.
}

BOOST_AUTO_TEST_CASE(who_and_what_an_image_is_is_read_strictly)
{
    for (const std::string id : {"", "../etc", "img-short", "IMG-AAAAAAAAAAAAAAAA"}) {
        is_refused_with(
            an_image(), [&](auto& a) { a.registration = id; }, "'registration'");
    }
    is_refused_with(
        an_image(), [](auto& a) { a.registration = its_sandbox; }, "'registration'");
    for (const std::string name : {"", "../n", "<x/>", ".tmp-x"}) {
        is_refused_with(
            an_image(), [&](auto& a) { a.image = name; }, "'image'");
    }
    is_refused_with(
        an_image(), [](auto& a) { a.tenant.clear(); }, "'tenant'");
    auto envelope = envelope_of(an_image());
    envelope.body.pop_back();
    BOOST_CHECK(command_of(envelope).error().code == ErrorCode::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_way_to_boot_or_an_agent_of_a_newer_coordinator_is_unimplemented)
{
    is_refused_with(
        an_image(), [](auto& a) { a.boot = "floppy"; }, "'floppy'", ErrorCode::unimplemented);
    is_refused_with(
        an_image(), [](auto& a) { a.boot = ""; }, "''", ErrorCode::unimplemented);
    is_refused_with(
        an_image(), [](auto& a) { a.agent = "ssh"; }, "'ssh'", ErrorCode::unimplemented);
}

BOOST_AUTO_TEST_CASE(a_piece_becomes_a_command_with_its_data_or_why_there_is_none)
{
    const std::string fetching = "op-bbbbbbbbbbbbbbbb";
    const auto data = std::string{"\0QFI\xFB", 5};
    const auto came =
        command_of(envelope_of(proto::Piece{fetching, digest, 262'144, data, 0, "", ""}));
    BOOST_REQUIRE(came);
    const auto& piece = std::get<PieceCommand>(came->what).piece;
    BOOST_TEST(piece.operation.str() == fetching); // Not the envelope's, which is its own.
    BOOST_TEST(piece.digest == digest);
    BOOST_TEST(piece.offset == 262'144U);
    BOOST_TEST((piece.data == data));
    BOOST_TEST(!piece.error.has_value());
    const auto none = command_of(
        envelope_of(proto::Piece{fetching, digest, 0, "", 0, "unknown_blob", "not to be fetched"}));
    BOOST_REQUIRE(none);
    const auto& error = std::get<PieceCommand>(none->what).piece.error;
    BOOST_REQUIRE(error.has_value());
    BOOST_CHECK(error->code == ErrorCode::unavailable);
    BOOST_TEST(error->reason == "unknown_blob");
    BOOST_TEST(error->message == "not to be fetched");
    is_refused(proto::Piece{"op-1", digest, 0, "x", 0, "", ""}, "'op'");
    is_refused(proto::Piece{"", digest, 0, "x", 0, "", ""}, "'op'");
    is_refused(proto::Piece{its_sandbox, digest, 0, "x", 0, "", ""}, "'op'");
    is_refused(proto::Piece{fetching, "", 0, "x", 0, "", ""}, "'digest'");
    is_refused(proto::Piece{fetching, "../etc", 0, "x", 0, "", ""}, "'digest'");
}

BOOST_AUTO_TEST_CASE(a_wish_is_said_as_it_is)
{
    const auto wire =
        link::to_wire(PieceWish{common::OperationId{"op-1"}, digest, 524'288, 262'144});
    BOOST_TEST(wire.operation == "op-1");
    BOOST_TEST(wire.digest == digest);
    BOOST_TEST(wire.offset == 524'288U);
    BOOST_TEST(wire.size == 262'144U);
}

BOOST_AUTO_TEST_CASE(an_image_says_which_registration_it_is)
{
    Answer answer;
    Image image;
    image.name = common::ImageName{"web"};
    image.tenant = "red";
    image.registration = common::ImageId{registered};
    answer.value = image;
    const auto reply = proto::decode_body<proto::Reply>(proto::encode_body(link::to_wire(answer)));
    BOOST_REQUIRE(reply);
    BOOST_REQUIRE(reply->image.has_value());
    BOOST_TEST(reply->image->name == "web");
    BOOST_TEST(reply->image->tenant == "red");
    BOOST_TEST(reply->image->registration == registered);
    BOOST_TEST(reply->image->from_snapshot.empty());
}

BOOST_AUTO_TEST_SUITE_END()
