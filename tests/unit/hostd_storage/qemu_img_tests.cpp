#include "hostd/storage/qemu_img.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::storage;
using common::Error;
using common::ErrorCode;
using common::Result;
using common::process::Command;
using common::process::Outcome;
using Argv = std::vector<std::string>;

namespace {

/// With other things in it, as qemu-img prints them.
std::string info(const std::string& more = "")
{
    return R"({"virtual-size": 1073741824, "filename": "x", "format": "qcow2", "dirty-flag": false)" +
           more + "}";
}

Runner answers(int status, std::string out, std::string err)
{
    return [=](const Command&) -> Result<Outcome> { return Outcome{status, out, err}; };
}

} // namespace

BOOST_AUTO_TEST_SUITE(qemu_img_tests)

BOOST_AUTO_TEST_CASE(every_format_is_given_and_none_guessed)
{
    BOOST_TEST((create_overlay("/s/o.qcow2", "/i/d.qcow2").argv == Argv{"qemu-img",
                                                                        "create",
                                                                        "-q",
                                                                        "-f",
                                                                        "qcow2",
                                                                        "-F",
                                                                        "qcow2",
                                                                        "-b",
                                                                        "/i/d.qcow2",
                                                                        "/s/o.qcow2"}));
}

BOOST_AUTO_TEST_CASE(a_disk_is_put_on_another_without_that_being_opened)
{
    BOOST_TEST((put_on("/l/a.qcow2", "/i/d.qcow2").argv == Argv{"prlimit",
                                                                "--as=4294967296",
                                                                "--cpu=30",
                                                                "--",
                                                                "qemu-img",
                                                                "rebase",
                                                                "-q",
                                                                "-u",
                                                                "-f",
                                                                "qcow2",
                                                                "-F",
                                                                "qcow2",
                                                                "-b",
                                                                "/i/d.qcow2",
                                                                "/l/a.qcow2"}));
}

BOOST_AUTO_TEST_CASE(what_reads_a_file_of_anybodys_is_given_its_format_and_bounds)
{
    const auto info_of = inspect("/i/d.qcow2");
    BOOST_TEST((info_of.argv == Argv{"prlimit",
                                     "--as=4294967296",
                                     "--cpu=30",
                                     "--",
                                     "qemu-img",
                                     "info",
                                     "-U",
                                     "-f",
                                     "qcow2",
                                     "--output=json",
                                     "/i/d.qcow2"}));
    const auto check_of = check("/i/d.qcow2");
    BOOST_TEST((check_of.argv == Argv{"prlimit",
                                      "--as=4294967296",
                                      "--cpu=600",
                                      "--",
                                      "qemu-img",
                                      "check",
                                      "-q",
                                      "-f",
                                      "qcow2",
                                      "/i/d.qcow2"}));
    // It may not take longer than it computes.
    BOOST_CHECK(info_of.timeout == std::chrono::seconds{30});
    BOOST_CHECK(check_of.timeout == std::chrono::seconds{600});
}

BOOST_AUTO_TEST_CASE(a_chain_is_flattened_by_given_formats_and_may_take_its_time)
{
    const auto command = flatten("/l/lyr.qcow2", "/i/d.qcow2");
    BOOST_TEST((command.argv == Argv{"qemu-img",
                                     "convert",
                                     "-q",
                                     "-f",
                                     "qcow2",
                                     "-O",
                                     "qcow2",
                                     "/l/lyr.qcow2",
                                     "/i/d.qcow2"}));
    BOOST_CHECK(command.timeout > check("/i/d.qcow2").timeout);
}

BOOST_AUTO_TEST_CASE(a_plain_image_has_nothing_against_it)
{
    const auto facts = parse_info(info());
    BOOST_REQUIRE(facts);
    BOOST_TEST(facts->format == "qcow2");
    BOOST_TEST(facts->virtual_bytes == 1073741824U);
    BOOST_TEST(!facts->has_backing_file);
    BOOST_TEST(!facts->has_data_file);
    BOOST_TEST(!facts->encrypted);
    BOOST_TEST(!facts->corrupt);
    BOOST_TEST(facts->snapshots == 0U);
}

