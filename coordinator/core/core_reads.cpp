// Questions that change nothing.
#include "coordinator/core/draining.hpp"
#include "coordinator/core/evacuating.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"
#include "coordinator/core/replicating.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <span>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds read_limit{10'000};
constexpr std::size_t most_left_told = 100;

/// An operator is to know of all that is left on a host, but not which sandbox of another tenant.
Host as_seen_by(const Caller& caller, Host host)
{
    std::erase_if(host.facts.images,
                  [&caller](const Image& image) { return !is_visible(image, caller.tenant); });
    const auto shorten = [&caller](std::vector<DrainProgress::Left>& left) {
        std::erase_if(left, [&caller](const auto& one) { return one.tenant != caller.tenant; });
        left.resize(std::min(left.size(), most_left_told));
    };
    if (host.drain) {
        shorten(host.drain->left);
    }
    if (host.evacuation) {
        shorten(host.evacuation->left);
    }
    return host;
}

bool matches(const Sandbox& sandbox, const Caller& caller, const ListFilter& filter)
{
    const auto is = [](const std::optional<std::string>& wanted, const std::string& value) {
        return !wanted || *wanted == value;
    };
    const auto state = state_of(sandbox.phase);
    const bool in_state = filter.state ? *filter.state == state : state != State::destroyed;
    return in_state && sandbox.tenant == caller.tenant && is(filter.agent_id, sandbox.agent_id) &&
           is(filter.job_id, sandbox.job.str()) && is(filter.base_image, sandbox.image.str()) &&
           is(filter.name, sandbox.name) && is(filter.host, sandbox.host.str()) &&
           std::ranges::all_of(filter.labels, [&sandbox](const auto& label) {
               const auto found = sandbox.labels.find(label.first);
               return found != sandbox.labels.end() && found->second == label.second;
           });
}

} // namespace

Result<Sandbox> Core::get(const Caller& caller, const common::SandboxId& id)
{
    return ask<Sandbox>(read_limit, [this, caller, id](const Reply<Sandbox>& reply) {
        const auto* sandbox = fleet_.find(id);
        if (sandbox == nullptr || sandbox->tenant != caller.tenant) {
            return reply(Error{ErrorCode::not_found, "no sandbox " + id.str()});
        }
        reply(*sandbox);
    });
}

Result<SandboxPage> Core::list(const Caller& caller, const ListFilter& filter)
{
    return ask<SandboxPage>(read_limit, [this, caller, filter](const Reply<SandboxPage>& reply) {
        std::vector<const Sandbox*> found;
        for (const auto& [id, sandbox] : fleet_.sandboxes()) {
            if (matches(sandbox, caller, filter)) {
                found.push_back(&sandbox);
            }
        }
        std::ranges::sort(found, [](const Sandbox* a, const Sandbox* b) {
            // As a Position has it.
            const auto newer = common::to_unix_us(a->created_at);
            const auto older = common::to_unix_us(b->created_at);
            return std::tie(older, b->id) < std::tie(newer, a->id);
        });
        SandboxPage page;
        page.total = found.size();
        const auto part = part_of(found, filter.page, Sorted::descending, [](const Sandbox* box) {
            return Position{common::to_unix_us(box->created_at), box->id.str()};
        });
        page.next = part.next;
        page.sandboxes.reserve(part.end - part.begin);
        for (const auto* sandbox : std::span{found}.subspan(part.begin, part.end - part.begin)) {
            page.sandboxes.push_back(*sandbox);
        }
        reply(std::move(page));
    });
}

Result<CommandPage> Core::commands(const Caller& caller, const common::SandboxId& id, Page page)
{
    COMMON_CHECK(get(caller, id));
    return store_.commands_of(id, page);
}

/// The address, or the sandbox without one if it takes too long: it exists all the same.
void Core::await_ip(const common::SandboxId& id, const Reply<Sandbox>& reply)
{
    loop_->after(settings_.ip_timeout, [this, id, reply] {
        if (const auto* sandbox = fleet_.find(id); sandbox != nullptr && !reply.given()) {
            reply(*sandbox);
        }
    });
    when(
        id,
        [](const Sandbox& sandbox) {
            return !sandbox.ip.empty() || sandbox.network == NetworkMode::none ||
                   state_of(sandbox.phase) != State::running;
        },
        reply);
}

