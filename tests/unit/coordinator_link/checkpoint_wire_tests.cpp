#include "tests/unit/coordinator_link/wire_fixture.hpp"

using namespace tests;
using common::Bytes;
using common::ErrorCode;

namespace {

const common::SandboxId id{sandbox};
const common::SnapshotId snapshot{"snp-aaaaaaaaaaaaaaaa"};
const common::SnapshotId before{"snp-bbbbbbbbbbbbbbbb"};

hostd::Checkpoint a_checkpoint()
{
    hostd::Checkpoint checkpoint;
    checkpoint.id = snapshot;
    checkpoint.name = "before";
    checkpoint.parent = before;
    checkpoint.spec.id = id;
    checkpoint.has_memory = true;
    checkpoint.frozen = true;
    checkpoint.engine = hostd::EngineKind::fast;
    checkpoint.hypervisor = {"9.0.0", "7.2.9"};
    checkpoint.paused = std::chrono::microseconds{156'000};
    checkpoint.created_at = common::from_unix_us(1'790'000'000'123'456);
    checkpoint.files.folder = "/var/lib/paddock/snapshots/snp-aaaaaaaaaaaaaaaa";
    checkpoint.memory_bytes = Bytes::mib(139);
    checkpoint.disk_bytes = Bytes::kib(192);
    checkpoint.digests = {{"memory", std::string(64, 'c')},
                          {"snp-aaaaaaaaaaaaaaaa.qcow2", std::string(64, '0')}};
    return checkpoint;
}

void check_whole(const coordinator::CheckpointReport& report)
{
    const auto sent = a_checkpoint();
    BOOST_TEST(report.id == snapshot);
    BOOST_TEST(report.sandbox == id);
    BOOST_TEST(report.name == "before");
    BOOST_TEST(report.parent == before);
    BOOST_TEST(report.has_memory);
    BOOST_TEST(report.frozen);
    BOOST_TEST(report.engine == "fast");
    BOOST_TEST(report.libvirt_version == "9.0.0");
    BOOST_TEST(report.qemu_version == "7.2.9");
    BOOST_CHECK(report.memory_bytes == sent.memory_bytes);
    BOOST_CHECK(report.disk_bytes == sent.disk_bytes);
    BOOST_CHECK(report.paused == sent.paused);
    BOOST_CHECK(report.digests == sent.digests);
    BOOST_TEST(report.path == sent.files.folder.string());
    BOOST_CHECK(report.created_at == sent.created_at);
}

proto::Inventory inventory_with(const proto::CheckpointReport& checkpoint)
{
    proto::Inventory inventory;
    inventory.instance = "i1";
    inventory.checkpoints = {checkpoint};
    return inventory;
}

} // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_wire_tests)

BOOST_AUTO_TEST_CASE(a_snapshot_arrives_whole)
{
    for (const bool memory : {true, false}) {
        const auto received = std::get<hostd::SnapshotCommand>(
            at_host(coordinator::SnapshotOnHost{id, snapshot, "before", before, memory}).what);
        BOOST_TEST(received.id == id);
        BOOST_TEST(received.snapshot == snapshot);
        BOOST_TEST(received.name == "before");
        BOOST_TEST(received.parent == before);
        BOOST_TEST(received.memory == memory);
    }
    const auto first = std::get<hostd::SnapshotCommand>(
        at_host(coordinator::SnapshotOnHost{id, snapshot, "first", {}, true}).what);
    BOOST_TEST(first.parent.str().empty());
}

BOOST_AUTO_TEST_CASE(suspend_restore_delete_and_verify_arrive_whole)
{
    BOOST_TEST(std::get<hostd::SuspendCommand>(at_host(coordinator::SuspendOnHost{id}).what).id ==
               id);
    const auto restore = std::get<hostd::RestoreCommand>(
        at_host(coordinator::RestoreOnHost{id, snapshot, std::chrono::seconds{7}}).what);
    BOOST_TEST(restore.id == id);
    BOOST_TEST(restore.snapshot == snapshot);
    BOOST_CHECK(restore.boot_timeout == std::chrono::seconds{7});
    const auto gone = std::get<hostd::DeleteSnapshotCommand>(
        at_host(coordinator::DeleteSnapshotOnHost{id, snapshot}).what);
    BOOST_TEST(gone.id == id);
    BOOST_TEST(gone.snapshot == snapshot);
    const auto verify = std::get<hostd::VerifySnapshotCommand>(
        at_host(coordinator::VerifySnapshotOnHost{id, snapshot}).what);
    BOOST_TEST(verify.id == id);
    BOOST_TEST(verify.snapshot == snapshot);
}

BOOST_AUTO_TEST_CASE(what_is_asked_about_images_arrives_whole)
{
    const common::ImageName web{"web"};
    const auto make = std::get<hostd::MakeImageCommand>(
        at_host(coordinator::MakeImageOnHost{id, snapshot, web, "red"}).what);
    BOOST_TEST(make.id == id);
    BOOST_TEST(make.snapshot == snapshot);
    BOOST_TEST(make.image == web);
    BOOST_TEST(make.tenant == "red");
    const auto remove = std::get<hostd::RemoveImageCommand>(
        at_host(coordinator::RemoveImageOnHost{web, "red"}).what);
    BOOST_TEST(remove.image == web);
    BOOST_TEST(remove.tenant == "red");
}

BOOST_AUTO_TEST_CASE(an_image_comes_back_whole_as_an_answer)
{
    hostd::Image image;
    image.name = common::ImageName{"web"};
    image.digest = "d1";
    image.size = Bytes::mib(3);
    image.virtual_size = Bytes::mib(64);
    image.boot = hostd::Boot::kernel;
    image.agent = hostd::AgentKind::paddock;
    image.default_vcpus = 2;
    image.default_memory = Bytes::mib(256);
    image.registered_at = common::from_unix_us(1'790'000'000'123'456);
    image.tenant = "red";
    image.from_snapshot = snapshot;
    hostd::Answer answer;
    answer.value = image;
    const auto came = std::get<coordinator::Image>(at_coordinator(answer).value);
    BOOST_TEST(came.name == image.name);
    BOOST_TEST(came.digest == "d1");
    BOOST_CHECK(came.size == image.size);
    BOOST_CHECK(came.virtual_size == image.virtual_size);
    BOOST_TEST(came.boot == "kernel");
    BOOST_TEST(came.agent == "paddock");
    BOOST_TEST(came.default_vcpus == 2U);
    BOOST_CHECK(came.default_memory == image.default_memory);
    BOOST_CHECK(came.registered_at == image.registered_at);
    BOOST_TEST(came.tenant == "red");
    BOOST_TEST(came.from_snapshot == snapshot);
    BOOST_TEST(came.hosts.empty());
}

BOOST_AUTO_TEST_CASE(an_image_that_cannot_be_stops_at_the_border)
{
    hostd::Answer answer;
    hostd::Image image;
    image.name = common::ImageName{"web"};
    answer.value = image;
    auto reply = hostd::link::to_wire(answer);
    reply.image->from_snapshot = "../etc";
    proto::Envelope envelope;
    envelope.operation_id = operation;
    const auto came = coordinator::link::answer_of(common::HostName{"h1"}, envelope, reply);
    BOOST_REQUIRE(came);
    BOOST_TEST(std::get<coordinator::Image>(came->value).from_snapshot.empty());
    reply.image->name = "../web";
    BOOST_TEST(!coordinator::link::answer_of(common::HostName{"h1"}, envelope, reply));
}

BOOST_AUTO_TEST_CASE(a_clone_says_of_what)
{
    coordinator::CreateOnHost create;
    create.sandbox.id = id;
    create.sandbox.image = common::ImageName{"tiny"};
    create.from_snapshot = snapshot;
    BOOST_TEST(std::get<hostd::CreateCommand>(at_host(create).what).from_snapshot.value() ==
               snapshot);
}

BOOST_AUTO_TEST_CASE(what_is_made_warm_and_claimed_later_says_so)
{
    coordinator::CreateOnHost create;
    create.sandbox.id = id;
    create.sandbox.image = common::ImageName{"tiny"};
    BOOST_TEST(!std::get<hostd::CreateCommand>(at_host(create).what).warm);
    create.warm = true;
    BOOST_TEST(std::get<hostd::CreateCommand>(at_host(create).what).warm);
    coordinator::Sandbox theirs;
    theirs.id = id;
    theirs.tenant = "t";
    theirs.name = "mine";
    const auto claim = std::get<hostd::ClaimCommand>(
        at_host(coordinator::ClaimOnHost{theirs, std::chrono::seconds{3}}).what);
    BOOST_TEST(claim.id == id);
    BOOST_TEST(claim.tenant == "t");
    BOOST_TEST(claim.name == "mine");
    BOOST_CHECK(claim.timeout == std::chrono::seconds{3});
}

BOOST_AUTO_TEST_CASE(a_checkpoint_comes_back_whole_as_an_answer)
{
    hostd::Answer answer;
    answer.value = a_checkpoint();
    check_whole(std::get<coordinator::CheckpointReport>(at_coordinator(answer).value));
}

BOOST_AUTO_TEST_CASE(an_inventory_comes_back_whole_with_its_checkpoints)
{
    hostd::SandboxStatus status;
    status.spec.id = id;
    status.phase = hostd::Phase::suspended;
    auto sent = inventory_with(hostd::link::to_wire(a_checkpoint()));
    sent.sandboxes = {hostd::link::to_wire(status)};
    const auto wire = proto::decode_body<proto::Inventory>(proto::encode_body(sent));
    BOOST_REQUIRE(wire);
    const auto received = coordinator::link::inventory_of(common::HostName{"h1"}, *wire);
    BOOST_REQUIRE(received);
    BOOST_TEST(received->host.str() == "h1");
    BOOST_REQUIRE(received->sandboxes.size() == 1U);
    BOOST_CHECK(received->sandboxes[0].phase == coordinator::Phase::suspended);
    BOOST_REQUIRE(received->checkpoints.size() == 1U);
    check_whole(received->checkpoints[0]);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_cannot_be_stops_at_the_border)
{
    const auto good = hostd::link::to_wire(a_checkpoint());
    BOOST_REQUIRE(coordinator::link::checkpoint_of(good));
    const auto refused = [&good](auto change) {
        auto bad = good;
        change(bad);
        const auto report = coordinator::link::checkpoint_of(bad);
        BOOST_REQUIRE(!report);
        BOOST_CHECK(report.error().code == ErrorCode::invalid_argument);
        // Neither does it pass in company: a part of an inventory would mislead.
        BOOST_TEST(!coordinator::link::inventory_of(common::HostName{"h1"}, inventory_with(bad)));
    };
    using Report = proto::CheckpointReport;
    for (const std::string text : {"", "snp-", "snp-../../etc", "SNP-AAAAAAAAAAAAAAAA", "op-1"}) {
        refused([&](Report& r) { r.id = text; });
        refused([&](Report& r) { r.sandbox_id = text; });
        if (!text.empty()) {
            refused([&](Report& r) { r.parent = text; });
        }
    }
    refused([](Report& r) { r.sandbox_id = snapshot.str(); });
    refused([](Report& r) { r.name = "<script>"; });
    refused([](Report& r) { r.name = std::string(64, 'n'); });
    refused([](Report& r) { r.memory_bytes = std::uint64_t{1} << 62U; });
    refused([](Report& r) { r.disk_bytes = std::uint64_t{1} << 62U; });
    refused([](Report& r) { r.created_at_us = -1; });
    refused([](Report& r) { r.created_at_us = std::numeric_limits<std::int64_t>::max(); });
}

BOOST_AUTO_TEST_CASE(what_is_no_digest_of_a_file_is_left_out)
{
    auto wire = hostd::link::to_wire(a_checkpoint());
    wire.digests = {{"memory", std::string(64, 'a')},
                    {"../memory", std::string(64, 'a')},
                    {"short", std::string(63, 'a')},
                    {"loud", std::string(64, 'A')},
                    {"device", std::string(64, '\0')}};
    const auto report = coordinator::link::checkpoint_of(wire);
    BOOST_REQUIRE(report);
    BOOST_REQUIRE(report->digests.size() == 1U);
    BOOST_TEST(report->digests.contains("memory"));
}

BOOST_AUTO_TEST_SUITE_END()
