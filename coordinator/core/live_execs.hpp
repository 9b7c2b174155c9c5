#pragma once

#include "common/result.hpp"
#include "coordinator/core/feed.hpp"
#include "coordinator/core/model.hpp"
#include "coordinator/core/watched_output.hpp"

#include <memory>
#include <variant>

namespace coordinator {

struct TerminalSize {
    std::uint16_t rows = 24;
    std::uint16_t columns = 80;
};

struct LiveRequest {
    std::vector<std::string> argv;
    std::string user = "sandbox";
    std::string cwd;
    std::map<std::string, std::string> env;
    std::optional<std::chrono::milliseconds> timeout; ///< Not said: none.
    bool has_stdin = false;
    std::optional<TerminalSize> terminal;
    bool is_read = true; ///< read() follows: until then the command waits with what it writes.
    /// Not a program but a service of the agent's own, for whoever reads it; `argv` is for people.
    std::string call{};
    std::string request{}; ///< What is wanted of it.
    bool receives =
        false; ///< Its caller is sent the body meanwhile, in one of the places for that.
    /// What the audit calls it: "file_write". Of a call, "": it changes nothing, nothing of it is
    /// written down.
    std::string audited_as{};
    /// What it is about, for the audit: {"path", "/tmp/x"}. What is empty is left out.
    std::vector<std::pair<std::string_view, std::string>> about{};
    /// For errors: "use the files of".
    std::string_view attempt = "call the agent of";
};

struct StdinPiece {
    std::string data;
    bool eof = false;
};
struct ExecSignal {
    int number = 0;
};
using LiveInput = std::variant<StdinPiece, ExecSignal, TerminalSize>;

/// Of what a reader of a live exec gets.
struct ExecOutput {
    bool of_stderr = false;
    std::uint64_t position = 0; ///< Bytes of stdout and stderr before it.
    std::string data;
};
/// What was there, between two positions, is not kept any more.
struct ExecGap {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};
/// The last of all: how it ended, by its record.
struct ExecEnded {
    std::uint64_t position = 0;
    Command record;
};
/// The last of all, though it runs on: whoever reads is to come back.
struct ExecInterrupted {
    std::string_view why = "the coordinator is ending";
};
using ExecEvent = std::variant<ExecOutput, ExecGap, ExecEnded, ExecInterrupted>;

/// What one reader gets: never more than about `window` bytes that it has not taken, so that the
/// command waits for a slow one.
class ExecFeed : public Feed<ExecEvent> {
public:
    static constexpr std::uint32_t window = 128U << 10U;
    /// Of the window, what each piece takes on top of its bytes.
    static constexpr std::uint32_t piece_overhead = 256;
    [[nodiscard]] static std::uint32_t cost(std::size_t bytes)
    {
        return static_cast<std::uint32_t>(bytes) + piece_overhead;
    }
    using Output = ExecOutput;
    using Gap = ExecGap;
    using Ended = ExecEnded;
    using Interrupted = ExecInterrupted;
    using Event = ExecEvent;

    ExecFeed(Command record, Ways ways) : Feed{std::move(ways)}, record_{std::move(record)} {}
    /// As it was when it was opened.
    [[nodiscard]] const Command& record() const noexcept { return record_; }

private:
    const Command record_;
};

/// Commands whose output is read as it comes. They live on their host and in their guest: no reader
/// that comes or goes, and no restart of a daemon, ends one. Each call blocks until its reply is
/// due and may come from any thread.
class LiveExecs {
public:
    virtual ~LiveExecs() = default;
    /// It has started. Errors as of Service::run, and `no_live_exec` where its agent cannot.
    virtual common::Result<Command>
    begin(const Caller& caller, const common::SandboxId& id, LiveRequest request) = 0;
    /// Those that run and those that ended lately, newest first.
    virtual common::Result<std::vector<Command>> list(const Caller& caller,
                                                      const common::SandboxId& id) = 0;
    /// From a position on; what is not kept any more is told as a gap.
    virtual common::Result<std::shared_ptr<ExecFeed>> read(const Caller& caller,
                                                           const common::SandboxId& id,
                                                           const common::CommandId& exec,
                                                           std::uint64_t from) = 0;
    /// Who reads a call is held to be blocked by its sandbox's host until he has closed his feed,
    /// or says by this that he waits no more but is told of what comes.
    virtual void is_not_blocked(const common::CommandId& call) = 0;
    /// He is one of those who receive a body meanwhile (LiveRequest::receives).
    virtual void receives(const common::CommandId& call) = 0;
    /// What all of a sandbox write from now on. `rate_limited` (too_many_readers).
    virtual common::Result<OutputWatch> watch(const Caller& caller,
                                              const common::SandboxId& id) = 0;
    /// Stdin is taken whole or not at all; while the command does not read it waits a while, then
    /// `rate_limited` (stdin_full). `failed_precondition`: exec_ended, stdin_closed, no_terminal.
    virtual common::Result<> input(const Caller& caller,
                                   const common::SandboxId& id,
                                   const common::CommandId& exec,
                                   LiveInput input) = 0;
};

} // namespace coordinator
