#include "hostd/simulated/simulation.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <future>

namespace hostd::simulated {

namespace {

constexpr std::size_t questions_at_once = 64;

std::string_view name_of(Deed deed) noexcept
{
    switch (deed) {
    case Deed::hang: return "hang";
    case Deed::cut: return "cut";
    case Deed::die: return "die";
    case Deed::go_on: break;
    }
    return "";
}

} // namespace

std::optional<Deed> deed_from(std::string_view text) noexcept
{
    for (const auto deed : {Deed::hang, Deed::cut, Deed::die}) {
        if (text == name_of(deed)) {
            return deed;
        }
    }
    return text == "return" ? std::optional{Deed::go_on} : std::nullopt;
}

/// A host and its way to the coordinator.
struct Shard::Simulated final : Uplink {
    link::LinkBundle& links;
    link::LinkBundle::Member member = 0;
    Deed trouble = Deed::go_on;
    Host host;

    Simulated(link::LinkBundle& bundle,
              const Member& who,
              std::size_t number,
              const Shape& shape,
              const Behaviour& ways,
              const common::Clock& clock,
              Timers& timers,
              Dice& dice)
        : links{bundle}, host{who.name, number, shape, ways, {*this, clock, timers, dice}}
    {
        member = links.add(who.keys,
                           {[this](Command command) { host.take(std::move(command)); },
                            [this] { return host.report(); }});
    }

    void answer(Answer answer) override { links.push(member, std::move(answer)); }
    void status(SandboxStatus status) override { links.push(member, std::move(status)); }
    void inventory(std::vector<SandboxStatus> all, std::vector<Checkpoint> checkpoints) override
    {
        links.push(member, link::Everything{std::move(all), std::move(checkpoints)});
    }
    void activity(std::vector<common::SandboxId> active) override
    {
        links.push(member, link::Active{std::move(active)});
    }
    void reader_news(ReaderNews news) override { links.push(member, std::move(news)); }
    void want_piece(PieceWish wish) override { links.push(member, std::move(wish)); }
    void give_piece(Piece piece) override { links.push(member, std::move(piece)); }
};

Shard::Shard(const link::LinkSettings& settings,
             const common::Clock& clock,
             const Shape& shape,
             const Behaviour& ways,
             const Trouble& trouble,
             std::vector<Member> members,
             std::uint64_t seed)
    : clock_{clock},
      shape_{shape},
      ways_{ways},
      trouble_{trouble},
      timers_{clock},
      dice_{seed},
      links_{settings, clock, members.size()},
      questions_{questions_at_once}
{
    for (const auto& member : members) {
        hosts_.push_back(std::make_unique<Simulated>(
            links_, member, hosts_.size(), shape_, ways_, clock_, timers_, dice_));
    }
}

Shard::~Shard()
{
    stop();
}

void Shard::start(std::chrono::milliseconds stagger)
{
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
        links_.connect(hosts_[i]->member, stagger * i / hosts_.size());
    }
    thread_ = std::thread{[this] { run(); }};
}

void Shard::stop()
{
    stopping_ = true;
    links_.wake();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Shard::run()
{
    troubles();
    while (!stopping_) {
        const auto next = timers_.run_due();
        for (const auto& question : questions_.drain()) {
            question();
        }
        links_.turn(next);
    }
}

template <typename Value>
Value Shard::ask(std::function<Value()> question)
{
    if (!thread_.joinable()) {
        return question();
    }
    std::promise<Value> answer;
    auto comes = answer.get_future();
    while (!questions_.push([&] { answer.set_value(question()); })) {
        std::this_thread::yield(); // Nobody asks so much at once.
    }
    links_.wake();
    return comes.get();
}

Shard::Summary Shard::summary()
{
    return ask<Summary>([this] {
        Summary sum;
        sum.hosts = hosts_.size();
        sum.welcomed = links_.welcomed();
        for (const auto& one : hosts_) {
            sum.in_trouble += one->trouble == Deed::go_on ? 0 : 1;
            sum.sandboxes += one->host.sandboxes();
            sum.counts += one->host.counts();
        }
        return sum;
    });
}

std::vector<HostView> Shard::view()
{
    return ask<std::vector<HostView>>([this] {
        std::vector<HostView> all;
        for (const auto& one : hosts_) {
            HostView view{one->host.name(),
                          std::string{name_of(one->trouble)},
                          links_.is_welcomed(one->member),
                          one->host.counts(),
                          one->host.committed(),
                          {}};
            for (const auto& status : one->host.all()) {
                view.sandboxes.emplace_back(status.spec.id.str(), to_string(status.phase));
            }
            all.push_back(std::move(view));
        }
        return all;
    });
}

std::size_t Shard::do_to(const std::string& glob, Deed deed)
{
    return ask<std::size_t>([this, &glob, deed] {
        std::size_t count = 0;
        for (const auto& one : hosts_) {
            if (::fnmatch(glob.c_str(), one->host.name().c_str(), 0) == 0) {
                act(*one, deed);
                ++count;
            }
        }
        return count;
    });
}

void Shard::act(Simulated& one, Deed deed)
{
    if (one.trouble == deed) {
        return;
    }
    if (one.trouble == Deed::hang) {
        links_.go_on(one.member);
        one.host.go_on();
    }
    one.trouble = deed;
    switch (deed) {
    case Deed::hang:
        links_.hang(one.member);
        one.host.hang();
        return;
    case Deed::cut: return links_.cut(one.member);
    case Deed::die: links_.restart(one.member); return one.host.power_cut();
    case Deed::go_on: return links_.connect(one.member);
    }
}

void Shard::troubles()
{
    next_trouble(trouble_.hangs_every, trouble_.hangs_for, Deed::hang);
    next_trouble(trouble_.dies_every, trouble_.dies_for, Deed::die);
}

void Shard::next_trouble(std::chrono::milliseconds every,
                         std::chrono::milliseconds lasts,
                         Deed deed)
{
    if (every.count() == 0 || hosts_.empty()) {
        return;
    }
    timers_.after(dice_.in({every / 2, every * 3 / 2}), [this, every, lasts, deed] {
        auto& one = *hosts_[dice_.below(hosts_.size())];
        if (one.trouble == Deed::go_on) {
            act(one, deed);
            timers_.after(lasts, [this, &one, deed] {
                if (one.trouble == deed) {
                    act(one, Deed::go_on);
                }
            });
        }
        next_trouble(every, lasts, deed);
    });
}

} // namespace hostd::simulated
