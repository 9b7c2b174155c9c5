#pragma once

#include "guest/terminals/terminals.hpp"

#include <memory>

namespace guest::terminals {

/// The absolute path of the guest's tmux; "" if it has none.
std::string find_tmux();

/// The terminals of the user that this process is of: tmux's if the guest has it, else its own.
class OwnTerminals {
public:
    OwnTerminals(const common::Clock& clock, User user, const Limits& limits = {})
        : clock_{clock}, user_{std::move(user)}, limits_{limits}
    {}

    /// Whether by tmux is decided at the first call, and again while there are none. Not to be
    /// called from within a callback: what it gave before may be gone after it.
    Terminals& get();

private:
    const common::Clock& clock_;
    User user_;
    Limits limits_;
    bool by_tmux_ = false;
    std::unique_ptr<Terminals> terminals_;
};

} // namespace guest::terminals