Result<std::string> Core::ip(const Caller& caller, const common::SandboxId& id)
{
    return ask<std::string>(
        settings_.ip_timeout + settings_.grace,
        [this, caller, id](const Reply<std::string>& reply) {
            const auto found = living(caller, id);
            if (!found) {
                return reply(found.error());
            }
            const auto& sandbox = **found;
            const auto attempt = "find the address of sandbox " + id.str() + ": ";
            if (sandbox.network == NetworkMode::none) {
                return reply(no_network("find the address of sandbox " + id.str()));
            }
            const auto on = [](const Sandbox& now) {
                return state_of(now.phase) == State::running ||
                       state_of(now.phase) == State::starting;
            };
            if (!on(sandbox)) {
                return reply(Error{ErrorCode::failed_precondition,
                                   attempt + "it is " + std::string{to_string(sandbox.phase)},
                                   "wrong_state"});
            }
            const Error late{ErrorCode::timeout, attempt + "it has taken none yet", "ip_timeout"};
            if (!wait_for_host(reply, caller, id, settings_.ip_timeout, late)) {
                return;
            }
            when(
                id,
                [on](const Sandbox& now) { return !now.ip.empty() || !on(now); },
                [reply, attempt](const Sandbox& now) {
                    if (now.ip.empty()) {
                        return reply(Error{ErrorCode::failed_precondition,
                                           attempt + "it is " + std::string{to_string(now.phase)},
                                           "wrong_state"});
                    }
                    reply(now.ip);
                });
        });
}

Result<std::vector<Host>> Core::hosts(const Caller& caller)
{
    return ask<std::vector<Host>>(read_limit,
                                  [this, caller](const Reply<std::vector<Host>>& reply) {
                                      std::vector<Host> hosts;
                                      for (const auto& [name, known] : fleet_.hosts()) {
                                          auto host = fleet_.with_usage(known);
                                          host.drain = draining_->progress(host);
                                          host.evacuation = evacuating_->progress(host);
                                          hosts.push_back(as_seen_by(caller, std::move(host)));
                                      }
                                      reply(std::move(hosts));
                                  });
}

Result<Host> Core::host(const Caller& caller, const common::HostName& name)
{
    return ask<Host>(read_limit, [this, caller, name](const Reply<Host>& reply) {
        const auto* known = fleet_.host(name);
        if (known == nullptr) {
            return reply(Error{ErrorCode::not_found, "no host " + name.str()});
        }
        auto host = fleet_.with_usage(*known);
        host.drain = draining_->progress(host);
        host.evacuation = evacuating_->progress(host);
        reply(as_seen_by(caller, std::move(host)));
    });
}

Result<ReplicaSet> Core::replicas(const Caller& caller, const common::SandboxId& id)
{
    return ask<ReplicaSet>(read_limit, [this, caller, id](const Reply<ReplicaSet>& reply) {
        const auto found = living(caller, id);
        reply(found ? Result<ReplicaSet>{replicating_->told(**found)} : found.error());
    });
}

Result<std::vector<Image>> Core::images(const Caller& caller)
{
    return ask<std::vector<Image>>(read_limit,
                                   [this, caller](const Reply<std::vector<Image>>& reply) {
                                       auto images = fleet_.images(caller.tenant);
                                       registry_->complete(images, caller.tenant);
                                       reply(std::move(images));
                                   });
}

Result<Image> Core::image(const Caller& caller, const common::ImageName& name)
{
    return ask<Image>(read_limit, [this, caller, name](const Reply<Image>& reply) {
        auto image = registry_->complete(fleet_.image(name, caller.tenant), name, caller.tenant);
        if (!image) {
            return reply(Error{ErrorCode::not_found, "no host has an image " + name.str()});
        }
        reply(*std::move(image));
    });
}

namespace {

/// Lists that come in from all hosts, until the last one or the deadline.
struct Gathering {
    VmListing listing;
    std::map<common::HostName, std::string> waiting; ///< And their addresses.
    std::function<void(VmListing)> done;

    void finish_if_complete()
    {
        if (waiting.empty() && done) {
            std::exchange(done, nullptr)(std::move(listing));
        }
    }
};

} // namespace

