#include "cli/template_file.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

namespace cli {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A disk, a kernel and an initrd beside the template.
struct Beside {
    tests::TempFolder temp;

    Beside()
    {
        fs::create_directories(temp.path() / "image");
        for (const char* name : {"disk.qcow2", "vmlinuz", "initrd"}) {
            std::ofstream{temp.path() / name} << name;
        }
    }

    [[nodiscard]] TemplateFile read(const std::string& text) const
    {
        auto file = read_template(text, "web.yaml", temp.path());
        BOOST_REQUIRE_MESSAGE(file, text << (file ? "" : wrong(text)));
        return *std::move(file);
    }
    /// All that is wrong, a line each.
    [[nodiscard]] std::string wrong(const std::string& text) const
    {
        const auto file = read_template(text, "web.yaml", temp.path());
        BOOST_REQUIRE_MESSAGE(!file, "taken: " << text);
        BOOST_TEST((file.error().code == common::ErrorCode::invalid_argument));
        std::string lines;
        for (const auto& field : file.error().fields) {
            lines += field.field + " " + field.message + "\n";
        }
        return lines.empty() ? file.error().message : lines;
    }
    [[nodiscard]] std::string at(const char* name) const { return (temp.path() / name).string(); }
};

bool contains(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(template_file_tests, Beside)

BOOST_AUTO_TEST_CASE(what_is_not_said_is_not_asked_for)
{
    const auto file = read("name: web\nimage: tiny\n");
    BOOST_TEST(file.name == "web");
    BOOST_TEST(file.body == json({{"name", "web"}, {"image", "tiny"}, {"auto_start", true}}));
    BOOST_TEST(!file.image.has_value());
    BOOST_TEST(!file.pool.has_value());
    BOOST_TEST(file.notes.empty());
}

BOOST_AUTO_TEST_CASE(every_key_becomes_what_the_api_takes)
{
    const auto file = read(R"(
name: web
description: For the search team
image: tiny
vcpus: 2
memory: 1GiB
disk: {kind: durable}
ttl: 2h
network: isolated
labels: {team: search, tier: 1}
env:
  PORT: 8080
  DEBUG: no
  VERSION: 1.10
  EMPTY: ""
auto_start: true
wait_for_ip: false
ready_command: curl -fs localhost
ready_timeout: 2m
file_policy: {roots: [/srv], never_read: [/srv/key], never_written: []}
placement: {host: h1, labels: {rack: a1}, tolerations: [spare, gpu=yes], accelerator: kvm,
            group: web, spread_by: rack, apart: preferred}
replicas: {count: 2, every: 10m, memory: false}
pool: {min: 1, max: 4, max_age: 1h, use: require}
)");
    BOOST_TEST(file.body == json::parse(R"({
        "name": "web", "description": "For the search team", "image": "tiny", "cpu": 2,
        "memory_mb": 1024, "disk": "durable", "ttl_seconds": 7200, "network_mode": "isolated",
        "labels": {"team": "search", "tier": "1"},
        "env": {"PORT": "8080", "DEBUG": "no", "VERSION": "1.10", "EMPTY": ""},
        "auto_start": true, "wait_for_ip": false, "ready_command": "curl -fs localhost",
        "ready_timeout_sec": 120,
        "file_policy": {"roots": ["/srv"], "never_read": ["/srv/key"], "never_written": []},
        "placement": {"host": "h1", "labels": {"rack": "a1"}, "tolerations": ["spare", "gpu=yes"],
                      "accelerator": "kvm", "group": "web", "spread_by": "rack",
                      "apart": "preferred"},
        "replicas": {"count": 2, "every_sec": 600, "memory": false}, "pool": "require"})"));
    BOOST_REQUIRE(file.pool);
    BOOST_TEST(*file.pool == json({{"min", 1}, {"max", 4}, {"max_age_seconds", 3600}}));
}

BOOST_AUTO_TEST_CASE(memory_is_mib_unless_it_says_otherwise)
{
    const auto memory = [this](const std::string& text) {
        return read("name: web\nimage: tiny\nmemory: " + text + "\n").body["memory_mb"].get<int>();
    };
    BOOST_TEST(memory("256MiB") == 256);
    BOOST_TEST(memory("512") == 512);
    BOOST_TEST(memory("\"2G\"") == 2048);
    for (const auto* bad :
         {"12TB", "0", "32", "-1", "1.5GiB", "[1]", "4096GiB", "9999999999999999999"}) {
        BOOST_TEST(contains(wrong(std::string{"name: web\nimage: tiny\nmemory: "} + bad),
                            "web.yaml:3: memory must be"),
                   bad);
    }
}

BOOST_AUTO_TEST_CASE(a_disk_becomes_an_image_with_what_belongs_to_it)
{
    const auto file = read("name: web\ndisk: ./disk.qcow2\nkernel: vmlinuz\ninitrd: initrd\n"
                           "cmdline: root=/dev/vda\nagent: paddock\nprefetch: disk=nvme\n");
    BOOST_REQUIRE(file.image);
    BOOST_TEST(file.image->from == at("disk.qcow2"));
    BOOST_TEST(file.image->kernel == at("vmlinuz"));
    BOOST_TEST(file.image->initrd == at("initrd"));
    BOOST_TEST(file.image->cmdline == "root=/dev/vda");
    BOOST_TEST(file.image->agent == "paddock");
    BOOST_TEST(file.image->prefetch == "disk=nvme");
    BOOST_TEST(!file.body.contains("image"));
    BOOST_TEST(!file.body.contains("disk"));
    const auto url = "https://example.com/d.qcow2";
    const auto fetched =
        read("name: web\nagent: qemu\nfirmware: uefi\ndisk: {from: '" + std::string{url} +
             "', kind: ephemeral, sha256: " + std::string(64, 'a') + "}\n");
    BOOST_REQUIRE(fetched.image);
    BOOST_TEST(fetched.image->from == url);
    BOOST_TEST(fetched.image->sha256 == std::string(64, 'a'));
    BOOST_TEST(fetched.image->boot == "uefi");
    BOOST_TEST(fetched.body["disk"] == "ephemeral");
    BOOST_TEST(read("name: web\ndisk: image/\n").image->agent.empty()); // image.json says it.
    BOOST_TEST(read("name: web\nimage: tiny\ndisk: ephemeral\n").body["disk"] == "ephemeral");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_a_disk_is_refused)
{
    const std::string head = "name: web\n";
    BOOST_TEST(contains(wrong(head + "disk: none.qcow2\nagent: none\n"),
                        "web.yaml:2: disk there is no " + at("none.qcow2")));
    BOOST_TEST(contains(wrong(head + "disk: disk.qcow2\n"), "agent is required"));
    BOOST_TEST(contains(wrong(head + "disk: disk.qcow2\nagent: none\nimage: tiny\n"),
                        "web.yaml:4: image does not go with disk"));
    BOOST_TEST(contains(wrong(head + "disk: https://example.com/d\nagent: none\n"), "sha256: HEX"));
    BOOST_TEST(
        contains(wrong(head + "disk: {from: 'ftp://example.com/d', sha256: abc}\nagent: none\n"),
                 "https or http"));
    BOOST_TEST(contains(wrong(head + "disk: {from: disk.qcow2, sha256: abc}\nagent: none\n"),
                        "disk.sha256 must be 64"));
    BOOST_TEST(contains(wrong(head + "disk: {from: image, sha256: " + std::string(64, 'a') + "}\n"),
                        "disk.sha256 is not of a folder"));
    BOOST_TEST(contains(wrong(head + "disk: {from: disk.qcow2, size: 10GiB}\nagent: none\n"),
                        "disk.size a sandbox's disk"));
    BOOST_TEST(contains(wrong(head + "disk: disk.qcow2\nagent: none\ninitrd: initrd\n"),
                        "initrd goes with a kernel"));
    BOOST_TEST(
        contains(wrong(head + "disk: disk.qcow2\nagent: none\nkernel: vmlinuz\nfirmware: bios\n"),
                 "firmware does not go with a kernel"));
    BOOST_TEST(contains(wrong(head + "image: tiny\nkernel: vmlinuz\n"), "kernel goes with a disk"));
    BOOST_TEST(contains(wrong(head + "disk: ephemeral\n"), "does not say what it boots"));
    BOOST_TEST(contains(wrong(head), "image is required"));
}

BOOST_AUTO_TEST_CASE(all_that_is_wrong_is_told_at_once_by_line)
{
    BOOST_TEST(wrong("nmae: web\n"
                     "image: tiny\n"
                     "vcpus: \"2\"\n"
                     "memory: lots\n"
                     "auto_start: yes\n"
                     "env: [A]\n"
                     "labels:\n"
                     "  team:\n"
                     "network: fast\n"
                     "placement: {hosts: h1}\n") ==
               "web.yaml:1: name is required: what creates call the template\n"
               "web.yaml:1: nmae is no key of a template: paddock templates apply --help has them\n"
               "web.yaml:3: vcpus must be an integer from 1 to 64\n"
               "web.yaml:4: memory must be from 64MiB to 1024GiB, like 512MiB, 2GiB, or 512 for "
               "MiB\n"
               "web.yaml:5: auto_start must be true or false\n"
               "web.yaml:6: env must be a map of texts\n"
               "web.yaml:8: labels.team must be a text; \"\" is an empty one\n"
               "web.yaml:9: network must be one of nat, isolated, none, bridge\n"
               "web.yaml:10: placement.hosts is no key that is known here\n");
}

BOOST_AUTO_TEST_CASE(what_is_not_built_is_refused_by_name_with_the_reason)
{
    const std::string head = "name: web\nimage: tiny\n";
    BOOST_TEST(contains(wrong(head + "egress: {allow: [example.com]}\n"),
                        "web.yaml:3: egress policies are not built yet"));
    BOOST_TEST(contains(wrong(head + "ready_timeout: 2m\n"),
                        "web.yaml:3: ready_timeout needs a ready_command"));
    BOOST_TEST(contains(wrong(head + "network: bridge\n"), "network bridge is not built yet"));
    BOOST_TEST(contains(wrong(head + "cpu: 2\n"), "cpu is written vcpus"));
    BOOST_TEST(contains(wrong(head + "env: {MY-VAR: x}\n"), "env MY-VAR is no name"));
    BOOST_TEST(contains(wrong(head + "<<: {vcpus: 2}\n"), "<< is no key of a template"));
}

BOOST_AUTO_TEST_CASE(a_pool_is_a_number_or_its_bounds)
{
    const std::string head = "name: web\nimage: tiny\n";
    BOOST_TEST(*read(head + "pool: 2\n").pool == json({{"min", 2}, {"max", 2}}));
    BOOST_TEST(*read(head + "pool: {max: 3}\n").pool == json({{"min", 1}, {"max", 3}}));
    BOOST_TEST(*read(head + "pool: {min: 3}\n").pool == json({{"min", 3}, {"max", 3}}));
    BOOST_TEST(!read(head + "pool: {use: skip}\n").pool.has_value());
    BOOST_TEST(contains(wrong(head + "pool: {min: 3, max: 2}\n"), "pool.max must not be less"));
    BOOST_TEST(contains(wrong(head + "pool: require\n"), "pool must be an integer"));
    BOOST_TEST(read(head + "pool: 1\nauto_start: false\n").pool.has_value()); // A create may.
    const auto required = head + "pool: {use: require}\n";
    BOOST_TEST(contains(wrong(required + "auto_start: false\n"), "require needs auto_start"));
    BOOST_TEST(contains(wrong(required + "disk: ephemeral\n"), "require needs a durable disk"));
}

BOOST_AUTO_TEST_CASE(keys_of_a_predecessor_are_taken_and_told_of)
{
    const auto file = read("name: python\n"
                           "kernel: vmlinuz\n"
                           "rootfs: disk.qcow2\n"
                           "boot_args: console=ttyS0 root=/dev/vda\n"
                           "memory_mb: 512\n"
                           "guest_agent: {enabled: true, port: 8000}\n"
                           "resource_limits: {cpus: 2}\n");
    BOOST_REQUIRE(file.image);
    BOOST_TEST(file.image->from == at("disk.qcow2"));
    BOOST_TEST(file.image->kernel == at("vmlinuz"));
    BOOST_TEST(file.image->cmdline == "console=ttyS0 root=/dev/vda");
    BOOST_TEST(file.image->agent == "paddock");
    BOOST_TEST(file.body ==
               json({{"name", "python"}, {"memory_mb", 512}, {"cpu", 2}, {"auto_start", true}}));
    std::string notes;
    for (const auto& note : file.notes) {
        notes += note + "\n";
    }
    for (const auto* told : {"web.yaml: rootfs became disk\n",
                             "web.yaml: boot_args became cmdline\n",
                             "web.yaml: memory_mb became memory\n",
                             "web.yaml: guest_agent became agent: paddock; ",
                             "web.yaml: guest_agent.port is of no use here",
                             "web.yaml: resource_limits.cpus became vcpus\n"}) {
        BOOST_TEST(contains(notes, told), told);
    }
    BOOST_TEST(read("name: a\nrootfs: disk.qcow2\nguest_agent: {enabled: false}\n").image->agent ==
               "none");
}

BOOST_AUTO_TEST_CASE(what_a_predecessor_says_twice_or_otherwise_is_refused)
{
    const std::string head = "name: a\nrootfs: disk.qcow2\nagent: none\n";
    BOOST_TEST(contains(wrong(head + "disk: disk.qcow2\n"), "rootfs says what disk says, too"));
    BOOST_TEST(
        contains(wrong(head + "guest_agent: {enabled: true}\n"), "guest_agent says what agent"));
    BOOST_TEST(
        contains(wrong(head + "memory: 1G\nmemory_mb: 512\n"), "memory_mb says what memory"));
    BOOST_TEST(contains(wrong(head + "memory: 1G\nresource_limits: {memory_mb: 512}\n"),
                        "resource_limits.memory_mb is said already"));
    BOOST_TEST(contains(wrong(head + "resource_limits: {disk_iops: 5}\n"),
                        "resource_limits.disk_iops cannot be had"));
    BOOST_TEST(contains(wrong("name: a\nimage: tiny\nguest_agent: {enabled: true, vsock: 1}\n"),
                        "guest_agent.vsock is no key"));
}

BOOST_AUTO_TEST_CASE(what_is_no_map_is_no_template)
{
    for (const auto* text : {"", "[]", "web", "- name: web"}) {
        BOOST_TEST(contains(wrong(text), "a template is `key: value` lines"), text);
    }
    BOOST_TEST(wrong("name: web\nname: web\n") ==
               "web.yaml:2: name is given twice, first in line 1");
    BOOST_TEST(contains(wrong("name: ../etc\nimage: ..\n"), "web.yaml:2: image must be 1 to 63"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
