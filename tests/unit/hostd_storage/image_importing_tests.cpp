#include "hostd/storage/images.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

using namespace hostd;
using namespace hostd::storage;
using common::ErrorCode;

namespace {

struct ImportFixture : Checkpoints {
    ImportFixture()
    {
        source.vm = "gold";
        source.disk = layout.root() / "theirs.raw";
        source.format = "raw";
        source.agent = AgentKind::qemu;
        source.vcpus = 3;
        write(source.disk, "what they have");
        wish.vm = "gold";
        wish.image = common::ImageName{"web"};
        wish.tenant = "red";
    }
    /// A qemu-img that copies what it is given.
    [[nodiscard]] Runner copying()
    {
        return [this](const common::process::Command& command)
                   -> common::Result<common::process::Outcome> {
            if (std::ranges::find(command.argv, "measure") != command.argv.end()) {
                return common::process::Outcome{0, R"({"required": 1048576})", ""};
            }
            commands.push_back(command.argv);
            if (command.argv.at(1) == "convert") {
                meanwhile();
                write(command.argv.back(),
                      qcow2_bytes("", disk_size) + read(command.argv.at(command.argv.size() - 2)));
            }
            return common::process::Outcome{
                0, R"({"virtual-size": 1048576, "format": "qcow2"})", ""};
        };
    }
    common::Result<Image> import()
    {
        ImageRegistrar registrar{layout, copying()};
        return registrar.import(source, wish, [this](const fs::path& into) -> common::Result<> {
            ++backups;
            write(into, qcow2_bytes("", disk_size) + "at one moment");
            return {};
        });
    }
    [[nodiscard]] unsigned copies() const
    {
        return static_cast<unsigned>(std::ranges::count_if(
            commands, [](const auto& argv) { return argv.at(1) == "convert"; }));
    }
    [[nodiscard]] unsigned drafts() const
    {
        unsigned found = 0;
        for (const auto& entry : fs::directory_iterator{layout.images()}) {
            found += entry.path().filename().string().starts_with(".") ? 1 : 0;
        }
        return found;
    }

    ForeignSource source;
    ImportVmCommand wish;
    std::vector<std::vector<std::string>> commands;
    std::function<void()> meanwhile = [] {};
    unsigned backups = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(image_importing_tests, ImportFixture)

BOOST_AUTO_TEST_CASE(what_is_shut_off_is_copied_and_known_by_its_vm)
{
    const auto made = import();
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->from_vm == "gold");
    BOOST_TEST(made->tenant == "red");
    BOOST_TEST(made->default_vcpus == 3U);
    BOOST_CHECK(made->agent == AgentKind::qemu);
    BOOST_TEST(backups == 0U);
    BOOST_TEST(read(source.disk) == "what they have");
    const auto found = DirImageStore{layout}.find(common::ImageName{"web"});
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(found->from_vm == "gold");
    BOOST_TEST(found->digest == made->digest);
    BOOST_TEST((commands.front() == std::vector<std::string>{"qemu-img",
                                                             "convert",
                                                             "-q",
                                                             "-U",
                                                             "-f",
                                                             "raw",
                                                             "-O",
                                                             "qcow2",
                                                             source.disk.string(),
                                                             commands.front().back()}));
}

BOOST_AUTO_TEST_CASE(it_is_made_once_and_anew_only_where_that_is_wished)
{
    const auto once = import();
    BOOST_REQUIRE(once.has_value());
    BOOST_TEST(import()->digest == once->digest);
    BOOST_TEST(copies() == 1U);
    write(source.disk, "something else, and more");
    BOOST_TEST(import().error().reason == "name_taken");
    wish.if_other = ImportVmCommand::IfOther::renew;
    const auto anew = import();
    BOOST_REQUIRE(anew.has_value());
    BOOST_TEST(anew->digest != once->digest);
    BOOST_TEST(copies() == 2U);
    // Not while anything lies on it.
    write(layout.root() / "sandboxes" / a.str() / "overlay.qcow2",
          qcow2_bytes((layout.image(wish.image) / "disk.qcow2").string(), disk_size));
    write(source.disk, "once more");
    const auto refused = import();
    BOOST_TEST(refused.error().reason == "image_in_use");
    BOOST_TEST(refused.error().message.find("has changed") != std::string::npos);
    BOOST_TEST(drafts() == 0U);
}

BOOST_AUTO_TEST_CASE(one_that_was_started_meanwhile_is_not_kept)
{
    meanwhile = [this] { write(source.disk, "the guest has written more than there was"); };
    BOOST_TEST(import().error().reason == "vm_changed");
    BOOST_TEST(drafts() == 0U);
    BOOST_TEST(!fs::exists(layout.image(wish.image)));
}

BOOST_AUTO_TEST_CASE(one_that_runs_is_backed_up_each_time)
{
    source.runs = true;
    BOOST_REQUIRE(import().has_value());
    BOOST_TEST(backups == 1U);
    BOOST_TEST(copies() == 0U);
    wish.if_other = ImportVmCommand::IfOther::renew;
    BOOST_REQUIRE(import().has_value());
    BOOST_TEST(backups == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_again_by_the_same_operation_is_what_it_has_made)
{
    source.runs = true;
    wish.operation = common::OperationId{"op-aaaaaaaaaaaaaaaa"};
    const auto made = import();
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(import()->digest == made->digest);
    BOOST_TEST(backups == 1U);
    wish.operation = common::OperationId{"op-bbbbbbbbbbbbbbbb"};
    BOOST_TEST(import().error().reason == "name_taken");
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_a_link_is_what_it_leads_to)
{
    const auto link = layout.root() / "link.raw";
    fs::create_symlink(source.disk, link);
    source.disk = link;
    BOOST_REQUIRE(import().has_value());
    BOOST_TEST(commands.front().at(commands.front().size() - 2) ==
               (layout.root() / "theirs.raw").string());
    source.disk = layout.root() / "gone.raw";
    wish.image = common::ImageName{"gone"};
    BOOST_TEST(import().error().reason == "vm_unsupported");
}

BOOST_AUTO_TEST_CASE(another_ones_name_is_not_taken)
{
    BOOST_REQUIRE(import().has_value());
    wish.if_other = ImportVmCommand::IfOther::renew;
    wish.tenant = "blue";
    BOOST_TEST(import().error().reason == "name_taken");
    wish.tenant = "red";
    source.vm = "silver";
    BOOST_TEST(import().error().reason == "name_taken");
    wish.image = common::ImageName{image.parent_path().filename().string()};
    BOOST_TEST(import().error().reason == "name_taken");
}

BOOST_AUTO_TEST_SUITE_END()
