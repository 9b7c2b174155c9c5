#include "coordinator/link/wire.hpp"

#include "tests/unit/coordinator_link/wire_fixture.hpp"

using namespace tests;
using common::Bytes;
using common::ErrorCode;

namespace {

hostd::SandboxStatus a_status(hostd::Phase phase)
{
    hostd::SandboxStatus status;
    status.spec.id = common::SandboxId{sandbox};
    status.spec.image = common::ImageName{"tiny"};
    status.spec.vcpus = 3;
    status.spec.memory = Bytes::mib(256);
    status.phase = phase;
    status.generation = 9;
    status.spec_digest = "digest";
    status.ip = "10.0.0.7";
    status.agent = hostd::AgentKind::paddock;
    status.agent_ready = true;
    status.timings["boot"] = std::chrono::microseconds{12};
    return status;
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_tests)

BOOST_AUTO_TEST_CASE(a_create_arrives_whole)
{
    for (const auto mode : {coordinator::NetworkMode::nat,
                            coordinator::NetworkMode::isolated,
                            coordinator::NetworkMode::none}) {
        coordinator::CreateOnHost create;
        create.sandbox.id = common::SandboxId{sandbox};
        create.sandbox.tenant = "t";
        create.sandbox.name = "box";
        create.sandbox.image = common::ImageName{"tiny"};
        create.sandbox.image_digest = "d1";
        create.sandbox.vcpus = 3;
        create.sandbox.memory = Bytes::mib(256);
        create.sandbox.network = mode;
        create.sandbox.disk = mode == coordinator::NetworkMode::nat
                                  ? coordinator::DiskKind::durable
                                  : coordinator::DiskKind::ephemeral;
        create.start = true;
        create.boot_timeout = std::chrono::hours{1};
        const auto received = std::get<hostd::CreateCommand>(at_host(create).what);
        BOOST_TEST(received.spec.id.str() == sandbox);
        BOOST_TEST(received.spec.tenant == "t");
        BOOST_TEST(received.spec.name == "box");
        BOOST_TEST(received.spec.image.str() == "tiny");
        BOOST_TEST(received.image_digest == "d1");
        BOOST_TEST(received.spec.vcpus == 3U);
        BOOST_TEST(received.spec.memory.mib() == 256U);
        BOOST_TEST(hostd::to_string(received.spec.network) == coordinator::to_string(mode));
        BOOST_TEST(hostd::to_string(received.spec.disk) ==
                   coordinator::to_string(create.sandbox.disk));
        BOOST_TEST(received.start);
        BOOST_TEST(!received.from_snapshot.has_value());
        BOOST_CHECK(received.boot_timeout == std::chrono::hours{1});
    }
}

BOOST_AUTO_TEST_CASE(an_exec_arrives_whole_at_the_bounds_of_the_api)
{
    coordinator::ExecOnHost exec;
    exec.id = common::SandboxId{sandbox};
    exec.shell = std::string(std::size_t{256} << 10U, 'x');
    exec.user = std::string(32, 'u');
    exec.cwd = "/" + std::string(4000, 'd');
    for (int i = 0; i < 512; ++i) {
        exec.env["NAME_" + std::to_string(i)] = "value";
    }
    exec.env["NAME_0"] = std::string(std::size_t{32} << 10U, 'v');
    exec.stdin_bytes = std::string(std::size_t{1} << 20U, '\0');
    exec.timeout = std::chrono::hours{24};
    exec.output_limit = Bytes::mib(1);
    exec.resumed = true;
    const auto received = std::get<hostd::ExecCommand>(at_host(exec).what);
    BOOST_TEST(received.id.str() == sandbox);
    BOOST_TEST(received.exec.operation.str() == operation);
    BOOST_TEST((received.exec.shell == exec.shell));
    BOOST_TEST(received.exec.user == exec.user);
    BOOST_TEST(received.exec.cwd == exec.cwd);
    BOOST_TEST((received.exec.env == exec.env));
    BOOST_TEST((received.exec.stdin_bytes == exec.stdin_bytes));
    BOOST_CHECK(received.exec.timeout == exec.timeout);
    BOOST_TEST(received.exec.output_limit.mib() == 1U);
    BOOST_TEST(received.exec.resumed);
    exec.resumed = false;
    BOOST_TEST(!std::get<hostd::ExecCommand>(at_host(exec).what).exec.resumed);
}

BOOST_AUTO_TEST_CASE(the_other_commands_arrive_whole)
{
    const common::SandboxId id{sandbox};
    const auto start = std::get<hostd::StartCommand>(
        at_host(coordinator::StartOnHost{id, std::chrono::seconds{5}}).what);
    BOOST_CHECK(start.boot_timeout == std::chrono::seconds{5});
    const auto stop = std::get<hostd::StopCommand>(
        at_host(coordinator::StopOnHost{id, true, std::chrono::seconds{6}}).what);
    BOOST_TEST(stop.force);
    BOOST_CHECK(stop.timeout == std::chrono::seconds{6});
    BOOST_TEST(
        std::get<hostd::DestroyCommand>(at_host(coordinator::DestroyOnHost{id}).what).id.str() ==
        sandbox);
    BOOST_TEST(
        std::get<hostd::AckExecCommand>(at_host(coordinator::AckExecOnHost{id}).what).id.str() ==
        sandbox);
    const auto read =
        std::get<hostd::ReadCommand>(at_host(coordinator::ReadOnHost{id, 1U << 30U}).what);
    BOOST_TEST(read.id.str() == sandbox);
    BOOST_TEST(read.console_bytes == proto::max_console_bytes);
    BOOST_TEST(
        std::holds_alternative<hostd::ListVmsCommand>(at_host(coordinator::ListVmsOnHost{}).what));
}

BOOST_AUTO_TEST_CASE(what_is_said_of_live_execs_arrives_whole)
{
    const common::SandboxId id{sandbox};
    const common::OperationId exec{"op-aaaaaaaaaaaaaaaa"};
    const auto open = std::get<hostd::OpenReaderCommand>(
        at_host(coordinator::OpenReaderOnHost{id, exec, 7, 40, 1000}).what);
    BOOST_TEST(open.id.str() == sandbox);
    BOOST_TEST(open.reader.operation.str() == exec.str());
    BOOST_TEST(open.reader.number == 7U);
    BOOST_TEST(open.from == 40U);
    BOOST_TEST(open.credit == 1000U);
    const auto grant = std::get<hostd::GrantReaderCommand>(
        at_host(coordinator::GrantReaderOnHost{id, exec, 7, 500}).what);
    BOOST_TEST(grant.bytes == 500U);
    const auto close = std::get<hostd::CloseReaderCommand>(
        at_host(coordinator::CloseReaderOnHost{id, exec, 7}).what);
    BOOST_TEST(close.reader.number == 7U);
    const auto watch = std::get<hostd::WatchOutputCommand>(
        at_host(coordinator::WatchOutputOnHost{id, 8, 1000, {{exec, 40}}}).what);
    BOOST_TEST(watch.id.str() == sandbox);
    BOOST_TEST(watch.watch.number == 8U);
    BOOST_TEST(watch.watch.credit == 1000U);
    BOOST_TEST(watch.watch.from.at(exec) == 40U);
    const auto unwatch = std::get<hostd::UnwatchOutputCommand>(
        at_host(coordinator::UnwatchOutputOnHost{id, 8}).what);
    BOOST_TEST(unwatch.watch == 8U);
    const auto given = [&](coordinator::LiveInput input) {
        return std::get<hostd::InputCommand>(
                   at_host(coordinator::InputOnHost{id, exec, std::move(input)}).what)
            .input;
    };
    const auto piece = std::get<hostd::StdinPiece>(given(coordinator::StdinPiece{"in", true}));
    BOOST_TEST(piece.data == "in");
    BOOST_TEST(piece.eof);
    BOOST_TEST(std::get<hostd::ExecSignal>(given(coordinator::ExecSignal{15})).number == 15);
    BOOST_TEST(std::get<hostd::TerminalSize>(given(coordinator::TerminalSize{24, 80})).columns ==
               80U);
    coordinator::ExecOnHost live;
    live.id = id;
    live.live.emplace();
    live.live->argv = {"ls", "-l"};
    live.live->terminal = coordinator::TerminalSize{24, 80};
    const auto spec = std::get<hostd::ExecCommand>(at_host(live).what).exec;
    BOOST_TEST(spec.live);
    BOOST_TEST(spec.argv.size() == 2U);
    BOOST_REQUIRE(spec.terminal.has_value());
    BOOST_TEST(spec.terminal->rows == 24U);
}

BOOST_AUTO_TEST_CASE(news_for_readers_are_what_they_can_be_or_refused)
{
    const common::HostName host{"h1"};
    proto::ReaderNews wire{"op-aaaaaaaaaaaaaaaa", 7, "output", "stderr", 40, "data"};
    const auto news = coordinator::link::reader_news_of(host, wire);
    BOOST_REQUIRE(news);
    BOOST_TEST((news->kind == coordinator::HostReaderNews::Kind::output));
    BOOST_TEST(news->of_stderr);
    BOOST_TEST(news->position == 40U);
    wire.stdio = "stdin";
    BOOST_TEST(!coordinator::link::reader_news_of(host, wire));
    wire.what = "end";
    BOOST_TEST(coordinator::link::reader_news_of(host, wire).has_value());
    wire.what = "boom";
    BOOST_TEST(!coordinator::link::reader_news_of(host, wire));
    wire.operation = "x";
    BOOST_TEST(!coordinator::link::reader_news_of(host, wire));
}

BOOST_AUTO_TEST_CASE(a_status_of_every_phase_comes_back_whole)
{
    for (const auto phase : {hostd::Phase::created,
                             hostd::Phase::starting,
                             hostd::Phase::restoring,
                             hostd::Phase::running,
                             hostd::Phase::paused,
                             hostd::Phase::stopping,
                             hostd::Phase::suspended,
                             hostd::Phase::stopped,
                             hostd::Phase::error,
                             hostd::Phase::destroyed}) {
        auto status = a_status(phase);
        status.error = common::Error{ErrorCode::internal, "why"};
        const proto::Status wire{"i1", 4, hostd::link::to_wire(status)};
        const auto back = proto::decode_body<proto::Status>(proto::encode_body(wire));
        BOOST_REQUIRE(back);
        const auto report = coordinator::link::report_of(back->sandbox);
        BOOST_REQUIRE(report);
        BOOST_TEST(coordinator::to_string(report->phase) == hostd::to_string(phase));
        BOOST_TEST(report->id.str() == sandbox);
        BOOST_TEST(report->generation == 9U);
        BOOST_TEST(report->spec_digest == "digest");
        BOOST_TEST(report->image == "tiny");
        BOOST_TEST(report->ip == "10.0.0.7");
        BOOST_TEST(report->agent == "paddock");
        BOOST_TEST(report->agent_ready);
        BOOST_TEST(report->vcpus == 3U);
        BOOST_TEST(report->memory.mib() == 256U);
        BOOST_TEST(report->error == "why");
        BOOST_TEST(report->timings_us.at("boot") == 12U);
    }
}

BOOST_AUTO_TEST_CASE(an_outcome_comes_back_whole_at_its_greatest)
{
    hostd::ExecOutcome outcome;
    outcome.stdout_bytes = std::string(std::size_t{1} << 20U, '\xff');
    outcome.stderr_bytes = std::string(std::size_t{1} << 20U, '\0');
    outcome.stderr_truncated = true;
    outcome.timed_out = true;
    outcome.exit_code = 137;
    outcome.in_guest = std::chrono::microseconds{11};
    hostd::Answer answer;
    answer.value = outcome;
    answer.took = std::chrono::microseconds{22};
    const auto received = std::get<coordinator::ExecReport>(at_coordinator(answer).value);
    BOOST_TEST((received.stdout_bytes == outcome.stdout_bytes));
    BOOST_TEST((received.stderr_bytes == outcome.stderr_bytes));
    BOOST_TEST(received.truncated);
    BOOST_TEST(received.timed_out);
    BOOST_TEST(received.exit_code == 137);
    BOOST_TEST(received.in_guest.count() == 11);
    BOOST_TEST(received.in_hostd.count() == 22);
}

BOOST_AUTO_TEST_CASE(an_error_of_every_code_comes_back_whole)
{
    for (const auto code : {ErrorCode::invalid_argument,
                            ErrorCode::permission_denied,
                            ErrorCode::not_found,
                            ErrorCode::already_exists,
                            ErrorCode::failed_precondition,
                            ErrorCode::refused,
                            ErrorCode::too_large,
                            ErrorCode::rate_limited,
                            ErrorCode::resource_exhausted,
                            ErrorCode::unimplemented,
                            ErrorCode::unavailable,
                            ErrorCode::timeout,
                            ErrorCode::internal}) {
        hostd::Answer answer;
        answer.error = common::Error{code, "message", "reason", {}, "details"};
        const auto received = at_coordinator(answer);
        BOOST_REQUIRE(received.error.has_value());
        BOOST_CHECK(received.error->code == code);
        BOOST_TEST(received.error->message == "message");
        BOOST_TEST(received.error->reason == "reason");
        BOOST_TEST(received.error->details == "details");
    }
}

BOOST_AUTO_TEST_CASE(a_sandbox_a_list_of_vms_and_nothing_at_all_come_back)
{
    hostd::Answer answer;
    answer.value = a_status(hostd::Phase::running);
    BOOST_TEST(std::get<coordinator::SandboxReport>(at_coordinator(answer).value).generation == 9U);
    answer.value = std::vector<hostd::ForeignVm>{{"theirs", "uuid", "running", true, "/disk"}};
    const auto vms = std::get<std::vector<coordinator::ForeignVm>>(at_coordinator(answer).value);
    BOOST_REQUIRE(vms.size() == 1U);
    BOOST_TEST(vms[0].name == "theirs");
    BOOST_TEST(vms[0].disk_path == "/disk");
    answer.value = hostd::Reading{true,
                                  std::chrono::microseconds{1},
                                  common::Bytes{2},
                                  common::Bytes{3},
                                  common::Bytes{4},
                                  common::Bytes{5},
                                  common::Bytes{6},
                                  common::Bytes{7},
                                  "console\xff",
                                  true};
    const auto read = std::get<coordinator::Reading>(at_coordinator(answer).value);
    BOOST_TEST(read.running);
    BOOST_TEST(read.cpu.count() == 1);
    BOOST_TEST(read.memory.count() == 2U);
    BOOST_TEST(read.disk.count() == 3U);
    BOOST_TEST(read.sent.count() == 7U);
    BOOST_TEST(read.console == "console\xff");
    BOOST_TEST(read.console_cut);
    BOOST_TEST(vms[0].persistent);
    BOOST_TEST(vms[0].host.str() == "h1");
    answer.value = std::monostate{};
    BOOST_TEST(!at_coordinator(answer).error.has_value());
}

BOOST_AUTO_TEST_CASE(what_a_host_is_and_has_comes_back_whole)
{
    hostd::HostReport report;
    report.hostname = "kvm-1";
    report.hypervisor = {"9.0.0", "7.2.0"};
    report.accel = hostd::Accel::kvm;
    report.accel_reason = "/dev/kvm works";
    report.state_engine = "portable";
    report.state_engine_reason = "it is QEMU 9";
    report.cores = 8;
    report.capacity_vcpus = 64;
    report.capacity_memory = Bytes::gib(30);
    report.overhead = Bytes::mib(60);
    report.disk_free = Bytes::gib(100);
    report.load1 = 1.25;
    report.warnings = {"a warning"};
    hostd::Image image;
    image.name = common::ImageName{"tiny"};
    image.digest = "d1";
    image.agent = hostd::AgentKind::paddock;
    image.boot = hostd::Boot::kernel;
    image.default_vcpus = 1;
    image.default_memory = Bytes::mib(256);
    image.registered_at = common::from_unix_us(123456);
    report.fence = {std::chrono::seconds{90}, hostd::FenceAction::stop};
    report.images = {image};
    const proto::Heartbeat wire{1, hostd::link::to_wire(report)};
    const auto back = proto::decode_body<proto::Heartbeat>(proto::encode_body(wire));
    BOOST_REQUIRE(back);
    auto facts = coordinator::link::facts_of(back->facts);
    BOOST_TEST(facts.hostname == "kvm-1");
    BOOST_TEST(facts.libvirt_version == "9.0.0");
    BOOST_TEST(facts.qemu_version == "7.2.0");
    BOOST_TEST(facts.accel == "kvm");
    BOOST_TEST(facts.accel_reason == "/dev/kvm works");
    BOOST_TEST(facts.state_engine == "portable");
    BOOST_TEST(facts.state_engine_reason == "it is QEMU 9");
    BOOST_TEST(facts.cores == 8U);
    BOOST_TEST(facts.capacity_vcpus == 64U);
    BOOST_CHECK(facts.capacity_memory == Bytes::gib(30));
    BOOST_CHECK(facts.overhead == Bytes::mib(60));
    BOOST_CHECK(facts.disk_free == Bytes::gib(100));
    BOOST_TEST(facts.load1 == 1.25);
    BOOST_TEST(facts.fence_after.count() == 90000);
    BOOST_TEST(facts.fence_action == "stop");
    BOOST_TEST(facts.warnings.at(0) == "a warning");
    BOOST_REQUIRE(facts.images.size() == 1U);
    BOOST_TEST(facts.images[0].digest == "d1");
    BOOST_TEST(facts.images[0].agent == "paddock");
    BOOST_TEST(facts.images[0].boot == "kernel");
    BOOST_TEST(facts.images[0].default_memory.mib() == 256U);
    BOOST_CHECK(facts.images[0].registered_at == image.registered_at);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_its_host_has_fenced_is_told_from_one_that_failed)
{
    auto status = a_status(hostd::Phase::paused);
    status.error = hostd::fenced_error(hostd::FenceAction::pause);
    auto report = coordinator::link::report_of(hostd::link::to_wire(status));
    BOOST_TEST(report->fenced);
    BOOST_TEST(report->error == status.error->message);
    status.error->reason = "disk_error";
    report = coordinator::link::report_of(hostd::link::to_wire(status));
    BOOST_TEST(!report->fenced);
}

BOOST_AUTO_TEST_CASE(what_is_no_id_phase_or_name_stops_at_the_border)
{
    proto::SandboxReport report;
    report.id = sandbox;
    report.phase = "running";
    BOOST_TEST(coordinator::link::report_of(report).has_value());
    report.phase = "dreaming";
    BOOST_TEST(!coordinator::link::report_of(report).has_value());
    report.phase = "running";
    for (const auto* id : {"", "sbx-", "sbx-../../etc", "SBX-AAAAAAAAAAAAAAAA"}) {
        report.id = id;
        BOOST_TEST(!coordinator::link::report_of(report).has_value());
    }
    proto::HostFacts facts;
    facts.images.resize(2);
    facts.images[0].name = "../tiny";
    facts.images[1].name = "tiny";
    BOOST_TEST(coordinator::link::facts_of(facts).images.size() == 1U);
    proto::Envelope envelope;
    envelope.operation_id = "no operation";
    BOOST_TEST(!coordinator::link::answer_of(common::HostName{"h1"}, envelope, {}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
