#include "proto/wire_images.hpp"
#include "tests/unit/coordinator_link/wire_fixture.hpp"

using namespace tests;
using common::Bytes;
using common::ErrorCode;

namespace {

const common::ImageId registration{"img-aaaaaaaaaaaaaaaa"};
const std::string disk_digest(64, 'a');

coordinator::RegisteredImage a_registered_image()
{
    coordinator::RegisteredImage image;
    image.id = registration;
    image.name = common::ImageName{"web"};
    image.tenant = "red";
    image.disk = {disk_digest, Bytes::mib(300)};
    image.kernel = {std::string(64, 'b'), Bytes::mib(8)};
    image.initrd = {std::string(64, 'c'), Bytes::mib(2)};
    image.cmdline = "console=ttyS0 quiet";
    image.boot = "kernel";
    image.agent = "paddock";
    image.vcpus = 2;
    image.memory = Bytes::mib(256);
    return image;
}

hostd::ImageRecipe recipe_of(const coordinator::RegisteredImage& image)
{
    return std::get<hostd::AddImageCommand>(at_host(coordinator::AddImageOnHost{image}).what)
        .recipe;
}

hostd::Piece piece_at_host(common::Result<std::string> data)
{
    return std::get<hostd::PieceCommand>(
               at_host(coordinator::PieceOnHost{
                           common::OperationId{operation}, disk_digest, 7, std::move(data)})
                   .what)
        .piece;
}

} // namespace

BOOST_AUTO_TEST_SUITE(image_wire_tests)

BOOST_AUTO_TEST_CASE(an_image_of_files_arrives_whole)
{
    const auto sent = a_registered_image();
    const auto recipe = recipe_of(sent);
    BOOST_TEST(recipe.registration == registration);
    BOOST_TEST(recipe.name == sent.name);
    BOOST_TEST(recipe.tenant == "red");
    BOOST_CHECK((recipe.disk == hostd::BlobRef{sent.disk.digest, sent.disk.size}));
    BOOST_CHECK((recipe.kernel == hostd::BlobRef{sent.kernel.digest, sent.kernel.size}));
    BOOST_CHECK((recipe.initrd == hostd::BlobRef{sent.initrd.digest, sent.initrd.size}));
    BOOST_TEST(recipe.cmdline == sent.cmdline);
    BOOST_CHECK(recipe.boot == hostd::Boot::kernel);
    BOOST_CHECK(recipe.agent == hostd::AgentKind::paddock);
    BOOST_TEST(recipe.vcpus == 2U);
    BOOST_CHECK(recipe.memory == Bytes::mib(256));
}

BOOST_AUTO_TEST_CASE(what_an_image_of_files_has_not_stays_away)
{
    auto sent = a_registered_image();
    sent.kernel = {};
    sent.initrd = {};
    sent.cmdline.clear();
    sent.vcpus = 0;
    sent.memory = {};
    for (const auto& [word, boot] : std::vector<std::pair<std::string, hostd::Boot>>{
             {"bios", hostd::Boot::bios}, {"uefi", hostd::Boot::uefi}}) {
        sent.boot = word;
        const auto recipe = recipe_of(sent);
        BOOST_CHECK(recipe.boot == boot);
        BOOST_CHECK(recipe.kernel == hostd::BlobRef{});
        BOOST_CHECK(recipe.initrd == hostd::BlobRef{});
        BOOST_TEST(recipe.vcpus == 0U);
        BOOST_CHECK(recipe.memory == Bytes{});
    }
    for (const auto& [word, agent] : std::vector<std::pair<std::string, hostd::AgentKind>>{
             {"qemu", hostd::AgentKind::qemu}, {"none", hostd::AgentKind::none}}) {
        sent.agent = word;
        BOOST_CHECK(recipe_of(sent).agent == agent);
    }
}