BOOST_AUTO_TEST_CASE(what_speaks_against_an_image_is_found)
{
    BOOST_TEST(parse_info(info(R"(, "backing-filename": "/etc/shadow")"))->has_backing_file);
    BOOST_TEST(parse_info(info(R"(, "backing-filename": "")"))->has_backing_file);
    BOOST_TEST(parse_info(info(R"(, "encrypted": true)"))->encrypted);
    BOOST_TEST(parse_info(info(R"(, "snapshots": [{"id": "1"}, {}])"))->snapshots == 2U);
    const auto specific = [](const std::string& data) {
        return parse_info(
            info(R"(, "format-specific": {"type": "qcow2", "data": {)" + data + "}}"));
    };
    BOOST_TEST(specific(R"("data-file": "/dev/sda")")->has_data_file);
    BOOST_TEST(specific(R"("data-file-raw": false)")->has_data_file);
    BOOST_TEST(specific(R"("corrupt": true)")->corrupt);
    BOOST_TEST(!specific(R"("corrupt": false, "compat": "1.1")")->corrupt);
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused_and_never_thrown)
{
    for (const std::string& text :
         {std::string{},
          std::string{"null"},
          std::string{"[]"},
          std::string{"{}"},
          std::string{"{"},
          std::string{"qemu-img: error"},
          info().substr(0, info().size() - 1),
          info() + "x",
          std::string{R"({"format": "qcow2"})"},
          std::string{R"({"virtual-size": 5})"},
          std::string{R"({"format": 7, "virtual-size": 5})"},
          std::string{R"({"format": "qcow2", "virtual-size": "5"})"},
          std::string{R"({"format": "qcow2", "virtual-size": -5})"},
          std::string{R"({"format": "qcow2", "virtual-size": 5.5})"},
          std::string{R"({"format": "qcow2", "virtual-size": 99999999999999999999999})"},
          info(R"(, "format-specific": 7)"),
          info(R"(, "format-specific": [])"),
          info(R"(, "format-specific": {"data": 7})"),
          info(R"(, "format-specific": {"data": null})"),
          info(R"(, "snapshots": 7)"),
          info(R"(, "snapshots": {"a": 1})"),
          std::string(100'000, '['),
          std::string{"\xFF\xFE"}}) {
        BOOST_TEST_CONTEXT(text.substr(0, 80))
        {
            const auto facts = parse_info(text);
            BOOST_REQUIRE(!facts);
            BOOST_CHECK(facts.error().code == ErrorCode::internal);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_failure_is_told_with_its_first_line)
{
    const auto failed = run_qemu_img(answers(1, "", "qemu-img: no such file\nmore\n"), check("/x"));
    BOOST_REQUIRE(!failed);
    BOOST_CHECK(failed.error().code == ErrorCode::internal);
    BOOST_TEST(failed.error().message == "qemu-img check: exit status 1: qemu-img: no such file");
    const auto plain = run_qemu_img(answers(2, "", "bad"), create_overlay("/a", "/b"));
    BOOST_TEST(plain.error().message == "qemu-img create: exit status 2: bad");
    BOOST_TEST(*run_qemu_img(answers(0, "printed", "warning"), check("/x")) == "printed");
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_as_such)
{
    for (const auto* text : {"qemu-img: x: No space left on device", "Disk quota exceeded"}) {
        const auto full = run_qemu_img(answers(1, "", text), create_overlay("/a", "/b"));
        BOOST_REQUIRE(!full);
        BOOST_CHECK(full.error().code == ErrorCode::resource_exhausted);
        BOOST_TEST(full.error().reason == "disk_full");
    }
}

BOOST_AUTO_TEST_CASE(a_timeout_stays_one)
{
    const Runner late = [](const Command&) -> Result<Outcome> {
        return Error{ErrorCode::timeout, "killed"};
    };
    BOOST_CHECK(run_qemu_img(late, check("/x")).error().code == ErrorCode::timeout);
}

BOOST_AUTO_TEST_SUITE_END()
