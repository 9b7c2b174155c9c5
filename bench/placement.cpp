// Creates and destroys through the core and its scheduler, with hosts that answer at once and a
// store that keeps nothing: what placing costs, without PostgreSQL, ZeroMQ and guests.
//   placement-run HOSTS CREATES CALLERS
// Prints one JSON object. A host that was ever given more than it has is counted in `oversold`, by
// the hosts' own count and not the coordinator's.

#include "common/clock.hpp"
#include "common/log/log.hpp"
#include "coordinator/core/core.hpp"
#include "tests/support/fake_blobs.hpp"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <thread>

namespace {

using namespace coordinator;
using Clock = std::chrono::steady_clock;

constexpr unsigned room = 64; ///< Sandboxes that a host has room for.
constexpr auto memory = common::Bytes::mib(256);
constexpr auto overhead = common::Bytes::mib(64);

/// Commits at once, and has nothing when asked.
class Nothing final : public Store {
public:
    common::Result<Snapshot> load() override { return Snapshot{}; }
    void write(std::vector<Change>, Committed done) override { done({}); }
    common::Result<CommandPage> commands_of(const common::SandboxId&, Page) override
    {
        return CommandPage{};
    }
    common::Result<std::optional<Command>> command(const common::SandboxId&,
                                                   const common::CommandId&) override
    {
        return std::optional<Command>{};
    }
    common::Result<PlaybookPage> playbooks_of(const std::string&, Page) override
    {
        return PlaybookPage{};
    }
    common::Result<std::optional<Playbook>> playbook(const std::string&,
                                                     const std::string&) override
    {
        return std::optional<Playbook>{};
    }
    common::Result<PlanPage> plans_of(const std::string&, Page) override { return PlanPage{}; }
    common::Result<std::optional<Plan>> plan(const std::string&, const common::PlanId&) override
    {
        return std::optional<Plan>{};
    }
    common::Result<TemplatePage> templates_of(const std::string&, Page) override
    {
        return TemplatePage{};
    }
    common::Result<std::optional<Template>> find_template(const std::string&,
                                                          const std::string&) override
    {
        return std::optional<Template>{};
    }
    common::Result<> check() override { return {}; }
    common::Result<> lease() override { return {}; }
    common::Result<std::vector<AuditEvent>> audit_after(std::uint64_t, std::uint32_t) override
    {
        return std::vector<AuditEvent>{};
    }
    common::Result<std::uint64_t> audit_head() override { return std::uint64_t{0}; }
    common::Result<AuditPage> audit_page(const AuditQuery&) override { return AuditPage{}; }
    common::Result<AuditCounts> audit_counts(const AuditSpan&) override { return AuditCounts{}; }
    common::Result<AuditCheck> check_audit(const std::function<bool()>&) override
    {
        return AuditCheck{};
    }
};

/// Hosts that do at once what they are told, and count what they hold.
class Hosts final : public HostLink {
public:
    void observe(Observer observer) override { observer_ = std::move(observer); }
    common::Result<> send(const common::HostName& host, HostCommand command) override
    {
        SandboxReport report;
        report.generation = command.generation;
        if (const auto* create = std::get_if<CreateOnHost>(&command.what)) {
            report.id = create->sandbox.id;
            report.phase = Phase::running;
            report.ip = "10.0.0.2";
            const std::scoped_lock lock{mutex_};
            if (++held_[host] > room) {
                ++oversold;
            }
        } else if (const auto* destroy = std::get_if<DestroyOnHost>(&command.what)) {
            report.id = destroy->id;
            report.phase = Phase::destroyed;
            const std::scoped_lock lock{mutex_};
            --held_[host];
        } else {
            return {};
        }
        observer_(HostAnswer{host, command.operation, std::nullopt, std::move(report)});
        return {};
    }
    void acknowledge(const common::HostName&, const std::string&, std::uint64_t) override {}
    void request_sync(const common::HostName&) override {}
    [[nodiscard]] std::size_t waiting() const override { return 0; }
    void say(HostEvent event) { observer_(std::move(event)); }

