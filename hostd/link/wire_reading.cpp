// What is said about live execs; the rest of the commands is in wire_commands.cpp.
#include "hostd/link/wire_reading.hpp"

#include "hostd/link/wire_fields.hpp"

namespace hostd::link {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Result<common::OperationId> exec_id(const std::string& text)
{
    return id_in<common::OperationId>("op", text);
}

Result<ExecInput> input_in(proto::Input wire)
{
    if (wire.what == "stdin") {
        return StdinPiece{std::move(wire.data), wire.eof};
    }
    if (wire.what == "signal" && wire.signal > 0) {
        return ExecSignal{wire.signal};
    }
    if (wire.what == "resize") {
        return TerminalSize{wire.rows, wire.columns};
    }
    return Error{ErrorCode::invalid_argument, "field 'what': no input that is known"};
}

} // namespace

Result<Command> open_reader_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::OpenReader>(envelope.body));
    COMMON_TRY(auto operation, exec_id(wire.operation));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope,
                OpenReaderCommand{
                    std::move(id), {std::move(operation), wire.reader}, wire.from, wire.credit});
}

Result<Command> grant_reader_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::GrantReader>(envelope.body));
    COMMON_TRY(auto operation, exec_id(wire.operation));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope,
                GrantReaderCommand{std::move(id), {std::move(operation), wire.reader}, wire.bytes});
}

Result<Command> close_reader_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::CloseReader>(envelope.body));
    COMMON_TRY(auto operation, exec_id(wire.operation));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope, CloseReaderCommand{std::move(id), {std::move(operation), wire.reader}});
}

Result<Command> watch_output_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::WatchOutput>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    OutputWatch watch{wire.watch, wire.credit};
    for (const auto& [text, position] : wire.from) {
        COMMON_TRY(auto operation, exec_id(text));
        watch.from.emplace(std::move(operation), position);
    }
    return with(envelope, WatchOutputCommand{std::move(id), std::move(watch)});
}

Result<Command> unwatch_output_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::UnwatchOutput>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope, UnwatchOutputCommand{std::move(id), wire.watch});
}

Result<Command> input_of(const proto::Envelope& envelope)
{
    COMMON_TRY(auto wire, proto::decode_body<proto::Input>(envelope.body));
    InputCommand command;
    COMMON_TRY(command.id, sandbox_id(wire.id));
    COMMON_TRY(command.exec, exec_id(wire.operation));
    COMMON_TRY(command.input, input_in(std::move(wire)));
    return with(envelope, std::move(command));
}

proto::ReaderNews to_wire(const ReaderNews& news)
{
    proto::ReaderNews wire;
    wire.operation = news.reader.operation.str();
    wire.reader = news.reader.number;
    switch (news.kind) {
    case ReaderNews::Kind::started: wire.what = "started"; break;
    case ReaderNews::Kind::output: wire.what = "output"; break;
    case ReaderNews::Kind::end: wire.what = "end"; break;
    case ReaderNews::Kind::gone: wire.what = "gone"; break;
    }
    wire.stdio = news.of_stderr ? "stderr" : "stdout";
    wire.position = news.position;
    wire.data = news.data;
    return wire;
}

} // namespace hostd::link
