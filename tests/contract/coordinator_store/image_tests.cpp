#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::RegisteredImage;

namespace {

RegisteredImage a_registered_image(const std::string& name, std::int64_t us_later = 0)
{
    RegisteredImage image;
    image.id = common::mint<common::ImageId>();
    image.tenant = hostile();
    image.name = common::ImageName{name};
    image.disk = {std::string(64, 'a'), common::Bytes::gib(40)};
    image.kernel = {std::string(64, 'b'), common::Bytes::mib(8)};
    image.initrd = {std::string(64, 'c'), common::Bytes{1}};
    image.cmdline = "console=ttyS0 '; DROP TABLE audit; --\"\\";
    image.boot = "kernel";
    image.agent = "paddock";
    image.vcpus = 3;
    image.memory = common::Bytes::mib(512);
    image.prefetch = *coordinator::prefetch_from("disk=it's; DROP,rack=a");
    image.created_at = at(us_later);
    return image;
}

struct ImageRows {
    std::vector<RegisteredImage> loaded()
    {
        store.reset();
        return load(settings).images;
    }
    common::Result<> put(const RegisteredImage& image)
    {
        if (!store) {
            store = open_store(settings);
        }
        return write(*store, {image, an_audit_row(image.name.str())});
    }

    Postgres& postgres = Postgres::shared();
    const std::string database = postgres.fresh_database();
    const coordinator::store::StoreSettings settings = postgres.settings(database);
    std::unique_ptr<PgStore> store = open_store(settings);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(image_tests, ImageRows)

BOOST_AUTO_TEST_CASE(a_registered_image_comes_back_as_it_was_written_and_as_it_changes)
{
    auto image = a_registered_image("web");
    BOOST_TEST(told(put(image)) == "ok");
    auto back = loaded();
    BOOST_REQUIRE(back.size() == 1U);
    BOOST_CHECK(back[0] == image);

    image.status = RegisteredImage::Status::ready;
    BOOST_TEST(told(put(image)) == "ok");
    back = loaded();
    BOOST_REQUIRE(back.size() == 1U);
    BOOST_CHECK(back[0] == image);

    image.status = RegisteredImage::Status::deleted;
    image.deleted_at = at(7);
    BOOST_TEST(told(put(image)) == "ok");
    back = loaded(); // For hosts that still have it.
    BOOST_REQUIRE(back.size() == 1U);
    BOOST_CHECK(back[0] == image);
}

BOOST_AUTO_TEST_CASE(one_of_a_disk_alone_comes_back_without_the_rest)
{
    auto image = a_registered_image("web");
    image.kernel = {};
    image.initrd = {};
    image.cmdline.clear();
    image.boot = "bios";
    image.agent = "none";
    image.vcpus = 0;
    image.memory = {};
    image.prefetch = {};
    BOOST_TEST(told(put(image)) == "ok");
    const auto back = loaded();
    BOOST_REQUIRE(back.size() == 1U);
    BOOST_CHECK(back[0] == image);
}

BOOST_AUTO_TEST_CASE(they_come_back_in_the_order_of_their_making)
{
    for (const auto& [name, later] :
         std::map<std::string, std::int64_t>{{"a", 3}, {"b", 1}, {"c", 2}}) {
        BOOST_TEST(told(put(a_registered_image(name, later))) == "ok");
    }
    std::string names;
    for (const auto& image : loaded()) {
        names += image.name.str();
    }
    BOOST_TEST(names == "bca");
}

BOOST_AUTO_TEST_CASE(a_name_is_one_living_images_alone)
{
    auto first = a_registered_image("web");
    BOOST_TEST(told(put(first)) == "ok");
    auto second = a_registered_image("web");
    second.tenant = "another";
    BOOST_TEST(!put(second).has_value());
    BOOST_TEST(loaded().size() == 1U);
    BOOST_TEST(postgres.sql("SELECT count(*) FROM audit", database) == "1");

    first.status = RegisteredImage::Status::deleted;
    first.deleted_at = at(7);
    BOOST_TEST(told(put(first)) == "ok");
    BOOST_TEST(told(put(second)) == "ok");
    BOOST_TEST(loaded().size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_deletion_of_one_and_the_next_of_its_name_fit_one_write)
{
    auto first = a_registered_image("web");
    BOOST_TEST(told(put(first)) == "ok");
    first.status = RegisteredImage::Status::deleted;
    first.deleted_at = at(7);
    BOOST_TEST(told(write(*store, {first, a_registered_image("web", 8), an_audit_row("web")})) ==
               "ok");
    BOOST_TEST(loaded().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
