#pragma once

#include "cli/listing.hpp"
#include "cli/live_command.hpp"
#include "cli/terminal.hpp"
#include "client/session.hpp"
#include "common/unique_fd.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unistd.h>

namespace cli {

/// What all threads hold: some outlive the wait for the command.
struct LiveShared {
    explicit LiveShared(const Console& of_process);

    /// Something is there to be looked at.
    void wake() const;
    /// To people, from any thread.
    void tell(const std::string& words) const;

    const Console console;
    Terminal terminal{STDIN_FILENO};
    const common::UniqueFd news; ///< An eventfd.
    std::mutex mutex;
    std::condition_variable written;
    std::condition_variable seen;
    // Under mutex:
    std::optional<Json> begun;                 ///< Its record, once it has begun.
    std::string position;                      ///< Of what was written of it.
    bool is_writing = false;                   ///< What is behind it.
    std::optional<common::Result<Json>> ended; ///< Its last record.
    bool may_write = false;                    ///< `begun` was seen, and the terminal is ready.
    int write_failure = 0;                     ///< Else: nobody takes its output.
};

/// "/v1/sandboxes/<id>/exec" and, where one is meant, its id.
std::string live_path(const std::string& sandbox, const std::string& exec);

/// Starts the thread that reads the stream and writes what comes, from the first event to the last.
void read_live(const std::shared_ptr<LiveShared>& shared,
               const client::Session::Options& session,
               const LiveWish& wish);

} // namespace cli