void Core::begin_vms(const Caller& caller, std::function<void(VmListing)> done)
{
    const auto gathering = std::make_shared<Gathering>();
    gathering->done = std::move(done);
    std::vector<Op> asked;
    for (const auto& [name, known] : fleet_.hosts()) {
        const auto& hostname = known.host.facts.hostname;
        if (known.host.health == HostHealth::lost) {
            gathering->listing.host_errors.push_back({name, hostname, "it is not connected"});
            continue;
        }
        Sandbox nobody;
        nobody.host = name;
        const auto op = begin_operation(Pending::Kind::list_vms, caller, nobody, ListVmsOnHost{});
        op->listed = [gathering, name = name](Result<std::vector<ForeignVm>> vms) {
            const auto entry = gathering->waiting.find(name);
            if (entry == gathering->waiting.end()) {
                return;
            }
            const auto address = entry->second;
            gathering->waiting.erase(entry);
            if (vms) {
                for (auto& vm : *vms) {
                    vm.host = name;
                    vm.host_address = address;
                    gathering->listing.vms.push_back(std::move(vm));
                }
            } else {
                gathering->listing.host_errors.push_back({name, address, vms.error().message});
            }
            gathering->finish_if_complete();
        };
        gathering->waiting.emplace(name, hostname);
        asked.push_back(op);
    }
    for (const auto& op : asked) {
        op->sent = clock_.steady();
        if (auto sent = link_.send(op->host, op->command); !sent) {
            retire(op);
            op->listed(std::move(sent).error());
        }
    }
    loop_->after(settings_.vms_timeout, [this, asked] {
        for (const auto& op : asked) {
            retire(op);
            op->listed(Error{ErrorCode::timeout, "it did not answer in time"});
        }
    });
    gathering->finish_if_complete();
}

Result<std::vector<PoolState>> Core::pools(const Caller& caller)
{
    return ask<std::vector<PoolState>>(read_limit,
                                       [this, caller](const Reply<std::vector<PoolState>>& reply) {
                                           reply(pooling_->states(caller.tenant));
                                       });
}

Result<PoolState> Core::pool(const Caller& caller, const std::string& name)
{
    return ask<PoolState>(read_limit, [this, caller, name](const Reply<PoolState>& reply) {
        reply(pooling_->state(name, caller.tenant));
    });
}

Result<VmListing> Core::vms(const Caller& caller)
{
    return ask<VmListing>(
        settings_.vms_timeout + settings_.grace, [this, caller](const Reply<VmListing>& reply) {
            if (const auto may = callers_.may_wait_for_all(); !may) {
                return reply(may.error());
            }
            const auto ticket = callers_.add({}, [] {}); // None of them is waited for alone.
            reply.when_given([this, ticket] { callers_.remove(ticket); });
            begin_vms(caller, [reply](VmListing listing) { reply(std::move(listing)); });
        });
}

Result<Reading>
Core::reading(const Caller& caller, const common::SandboxId& id, std::uint32_t console_bytes)
{
    const auto begin = [this, caller, id, console_bytes](const Reply<Reading>& reply) {
        const auto* sandbox = fleet_.find(id);
        if (sandbox == nullptr || sandbox->tenant != caller.tenant) {
            return reply(Error{ErrorCode::not_found, "no sandbox " + id.str()});
        }
        if (sandbox->host.empty() || sandbox->phase == Phase::destroyed) {
            return reply(Reading{});
        }
        const Error late{ErrorCode::unavailable,
                         "host " + sandbox->host.str() + " did not answer in time",
                         "host_unreachable"};
        if (!wait_for_host(reply, caller, id, settings_.vms_timeout, late)) {
            return;
        }
        Sandbox nobody; // It is asked about, whatever else is done with it.
        // While it is on its way, what it was made of where it came from.
        nobody.host = sandbox->left_host.empty() || sandbox->moving_to.empty() ? sandbox->host
                                                                               : sandbox->left_host;
        const auto op =
            begin_operation(Pending::Kind::read, caller, nobody, ReadOnHost{id, console_bytes});
        op->read = reply;
        op->sent = clock_.steady();
        if (auto sent = link_.send(op->host, op->command); !sent) {
            retire(op);
            return reply(std::move(sent).error());
        }
        reply.when_given([this, op] { retire(op); });
    };
    return ask<Reading>(settings_.vms_timeout + settings_.grace, begin);
}

Health Core::health()
{
    Health health;
    const auto database = store_.check();
    health.components.push_back(
        {"database", static_cast<bool>(database), database ? "" : database.error().message});
    const auto lease = store_.lease();
    health.components.push_back(
        {"lease", static_cast<bool>(lease), lease ? "" : lease.error().message});
    const auto ready = ask<unsigned>(read_limit, [this](const Reply<unsigned>& reply) {
        reply(static_cast<unsigned>(std::ranges::count_if(fleet_.hosts(), [](const auto& entry) {
            const auto& host = entry.second.host;
            return host.health == HostHealth::ready && !host.warming;
        })));
    });
    health.components.push_back({"core", static_cast<bool>(ready), ""});
    health.components.push_back(
        {"hosts", ready && *ready > 0, fmt::format("{} ready", ready ? *ready : 0)});
    health.epoch = store_.epoch();
    health.ready = std::ranges::all_of(health.components, &Health::Component::ready);
    return health;
}

} // namespace coordinator
