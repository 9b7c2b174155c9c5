#include "cli/signals.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/signalfd.h>
#include <system_error>

namespace cli {

SignalReader::SignalReader(std::initializer_list<int> signals)
{
    ::sigemptyset(&set_);
    for (const int signal : signals) {
        struct sigaction now {};
        ::sigaction(signal, nullptr, &now);
        if (now.sa_handler != SIG_IGN) {
            ::sigaddset(&set_, signal);
        }
    }
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
    fd_.reset(::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_) {
        throw std::system_error{errno, std::generic_category(), "signalfd"};
    }
}

SignalReader::~SignalReader()
{
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalReader::take() const
{
    signalfd_siginfo info{};
    const auto count = ::read(fd_.get(), &info, sizeof info);
    return count == static_cast<ssize_t>(sizeof info)
               ? std::optional{static_cast<int>(info.ssi_signo)}
               : std::nullopt;
}

void die_by(int signal)
{
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    std::_Exit(128 + signal);
}

} // namespace cli
