#pragma once

#include "common/outbox.hpp"
#include "hostd/link/link_settings.hpp"

#include <atomic>
#include <thread>

namespace hostd::link {

/// The way to the coordinator that leads, over ZeroMQ: DEALERs with CURVE, the coordinators' key
/// pinned. Its thread owns the sockets; each lost or refused connection gets a fresh
/// one, so that nothing stale is ever sent before the hello. While the outbox is
/// full, which takes a coordinator that is gone and a host gone mad, an answer is
/// dropped (its command is sent again) and so is a status (an inventory follows).
class CoordinatorLink final : public Uplink {
public:
    CoordinatorLink(LinkSettings settings, const common::Clock& clock);
    ~CoordinatorLink() override;
    CoordinatorLink(const CoordinatorLink&) = delete;
    CoordinatorLink& operator=(const CoordinatorLink&) = delete;

    void answer(Answer answer) override;
    void status(SandboxStatus status) override;
    void inventory(std::vector<SandboxStatus> all, std::vector<Checkpoint> checkpoints) override;
    void activity(std::vector<common::SandboxId> active) override;
    void reader_news(ReaderNews news) override;
    void want_piece(PieceWish wish) override;
    void give_piece(Piece piece) override;

    /// Begins to connect. Both run on the link's thread and must return at once.
    void start(std::function<void(Command)> on_command, std::function<HostReport()> report);
    /// Whether a coordinator has taken this host in, and the highest epoch that any has had. Any
    /// thread.
    [[nodiscard]] bool is_welcomed() const noexcept { return welcomed_; }
    [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
    /// What is to be sent and not taken up yet. Any thread.
    [[nodiscard]] std::size_t waiting() const { return outbox_.size(); }
    /// Ends the thread, after what is queued was handed to the socket. Commands stop coming.
    void stop();

private:
    void push(Outgoing item, const char* what);
    void run(Session::Ways ways);

    const LinkSettings settings_;
    const common::Clock& clock_;
    common::Outbox<Outgoing> outbox_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> welcomed_{false};
    std::atomic<std::uint64_t> epoch_{0};
    std::thread thread_;
};

} // namespace hostd::link
