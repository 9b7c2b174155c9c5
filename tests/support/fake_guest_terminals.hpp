#pragma once

#include "coordinator/core/guest_terminals.hpp"

#include <deque>
#include <mutex>

namespace test_support {

/// Terminals that answer what they are told to; what is asked of them is kept.
class FakeGuestTerminals final : public coordinator::GuestTerminals {
public:
    common::Result<coordinator::TerminalAnswer>
    ask(const coordinator::Caller&,
        const common::SandboxId&,
        const coordinator::TerminalRequest& request) override
    {
        const std::scoped_lock lock{mutex};
        asked.push_back(request);
        if (refusal) {
            return *refusal;
        }
        return answer;
    }
    common::Result<std::unique_ptr<coordinator::TerminalWatch>>
    watch(const coordinator::Caller&,
          const common::SandboxId&,
          const coordinator::TerminalRequest& request) override
    {
        const std::scoped_lock lock{mutex};
        asked.push_back(request);
        if (refusal) {
            return *refusal;
        }
        return std::unique_ptr<coordinator::TerminalWatch>{std::make_unique<Watch>(pieces)};
    }

    std::mutex mutex;
    std::vector<coordinator::TerminalRequest> asked;
    std::optional<common::Error> refusal;
    coordinator::TerminalAnswer answer;
    std::deque<coordinator::TerminalPiece> pieces; ///< Of each watch, all there at once.

private:
    class Watch final : public coordinator::TerminalWatch {
    public:
        explicit Watch(std::deque<coordinator::TerminalPiece> pieces) : pieces_{std::move(pieces)}
        {}
        void on_news(std::function<void()> news) override { news(); }
        std::optional<coordinator::TerminalPiece> take() override
        {
            if (pieces_.empty()) {
                return std::nullopt;
            }
            auto piece = std::move(pieces_.front());
            pieces_.pop_front();
            return piece;
        }
        [[nodiscard]] bool ended() const override { return pieces_.empty(); }
        void close() override {}

    private:
        std::deque<coordinator::TerminalPiece> pieces_;
    };
};

} // namespace test_support
