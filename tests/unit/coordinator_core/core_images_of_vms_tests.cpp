#include "tests/unit/coordinator_core/image_fixture.hpp"

using namespace tests;
using coordinator::ForeignVm;
using coordinator::ImportVmOnHost;
using coordinator::ListVmsOnHost;
using coordinator::VmImageRequest;

namespace {

struct VmFixture : ImageFixture {
    static std::vector<ForeignVm> having(const std::string& name)
    {
        return {{name, "5f0c1b8e-0000-4000-8000-000000000001", "shut off", true, "/d", {}, ""}};
    }
    Later<Image> import(const VmImageRequest& what)
    {
        return Later<Image>{[this, what] { return core->import_image(me, what); }};
    }
    static VmImageRequest gold(const std::string& name = "web")
    {
        return {ImageName{name}, "gold", "", {}};
    }
    static coordinator::CreateRequest of_vm(const std::string& vm = "gold")
    {
        auto what = request();
        what.source = vm;
        return what;
    }
    static const ImportVmOnHost& in(const FakeLink::Sent& sent)
    {
        return std::get<ImportVmOnHost>(sent.command.what);
    }
    static Image imported(const FakeLink::Sent& sent)
    {
        Image image;
        image.name = in(sent).image;
        image.digest = "d3";
        image.agent = "none";
        image.default_vcpus = 1;
        image.default_memory = Bytes::mib(100);
        image.tenant = in(sent).tenant;
        image.from_vm = in(sent).vm;
        return image;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_images_of_vms_tests, VmFixture)

BOOST_AUTO_TEST_CASE(its_host_makes_it_and_it_is_there_and_on_record)
{
    run_with({"h1"});
    auto asked = import({ImageName{"web"}, "gold", "qemu", {}});
    answer(expect<ListVmsOnHost>(), having("gold"));
    const auto sent = expect<ImportVmOnHost>();
    BOOST_TEST(in(sent).vm == "gold");
    BOOST_TEST(in(sent).image.str() == "web");
    BOOST_TEST(in(sent).agent == "qemu");
    BOOST_TEST(in(sent).running);
    BOOST_TEST(!in(sent).renew);
    BOOST_TEST(!there(me));
    answer(sent, imported(sent));
    const auto image = asked.get();
    BOOST_REQUIRE(image.has_value());
    BOOST_TEST(image->from_vm == "gold");
    BOOST_TEST(image->hosts.at(0).str() == "h1");
    BOOST_TEST(there(me));
    BOOST_TEST(store.audit_of("web") == (Texts{"image.create intent", "image.create ok"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(which_one_is_meant_must_be_plain)
{
    run_with({"h1", "h2"});
    auto asked = import(gold());
    for (int i = 0; i < 2; ++i) {
        answer(expect<ListVmsOnHost>(), having("gold"));
    }
    BOOST_TEST(reason_of(asked.get()) == "ambiguous_vm");
    auto on_one = import({ImageName{"web"}, "gold", "", HostName{"h2"}});
    for (int i = 0; i < 2; ++i) {
        answer(expect<ListVmsOnHost>(), having("gold"));
    }
    const auto sent = expect<ImportVmOnHost>();
    BOOST_TEST(sent.host.str() == "h2");
    answer(sent, imported(sent));
    BOOST_TEST(on_one.get().has_value());
    auto nobody = import({ImageName{"api"}, "silver", "", {}});
    for (int i = 0; i < 2; ++i) {
        answer(expect<ListVmsOnHost>(), having("gold"));
    }
    BOOST_TEST(reason_of(nobody.get()) == "unknown_vm");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_is_refused_and_so_is_what_its_host_refuses)
{
    run_with({"h1"});
    auto taken = import(gold("tiny"));
    answer(expect<ListVmsOnHost>(), having("gold"));
    BOOST_TEST(reason_of(taken.get()) == "image_exists");
    auto closed = import(gold());
    answer(expect<ListVmsOnHost>(), having("gold"));
    refuse(expect<ImportVmOnHost>(), ErrorCode::permission_denied, "vm_not_importable");
    const auto refused = closed.get();
    BOOST_TEST(reason_of(refused) == "vm_not_importable");
    BOOST_TEST(refused.error().message.find("VM gold on host h1") != std::string::npos);
    BOOST_TEST(!there(me));
    auto lying = import(gold());
    answer(expect<ListVmsOnHost>(), having("gold"));
    const auto sent = expect<ImportVmOnHost>();
    auto wrong = imported(sent);
    wrong.tenant = "somebody else";
    answer(sent, wrong);
    BOOST_TEST(reason_of(lying.get()) == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(a_create_of_a_vm_is_one_of_its_image_which_its_host_judges_each_time)
{
    run_with({"h1"});
    for (int i = 0; i < 2; ++i) {
        auto asked = create(of_vm());
        answer(expect<ListVmsOnHost>(), having("gold"));
        const auto sent = expect<ImportVmOnHost>();
        BOOST_TEST(in(sent).image.str() == "vm-gold-h1");
        BOOST_TEST(!in(sent).running);
        BOOST_TEST(in(sent).renew);
        answer(sent, imported(sent));
        const auto made = expect<CreateOnHost>();
        BOOST_TEST(std::get<CreateOnHost>(made.command.what).sandbox.image.str() == "vm-gold-h1");
        BOOST_TEST(std::get<CreateOnHost>(made.command.what).sandbox.image_digest == "d3");
        done(made, id_in(made), Phase::running);
        BOOST_TEST(asked.get().has_value());
    }
    auto running = create(of_vm());
    answer(expect<ListVmsOnHost>(), having("gold"));
    refuse(expect<ImportVmOnHost>(), ErrorCode::failed_precondition, "vm_running");
    BOOST_TEST(reason_of(running.get()) == "vm_running");
}

BOOST_AUTO_TEST_CASE(a_vm_whose_name_no_image_can_have_is_known_by_its_uuid)
{
    run_with({"h1"});
    auto asked = create(of_vm("gold vm"));
    answer(expect<ListVmsOnHost>(), having("gold vm"));
    const auto sent = expect<ImportVmOnHost>();
    BOOST_TEST(in(sent).image.str() == "vm-5f0c1b8e-0000-4000-8000-000000000001");
    refuse(sent, ErrorCode::permission_denied, "vm_not_importable");
    BOOST_TEST(reason_of(asked.get()) == "vm_not_importable");
}

BOOST_AUTO_TEST_SUITE_END()