    std::uint64_t oversold = 0;

private:
    std::mutex mutex_;
    std::map<common::HostName, unsigned> held_;
    Observer observer_;
};

HostFacts facts_of_one()
{
    HostFacts facts;
    facts.cores = 16;
    facts.capacity_vcpus = room;
    facts.overhead = overhead;
    for (unsigned i = 0; i < room; ++i) {
        facts.capacity_memory += memory + overhead;
    }
    facts.memory = facts.memory_available = facts.capacity_memory;
    Image image;
    image.name = common::ImageName{"tiny"};
    image.digest = "d1";
    image.default_vcpus = 1;
    image.default_memory = memory;
    facts.images = {image};
    return facts;
}

CreateRequest wanted()
{
    CreateRequest request;
    request.source = "tiny";
    request.agent_id = "bench";
    request.auto_start = true;
    return request;
}

/// One caller: creates its share, and keeps no more than `kept` of them. ms of each create.
std::vector<double> create(Core& core, std::size_t creates, std::size_t kept, std::uint64_t& failed)
{
    const Caller me{"token:bench", "bench", common::mint<common::RequestId>()};
    std::vector<double> took;
    std::deque<common::SandboxId> mine;
    for (std::size_t i = 0; i < creates; ++i) {
        if (mine.size() >= kept) {
            static_cast<void>(core.destroy(me, mine.front()));
            mine.pop_front();
        }
        const auto begun = Clock::now();
        auto made = core.create(me, wanted());
        took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
        made ? mine.push_back(made->id) : void(++failed);
    }
    return took;
}

struct Scrape {
    double core_ms; ///< Of the core thread's time.
    double all_ms;
    std::size_t bytes;
};

/// The middle one of a few: what monitoring costs the fleet as it is now.
Scrape scrape(Core& core)
{
    constexpr std::size_t rounds = 21;
    constexpr std::string_view word = "\npaddock_core_scrape_seconds ";
    std::vector<Scrape> all;
    for (std::size_t i = 0; i < rounds; ++i) {
        const auto begun = Clock::now();
        const auto page = core.metrics();
        const std::chrono::duration<double, std::milli> took = Clock::now() - begun;
        const auto at = page.find(word);
        all.push_back({std::strtod(page.c_str() + at + word.size(), nullptr) * 1e3,
                       took.count(),
                       page.size()});
    }
    std::ranges::sort(all, {}, &Scrape::core_ms);
    return all[rounds / 2];
}

double cpu_seconds()
{
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    constexpr double us = 1e6;
    return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / us;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 4) {
        std::fputs("usage: placement-run HOSTS CREATES CALLERS\n", stderr);
        return 2;
    }
    const auto hosts = std::strtoul(argv[1], nullptr, 10);
    const auto creates = std::strtoul(argv[2], nullptr, 10);
    const auto callers = std::strtoul(argv[3], nullptr, 10);
    static_cast<void>(common::log::init("warn", "text"));
    Nothing store;
    Hosts link;
    test_support::FakeBlobs blobs;
    const common::SystemClock clock;
    CoreSettings settings;
    settings.suspect_after = settings.lost_after = std::chrono::hours{1};
    Core core{store, link, blobs, clock, settings};
    if (!core.start()) {
        return 1;
    }
    for (unsigned long i = 0; i < hosts; ++i) {
        const common::HostName name{"host-" + std::to_string(i)};
        link.say(HostConnected{name, "1", facts_of_one()});
        link.say(HostInventory{name, {}, {}});
    }
    // Half of all there is room for, at most.
    const auto kept = std::max<std::size_t>(1, hosts * room / 2 / callers);
    std::vector<std::vector<double>> took(callers);
    std::vector<std::uint64_t> failed(callers);
    const auto begun = Clock::now();
    const auto cpu = cpu_seconds();
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < callers; ++i) {
            threads.emplace_back(
                [&, i] { took[i] = create(core, creates / callers, kept, failed[i]); });
        }
    }
    const std::chrono::duration<double> wall = Clock::now() - begun;
    const auto used = cpu_seconds() - cpu;
    const auto scraped = scrape(core);
    core.stop();
    std::vector<double> all;
    std::uint64_t refused = 0;
    for (std::size_t i = 0; i < callers; ++i) {
        all.insert(all.end(), took[i].begin(), took[i].end());
        refused += failed[i];
    }
    std::ranges::sort(all);
    const auto quantile = [&all](double share) {
        return all.at(static_cast<std::size_t>(share * static_cast<double>(all.size() - 1)));
    };
    const nlohmann::json told{{"hosts", hosts},
                              {"placements", all.size()},
                              {"placements_per_s", static_cast<double>(all.size()) / wall.count()},
                              {"p50_ms", quantile(0.5)},
                              {"p99_ms", quantile(0.99)},
                              {"cpu_us", used / static_cast<double>(all.size()) * 1e6},
                              {"scrape_core_ms", scraped.core_ms},
                              {"scrape_ms", scraped.all_ms},
                              {"scrape_bytes", scraped.bytes},
                              {"oversold", link.oversold},
                              {"failed", refused}};
    std::puts(told.dump().c_str());
    return refused == 0 && link.oversold == 0 ? 0 : 1;
}
