#pragma once

#include "cli/console.hpp"
#include "cli/settings.hpp"
#include "client/session.hpp"
#include "common/result.hpp"

#include <functional>
#include <memory>
#include <string>

namespace cli {

/// What a command works with.
struct Context {
    Settings settings;
    Console console;
    client::Session& session;
    /// For a second thread, under the same request id.
    std::function<std::unique_ptr<client::Session>()> another_session;
    bool thread_left = false; ///< One is still in a call: the process ends by std::_Exit.

    [[nodiscard]] bool json() const noexcept { return console.output == Output::json; }
};

/// A command: the exit status, or the one error that it ends with.
using Action = std::function<common::Result<int>(Context&)>;

} // namespace cli
