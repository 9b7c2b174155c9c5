#pragma once

#include "common/process/process.hpp"
#include "common/unique_fd.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <sys/types.h>

namespace common::process {

/// A child that is given its input piece by piece. One that is not finished is killed with its
/// process group when this goes. One thread.
class Child {
public:
    /// What to run: its input, and its time in all. `environment`: more NAME=value, before ours.
    struct Program {
        Command command;
        std::vector<std::string> environment{};
        /// Takes what it writes to stdout, in place of Outcome::out. An error ends it.
        std::function<Result<>(std::string_view)> on_output{};
        /// A descriptor, the caller's own: once it is readable the child is killed, which is
        /// `unavailable` (interrupted).
        int interrupt = -1;
    };

    /// Command::input is fed by run() alone. `not_found`, `internal`: it could not be started.
    static Result<std::unique_ptr<Child>> start(Program program);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Returns once the child has read all of it, or wants no more: then that is no error, and
    /// finish() tells why. `timeout`: it was killed.
    Result<> feed(std::string_view bytes);
    /// Whether it takes more.
    [[nodiscard]] bool reads() const { return in_ && (out_ || err_); }
    /// Its input ends, and then it does. As run().
    Result<Outcome> finish();

private:
    Child(Program program, pid_t pid, UniqueFd in, UniqueFd out, UniqueFd err);
    Result<> exchange(std::string_view& rest);
    Result<> read_output();
    Error out_of_time();
    void kill();

    Program program_;
    const std::chrono::steady_clock::time_point deadline_;
    pid_t pid_; ///< -1 once it has been waited for.
    UniqueFd in_, out_, err_;
    Outcome outcome_;
};

/// That a child ended with another status than 0, and what it said.
Error failed(const Command& command, const Outcome& outcome);

} // namespace common::process
