#pragma once

#include "common/unique_fd.hpp"

#include <csignal>
#include <initializer_list>
#include <optional>

namespace cli {

/// Signals as something to read while this lives: made before any thread that is not to hear them.
/// Those that are ignored stay so: whoever started the process in the background wants it so.
class SignalReader {
public:
    explicit SignalReader(std::initializer_list<int> signals);
    ~SignalReader();
    SignalReader(const SignalReader&) = delete;
    SignalReader& operator=(const SignalReader&) = delete;

    /// Readable when one has come.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The next one, if any has come.
    [[nodiscard]] std::optional<int> take() const;

private:
    sigset_t set_{};
    sigset_t before_{};
    common::UniqueFd fd_;
};

/// Ends the process as if the signal had never been caught: a shell that runs a script sees that,
/// and ends it too.
[[noreturn]] void die_by(int signal);

} // namespace cli
