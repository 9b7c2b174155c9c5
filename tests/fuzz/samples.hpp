#pragma once

#include "proto/envelope.hpp"
#include "proto/guest_calls.hpp"
#include "proto/guest_messages.hpp"
#include "proto/wire_fencing.hpp"
#include "proto/wire_images.hpp"
#include "proto/wire_messages.hpp"
#include "proto/wire_moves.hpp"
#include "proto/wire_reading.hpp"

#include <tuple>

/// One of each message with every field set: what the fuzzers begin with, and what the unit
/// tests send round. The order is that of the fuzzers' decoders.
namespace samples {

inline proto::WireError error()
{
    return {"refused", "no user 'x' in this guest", "unknown_user", "h1: full\nh2: cordoned"};
}

inline proto::HostFacts facts()
{
    proto::HostFacts facts;
    facts.hostname = "h1";
    facts.arch = "x86_64";
    facts.kernel = "6.1.0";
    facts.cpu_model = "Some CPU @ 2 GHz";
    facts.libvirt_version = "9.0.0";
    facts.qemu_version = "7.2.9";
    facts.hostd_version = "0.1.0";
    facts.accel = "tcg";
    facts.accel_reason = "there is no /dev/kvm; guests are emulated";
    facts.state_engine = "fast";
    facts.state_engine_reason = "it was tried with QEMU 7.2.9";
    facts.network_cidr = "10.64.0.0/20";
    facts.cores = 2;
    facts.memory_bytes = std::uint64_t{24} << 30U;
    facts.memory_available_bytes = std::uint64_t{20} << 30U;
    facts.capacity_vcpus = 16;
    facts.capacity_memory_bytes = std::uint64_t{22} << 30U;
    facts.overhead_bytes = std::uint64_t{128} << 20U;
    facts.disk_bytes = 1'000'000'000'000;
    facts.disk_free_bytes = 900'000'000'000;
    facts.load1_milli = 1250;
    facts.sandboxes = 3;
    facts.fence_after_ms = 60000;
    facts.fence_action = "pause";
    facts.warnings = {"no swap: add some"};
    facts.images = {{"tiny",
                     std::string(64, 'a'),
                     1,
                     2,
                     "kernel",
                     "paddock",
                     1,
                     268'435'456,
                     1'700'000'000'000'000,
                     "default",
                     "snp-aaaaaaaaaaaaaaaa",
                     "img-aaaaaaaaaaaaaaaa",
                     "somebody's vm"}};
    return facts;
}

inline proto::SandboxReport sandbox()
{
    proto::SandboxReport report;
    report.id = "sbx-aaaaaaaaaaaaaaaa";
    report.tenant = "default";
    report.image = "tiny";
    report.phase = "running";
    report.ip = "10.64.0.2";
    report.mac = "52:54:00:00:00:01";
    report.agent = "paddock";
    report.agent_ready = true;
    report.incarnation = 2;
    report.generation = 7;
    report.spec_digest = std::string(64, 'b');
    report.vcpus = 1;
    report.memory_bytes = 268'435'456;
    report.network_mode = "nat";
    report.error = error();
    report.timings_us = {{"define", 1000}, {"start", 150'000}};
    report.name = "somebody";
    report.disk = "ephemeral";
    return report;
}

inline proto::CheckpointReport checkpoint()
{
    return {"snp-aaaaaaaaaaaaaaaa",
            "sbx-aaaaaaaaaaaaaaaa",
            "before",
            "snp-bbbbbbbbbbbbbbbb",
            true,
            true,
            "fast",
            "9.0.0",
            "7.2.9",
            145'000'000,
            196'608,
            156'000,
            {{"memory", std::string(64, 'c')}, {"device", std::string(64, 'd')}},
            "/var/lib/paddock/snapshots/snp-aaaaaaaaaaaaaaaa",
            1'700'000'000'000'000};
}

inline proto::ExecResult exec_result()
{
    return {std::string("out\0\xFF", 5),
            "err",
            true,
            true,
            true,
            137,
            9,
            1'700'000'000'000'000,
            -1,
            5,
            4};
}

inline proto::Exec exec()
{
    return {"sbx-aaaaaaaaaaaaaaaa",
            {"printf", "%s", ""},
            "echo $0",
            "sandbox",
            "/tmp",
            {{"A", "b=c"}, {"EMPTY", ""}},
            "input",
            30'000,
            1'048'576,
            true,
            true,
            true,
            true,
            24,
            80,
            "files",
            "request"};
}

inline proto::Envelope envelope()
{
    return {1, "exec", "op-aaaaaaaaaaaaaaaa", "req-1", 7, 3, "\x80"};
}

inline proto::SnapshotOffer offer()
{
    return {"{\"version\": 1}",
            {{"lyr-aaaaaaaaaaaaaaaa.qcow2", std::string(64, 'a'), 196'616},
             {"ram", std::string(64, 'b'), 268'435'456},
             {"domain.xml", std::string(64, 'c'), 5'000}}};
}

inline auto wire_messages()
{
    using namespace proto;
    return std::tuple{
        Hello{1, 2, "instance", facts()},
        Heartbeat{42, facts()},
        Inventory{"instance", {sandbox(), sandbox()}, {checkpoint(), checkpoint()}},
        Status{"instance", 3, sandbox()},
        Activity{{"sbx-aaaaaaaaaaaaaaaa", "sbx-bbbbbbbbbbbbbbbb"}},
        Reply{error(),
              true,
              sandbox(),
              exec_result(),
              {{"vm", "uuid", "shut off", true, "/d.qcow2"}},
              checkpoint(),
              facts().images.front(),
              Reading{true, 1, 2, 3, 4, 5, 6, 7, "console", true},
              offer()},
        Welcome{1, "instance", "h1", 5000},
        Refused{"version", "upgrade the older one", 2, 3},
        StatusAck{"instance", 17},
        SyncRequest{},
        CreateSandbox{"sbx-aaaaaaaaaaaaaaaa",
                      "default",
                      "web",
                      "tiny",
                      std::string(64, 'a'),
                      2,
                      1U << 28U,
                      "isolated",
                      true,
                      60'000,
                      "snp-aaaaaaaaaaaaaaaa",
                      true,
                      "ephemeral"},
        ClaimSandbox{"sbx-aaaaaaaaaaaaaaaa", "default", "web", 5'000},
        StartSandbox{"sbx-aaaaaaaaaaaaaaaa", 60'000},
        StopSandbox{"sbx-aaaaaaaaaaaaaaaa", true, 10'000},
        PauseSandbox{"sbx-aaaaaaaaaaaaaaaa"},
        SuspendSandbox{"sbx-aaaaaaaaaaaaaaaa"},
        TakeSnapshot{
            "sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa", "before", "snp-bbbbbbbbbbbbbbbb", true},
        RestoreSnapshot{"sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa", 60'000},
        DeleteSnapshot{"sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa"},
        VerifySnapshot{"sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa"},
        MakeImage{"sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa", "web", "default"},
        AddImage{"img-aaaaaaaaaaaaaaaa",
                 "web",
                 "default",
                 {std::string(64, 'a'), 196'616},
                 {std::string(64, 'b'), 7'000'000},
                 {std::string(64, 'c'), 1},
                 "console=ttyS0",
                 "kernel",
                 "paddock",
                 2,
                 1U << 28U,
                 {{"tcp://10.0.0.11:7421", std::string(40, 'k')}}},
        ShareImage{"img-aaaaaaaaaaaaaaaa", std::string(40, 'k')},
        RemoveImage{"web", "default", "img-aaaaaaaaaaaaaaaa"},
        ImportVm{"somebody's vm", "web", "default", "qemu", true, true},
        Piece{"op-aaaaaaaaaaaaaaaa",
              std::string(64, 'a'),
              262'144,
              std::string("\0QFI\xFB", 5),
              262'144,
              "unknown_blob",
              "not to be fetched"},
        DestroySandbox{"sbx-aaaaaaaaaaaaaaaa"},
        exec(),
        ExecAck{"sbx-aaaaaaaaaaaaaaaa"},
        ReadSandbox{"sbx-aaaaaaaaaaaaaaaa", 1000},
        ListVms{},
        OpenReader{"sbx-aaaaaaaaaaaaaaaa", "op-aaaaaaaaaaaaaaaa", 3, 70'000, 131'072},
        GrantReader{"sbx-aaaaaaaaaaaaaaaa", "op-aaaaaaaaaaaaaaaa", 3, 32'768},
        CloseReader{"sbx-aaaaaaaaaaaaaaaa", "op-aaaaaaaaaaaaaaaa", 3},
        WatchOutput{"sbx-aaaaaaaaaaaaaaaa", 4, 131'072, {{"op-aaaaaaaaaaaaaaaa", 70'000}}},
        UnwatchOutput{"sbx-aaaaaaaaaaaaaaaa", 4},
        Input{"sbx-aaaaaaaaaaaaaaaa",
              "op-aaaaaaaaaaaaaaaa",
              "stdin",
              std::string("in\0\xFF", 4),
              true,
              15,
              24,
              80},
        ReaderNews{"op-aaaaaaaaaaaaaaaa", 3, "output", "stderr", 70'000, "\xFF"},
        WantPiece{"op-aaaaaaaaaaaaaaaa", std::string(64, 'a'), 262'144, 65'536},
        OfferSnapshot{"sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa"},
        FetchSnapshot{"sbx-aaaaaaaaaaaaaaaa", "snp-aaaaaaaaaaaaaaaa", offer()},
        GivePiece{
            "snp-aaaaaaaaaaaaaaaa", "op-aaaaaaaaaaaaaaaa", std::string(64, 'a'), 262'144, 65'536},
        HeartbeatAck{"instance", 17},
        LiftFence{{"sbx-aaaaaaaaaaaaaaaa", "sbx-bbbbbbbbbbbbbbbb"}}};
}

inline proto::GuestFrame guest_frame()
{
    return {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 9, "ping", "\x80"};
}

inline auto call_messages()
{
    using namespace proto;
    FileCall call;
    call.what = "write";
    call.path = "/tmp/x";
    call.roots = {"/home", "/tmp"};
    call.mode = 0644;
    FileReply reply;
    reply.error = CallError{"not_found", "no such file", "not_found", "more"};
    reply.entries = {{"/tmp/x", "symlink", 0777, 1000, 1000, 12, 1'700'000'000'000'000'000, "y"}};
    reply.length = 12;
    return std::tuple{call, reply, FileNews{"moved", "/tmp/x", "/tmp/y", false, true}};
}

inline auto guest_messages()
{
    using namespace proto;
    return std::tuple{
        GuestReset{},
        GuestExec{"op-aaaaaaaaaaaaaaaa",
                  {"cat", "-"},
                  "true",
                  "root",
                  "/",
                  {{"A", "b"}},
                  true,
                  1000,
                  65536,
                  true,
                  true,
                  70'000,
                  true,
                  24,
                  80,
                  "files",
                  "request"},
        GuestStdin{4096, std::string("in\0put", 6), true},
        GuestSignal{15},
        GuestResize{24, 80},
        GuestCredit{"stdout", 65536},
        GuestExecAck{"op-aaaaaaaaaaaaaaaa"},
        GuestShutdown{true},
        GuestBecome{"web",
                    1'700'000'000'000'000,
                    "sbx-aaaaaaaaaaaaaaaa",
                    std::string(32, '\xA5'),
                    "52:54:00:00:00:01",
                    "10.64.0.2"},
        GuestFreeze{78},
        GuestThaw{1'700'000'000'000'000},
        GuestPing{77},
        GuestHello{1, "0.1.0", "web", "boot", 1234, true, true, "sbx-bbbbbbbbbbbbbbbb", true, true},
        GuestBecame{"sbx-aaaaaaaaaaaaaaaa"},
        GuestFrozen{78, true, 5000, "all of it"},
        GuestNet{{"eth0 52:54:00:00:00:01 10.64.0.2/20"}},
        GuestStarted{321, 70'000, 4096, 65536},
        GuestOutput{"stderr", 12, "data"},
        GuestExit{137, 9, true, 5, 6, 7},
        GuestExecError{"unknown_user", "no user 'x' in this guest"},
        GuestPong{77}};
}

} // namespace samples