BOOST_AUTO_TEST_CASE(a_piece_arrives_with_its_bytes_or_with_why_there_are_none)
{
    const std::string bytes{"\0\xff\n\x80", 4};
    const auto piece = piece_at_host(bytes);
    BOOST_TEST(piece.operation.str() == operation);
    BOOST_TEST(piece.digest == disk_digest);
    BOOST_TEST(piece.offset == 7U);
    BOOST_TEST(piece.data == bytes);
    BOOST_TEST(!piece.error.has_value());
    const auto none =
        piece_at_host(common::Error{ErrorCode::not_found, "it is not there", "unknown_blob"});
    BOOST_TEST(none.data.empty());
    BOOST_REQUIRE(none.error.has_value());
    BOOST_TEST(none.error->reason == "unknown_blob");
    BOOST_TEST(none.error->message == "it is not there");
    BOOST_TEST(piece_at_host(common::Error{ErrorCode::internal, "it broke"}).error.has_value());
}

BOOST_AUTO_TEST_CASE(the_largest_piece_fits_the_link)
{
    const std::string largest(proto::max_piece_bytes, 'x');
    BOOST_TEST(piece_at_host(largest).data == largest);
}

BOOST_AUTO_TEST_CASE(a_removal_says_of_which_registration)
{
    const common::ImageName web{"web"};
    const auto remove = std::get<hostd::RemoveImageCommand>(
        at_host(coordinator::RemoveImageOnHost{web, "red", registration}).what);
    BOOST_TEST(remove.image == web);
    BOOST_TEST(remove.tenant == "red");
    BOOST_TEST(remove.registration == registration);
    const auto any = std::get<hostd::RemoveImageCommand>(
        at_host(coordinator::RemoveImageOnHost{web, "red"}).what);
    BOOST_TEST(any.registration.empty());
}

BOOST_AUTO_TEST_CASE(a_host_tells_by_what_registration_an_image_is_there)
{
    hostd::Image image;
    image.name = common::ImageName{"web"};
    image.tenant = "red";
    image.registration = registration;
    hostd::Answer answer;
    answer.value = image;
    BOOST_TEST(std::get<coordinator::Image>(at_coordinator(answer).value).registration ==
               registration);
    auto reply = hostd::link::to_wire(answer);
    reply.image->registration = "../img";
    proto::Envelope envelope;
    envelope.operation_id = operation;
    const auto came = coordinator::link::answer_of(common::HostName{"h1"}, envelope, reply);
    BOOST_REQUIRE(came);
    BOOST_TEST(std::get<coordinator::Image>(came->value).registration.empty());
}

BOOST_AUTO_TEST_CASE(a_wish_arrives_whole_and_what_is_none_is_refused)
{
    const common::HostName host{"h1"};
    const proto::WantPiece good{operation, disk_digest, 1'000'000'000'000, 4096};
    const auto bytes = proto::encode_body(good);
    const auto wire = proto::decode_body<proto::WantPiece>(bytes);
    BOOST_REQUIRE(wire);
    const auto wish = coordinator::link::wish_of(host, *wire);
    BOOST_REQUIRE(wish);
    BOOST_TEST(wish->host == host);
    BOOST_TEST(wish->operation.str() == operation);
    BOOST_TEST(wish->digest == disk_digest);
    BOOST_TEST(wish->offset == 1'000'000'000'000U);
    BOOST_TEST(wish->size == 4096U);
    const auto refused = [&](auto change) {
        auto bad = good;
        change(bad);
        const auto none = coordinator::link::wish_of(host, bad);
        BOOST_REQUIRE(!none);
        BOOST_CHECK(none.error().code == ErrorCode::invalid_argument);
    };
    refused([](proto::WantPiece& w) { w.operation = "x"; });
    refused([](proto::WantPiece& w) { w.operation.clear(); });
    for (const auto& text : {std::string{},
                             std::string{"../../etc/passwd"},
                             std::string(63, 'a'),
                             std::string(64, 'A'),
                             std::string(64, '/'),
                             std::string(65, 'a')}) {
        refused([&](proto::WantPiece& w) { w.digest = text; });
    }
    refused([](proto::WantPiece& w) { w.size = 0; });
    refused([](proto::WantPiece& w) { w.size = proto::max_piece_bytes + 1; });
    auto largest = good;
    largest.size = proto::max_piece_bytes;
    BOOST_TEST(coordinator::link::wish_of(host, largest).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
