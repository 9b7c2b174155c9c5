// What is asked of hosts.
#include "coordinator/link/wire.hpp"

#include "proto/wire_fencing.hpp"

namespace coordinator::link {

namespace {

std::vector<proto::PeerRef> givers(const AddImageOnHost& it)
{
    if (it.giver_endpoint.empty()) {
        return {};
    }
    return {{it.giver_endpoint, it.giver_key}};
}

proto::BlobRef ref(const Blob& blob)
{
    return {blob.digest, blob.size.count()};
}

proto::SnapshotOffer offer(const CheckpointOffer& offer)
{
    proto::SnapshotOffer wire{offer.manifest, {}};
    for (const auto& file : offer.files) {
        wire.files.push_back({file.name, file.digest, file.size.count()});
    }
    return wire;
}

std::uint32_t ms_of(std::chrono::milliseconds time)
{
    return static_cast<std::uint32_t>(time.count());
}

struct ToWire {
    proto::Envelope& envelope;

    template <typename Message>
    void put(const Message& message) const
    {
        envelope.kind = Message::kind;
        envelope.body = proto::encode_body(message);
    }

    void operator()(const CreateOnHost& it) const
    {
        const auto& sandbox = it.sandbox;
        put(proto::CreateSandbox{sandbox.id.str(),
                                 sandbox.tenant,
                                 sandbox.name,
                                 sandbox.image.str(),
                                 sandbox.image_digest,
                                 sandbox.vcpus,
                                 sandbox.memory.count(),
                                 std::string{to_string(sandbox.network)},
                                 it.start,
                                 ms_of(it.boot_timeout),
                                 it.from_snapshot ? it.from_snapshot->str() : "",
                                 it.warm,
                                 std::string{to_string(sandbox.disk)}});
    }
    void operator()(const ClaimOnHost& it) const
    {
        const auto& sandbox = it.sandbox;
        put(proto::ClaimSandbox{sandbox.id.str(), sandbox.tenant, sandbox.name, ms_of(it.timeout)});
    }
    void operator()(const StartOnHost& it) const
    {
        put(proto::StartSandbox{it.id.str(), ms_of(it.boot_timeout)});
    }
    void operator()(const StopOnHost& it) const
    {
        put(proto::StopSandbox{it.id.str(), it.force, ms_of(it.timeout)});
    }
    void operator()(const PauseOnHost& it) const { put(proto::PauseSandbox{it.id.str()}); }
    void operator()(const SuspendOnHost& it) const { put(proto::SuspendSandbox{it.id.str()}); }
    void operator()(const SnapshotOnHost& it) const
    {
        put(proto::TakeSnapshot{
            it.id.str(), it.snapshot.str(), it.name, it.parent.str(), it.memory});
    }
    void operator()(const RestoreOnHost& it) const
    {
        put(proto::RestoreSnapshot{it.id.str(), it.snapshot.str(), ms_of(it.boot_timeout)});
    }
    void operator()(const DeleteSnapshotOnHost& it) const
    {
        put(proto::DeleteSnapshot{it.id.str(), it.snapshot.str()});
    }
    void operator()(const VerifySnapshotOnHost& it) const
    {
        put(proto::VerifySnapshot{it.id.str(), it.snapshot.str()});
    }
    void operator()(const OfferSnapshotOnHost& it) const
    {
        put(proto::OfferSnapshot{it.id.str(), it.snapshot.str()});
    }
    void operator()(const FetchSnapshotOnHost& it) const
    {
        put(proto::FetchSnapshot{it.id.str(), it.snapshot.str(), offer(it.offer)});
    }
    void operator()(const GivePieceOnHost& it) const
    {
        put(proto::GivePiece{it.snapshot.str(), it.operation.str(), it.digest, it.offset, it.size});
    }
    void operator()(const MakeImageOnHost& it) const
    {
        put(proto::MakeImage{it.id.str(), it.snapshot.str(), it.image.str(), it.tenant});
    }
    void operator()(const AddImageOnHost& it) const
    {
        const auto& image = it.image;
        put(proto::AddImage{image.id.str(),
                            image.name.str(),
                            image.tenant,
                            ref(image.disk),
                            ref(image.kernel),
                            ref(image.initrd),
                            image.cmdline,
                            image.boot,
                            image.agent,
                            image.vcpus,
                            image.memory.count(),
                            givers(it)});
    }
    void operator()(const ShareImageOnHost& it) const
    {
        put(proto::ShareImage{it.registration.str(), it.key});
    }
    void operator()(const PieceOnHost& it) const
    {
        proto::Piece piece{it.operation.str(), it.digest, it.offset, {}, {}, {}, {}};
        if (it.data) {
            piece.data = *it.data;
            piece.zeros = it.zeros;
        } else {
            piece.reason = it.data.error().stable_reason();
            piece.message = it.data.error().message;
        }
        put(piece);
    }
    void operator()(const ImportVmOnHost& it) const
    {
        put(proto::ImportVm{it.vm, it.image.str(), it.tenant, it.agent, it.running, it.renew});
    }
    void operator()(const RemoveImageOnHost& it) const
    {
        put(proto::RemoveImage{it.image.str(), it.tenant, it.registration.str()});
    }
    void operator()(const DestroyOnHost& it) const { put(proto::DestroySandbox{it.id.str()}); }
    void operator()(const ExecOnHost& it) const
    {
        proto::Exec exec{it.id.str(),
                         {},
                         it.shell,
                         it.user,
                         it.cwd,
                         it.env,
                         it.stdin_bytes,
                         ms_of(it.timeout),
                         static_cast<std::uint32_t>(it.output_limit.count()),
                         it.resumed,
                         it.live.has_value(),
                         false,
                         false,
                         0,
                         0,
                         {},
                         {}};
        if (it.live) {
            exec.call = it.live->call;
            exec.request = it.live->request;
            exec.argv = exec.call.empty() ? it.live->argv : std::vector<std::string>{};
            exec.shell.clear();
            exec.has_stdin = it.live->has_stdin;
            exec.terminal = it.live->terminal.has_value();
            exec.rows = it.live->terminal.value_or(TerminalSize{}).rows;
            exec.columns = it.live->terminal.value_or(TerminalSize{}).columns;
        }
        put(exec);
    }
    void operator()(const OpenReaderOnHost& it) const
    {
        put(proto::OpenReader{it.id.str(), it.operation.str(), it.reader, it.from, it.credit});
    }
    void operator()(const GrantReaderOnHost& it) const
    {
        put(proto::GrantReader{it.id.str(), it.operation.str(), it.reader, it.bytes});
    }
    void operator()(const CloseReaderOnHost& it) const
    {
        put(proto::CloseReader{it.id.str(), it.operation.str(), it.reader});
    }
    void operator()(const WatchOutputOnHost& it) const
    {
        proto::WatchOutput watch{it.id.str(), it.watch, it.credit, {}};
        for (const auto& [operation, position] : it.from) {
            watch.from[operation.str()] = position;
        }
        put(watch);
    }
    void operator()(const UnwatchOutputOnHost& it) const
    {
        put(proto::UnwatchOutput{it.id.str(), it.watch});
    }
    void operator()(const InputOnHost& it) const
    {
        proto::Input input;
        input.id = it.id.str();
        input.operation = it.operation.str();
        if (const auto* piece = std::get_if<StdinPiece>(&it.input)) {
            input.what = "stdin";
            input.data = piece->data;
            input.eof = piece->eof;
        } else if (const auto* signal = std::get_if<ExecSignal>(&it.input)) {
            input.what = "signal";
            input.signal = signal->number;
        } else {
            const auto& size = std::get<TerminalSize>(it.input);
            input.what = "resize";
            input.rows = size.rows;
            input.columns = size.columns;
        }
        put(input);
    }
    void operator()(const AckExecOnHost& it) const { put(proto::ExecAck{it.id.str()}); }
    void operator()(const ReadOnHost& it) const
    {
        put(proto::ReadSandbox{it.id.str(), it.console_bytes});
    }
    void operator()(const ListVmsOnHost&) const { put(proto::ListVms{}); }
    void operator()(const HeardOnHost& it) const { put(proto::HeartbeatAck{it.instance, it.seq}); }
    void operator()(const LiftFenceOnHost& it) const
    {
        proto::LiftFence lift;
        for (const auto& id : it.sandboxes) {
            lift.sandboxes.push_back(id.str());
        }
        put(lift);
    }
};

} // namespace

proto::Envelope to_wire(const HostCommand& command, std::uint64_t epoch)
{
    proto::Envelope envelope;
    envelope.operation_id = command.operation.str();
    envelope.request_id = command.request.str();
    envelope.generation = command.generation;
    envelope.epoch = epoch;
    std::visit(ToWire{envelope}, command.what);
    return envelope;
}

} // namespace coordinator::link
