#pragma once

#include "coordinator/core/core.hpp"

namespace coordinator {

/// Live execs: who reads what, over the link to its host and across its interruptions.
///
/// A live exec is a run like any other, with its intent, its outcome and what a restart makes of it
/// (core_run.cpp); only its output takes another way, which is this. Readers end with a host's
/// connection and are opened anew from where they were.
///
/// The core's own, and of its thread but for LiveExecs.
class Core::Streams final : public LiveExecs {
public:
    explicit Streams(Core& core);
    ~Streams() override;
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    common::Result<Command>
    begin(const Caller& caller, const common::SandboxId& id, LiveRequest request) override;
    common::Result<std::vector<Command>> list(const Caller& caller,
                                              const common::SandboxId& id) override;
    common::Result<std::shared_ptr<ExecFeed>> read(const Caller& caller,
                                                   const common::SandboxId& id,
                                                   const common::CommandId& exec,
                                                   std::uint64_t from) override;
    common::Result<> input(const Caller& caller,
                           const common::SandboxId& id,
                           const common::CommandId& exec,
                           LiveInput input) override;

    void is_not_blocked(const common::CommandId& call) override;
    void receives(const common::CommandId& call) override;
    common::Result<OutputWatch> watch(const Caller& caller, const common::SandboxId& id) override;

    /// It was given to its host, now or before this coordinator began. `begun` is given once it
    /// has started.
    void sent(const Op& op, const Reply<Command>& begun, bool is_read);
    /// Its outcome is recorded.
    void ended(const Command& record);
    void on_news(const HostReaderNews& news);
    void on_connected(const common::HostName& host);
    /// False: it answers something else.
    bool on_answer(const HostAnswer& answer);
    /// Those that have not ended, and may run for ever.
    [[nodiscard]] std::size_t running() const noexcept { return running_; }
    /// What time brings.
    void tick();
    /// Those who read are told to come back.
    void stop();

private:
    class Watching; ///< watching.hpp: those who see it all, and miss what is too much.
    struct Reader {
        std::uint64_t number = 0;       ///< Its own, for as long as it reads.
        std::shared_ptr<ExecFeed> feed; ///< Null: it waits for the start, and for others to read.
        std::uint64_t position = 0;
        std::uint64_t wire = 0; ///< Its number with its host; 0: the host does not know it.
        std::uint64_t credit = 0;
        std::uint64_t queued = 0; ///< In its feed, and not taken yet.
        std::uint32_t taken = 0;  ///< And not granted again yet.
        common::SteadyTime since{};
        bool has_all = false; ///< Only how it ended is still to come.
        Callers::Ticket blocked = 0;
        Callers::Ticket receives = 0;
    };
    struct Exec {
        Command record;
        common::HostName host;
        Reply<Command> begun;
        bool is_read = true; ///< Somebody will read it as soon as it has started.
        bool was_read = false;
        std::vector<Reader> readers;
        std::uint64_t end = 0; ///< All that it wrote, as far as its host has told.
        std::optional<common::SteadyTime> ended_at;
    };

    // streams.cpp
    [[nodiscard]] common::Result<> may_see(const Caller& caller, const common::SandboxId& id) const;
    common::Result<Exec*>
    known(const Caller& caller, const common::SandboxId& id, const common::CommandId& exec);
    void send_input(const common::CommandId& id,
                    const LiveInput& input,
                    common::SteadyTime until,
                    const Reply<std::monostate>& reply);

    // streams_hosts.cpp
    template <typename What>
    void tell_host(const Exec& exec, What what);
    void add_reader(Exec& exec, Reader reader);
    void open(const Exec& exec, Reader& reader);
    void grant_due(const Exec& exec, Reader& reader);
    static void take_output(Reader& reader, const HostReaderNews& news);
    /// Of an exec that has ended: all that there is was read, or is not to be had.
    void end_reader(const Exec& exec, Reader& reader);
    bool is_past(const Exec& exec, common::SteadyTime now);
    void make_room();
    void block(Exec& exec, Reader& reader);
    void unblock(Reader& reader);
    void let_down(const common::CommandId& id);
    void drop_starters(Exec& exec);
    void taken(const common::CommandId& id, std::uint64_t number, std::uint32_t cost);
    void closed(const common::CommandId& id, std::uint64_t number);

    Core& core_;
    Callers receivers_; ///< Of the callers those who receive a body: they have half of the threads.
    std::map<common::CommandId, Exec> execs_;
    std::map<common::OperationId, common::CommandId> by_operation_;
    std::map<common::OperationId, std::function<void(const HostAnswer&)>> inputs_;
    std::size_t running_ = 0;
    std::uint64_t readers_ = 0; ///< Counts them, and each time that one is opened, or a watch.
    std::unique_ptr<Watching> watching_;
};

} // namespace coordinator
