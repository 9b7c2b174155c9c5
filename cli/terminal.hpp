#pragma once

#include <atomic>
#include <optional>
#include <termios.h>

namespace cli {

struct TerminalSize {
    int rows = 0;
    int columns = 0;

    friend bool operator==(const TerminalSize&, const TerminalSize&) = default;
};

/// Of the first of stdin, stdout and stderr that is a terminal, within what the API takes.
std::optional<TerminalSize> terminal_size();

/// The terminal that somebody types at. While it is raw each key is given on as it is, Ctrl-C too,
/// and a line feed does not return the carriage.
class Terminal {
public:
    /// `fd` need not be one: then nothing here does anything.
    explicit Terminal(int fd) : fd_{fd} {}
    ~Terminal() { restore(); }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    void make_raw();
    /// As it was found. Any number of times.
    void restore() noexcept;
    /// From any thread.
    [[nodiscard]] bool is_raw() const noexcept { return raw_; }

private:
    const int fd_;
    termios found_{};
    std::atomic<bool> raw_ = false;
};

} // namespace cli
