// From a request to a sandbox on a host, or to nothing.
#include "coordinator/core/imaging.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

std::chrono::milliseconds usable_within(const CreateRequest& request, const CoreSettings& settings)
{
    std::chrono::milliseconds most{0};
    if (request.wait_for_ip) {
        most += settings.ip_timeout + settings.grace;
    }
    if (request.auto_start && !request.ready.command.empty()) {
        most += request.ready.timeout + settings.grace * 2;
    }
    return most;
}

Error not_usable_yet(const common::SandboxId& id)
{
    return {ErrorCode::timeout,
            "create a sandbox: " + id.str() +
                " runs, and what it was to be waited for is not known in time; GET "
                "/v1/sandboxes/" +
                id.str() + " and its commands tell",
            "outcome_unknown"};
}

/// Whoever waits for what is made waits for its host, from when it has one.
std::function<void(const common::SandboxId&)>
waits_there(Callers& callers, const Reply<Sandbox>& reply, const Error& late)
{
    const auto ticket = std::make_shared<Callers::Ticket>();
    reply.when_given([&callers, ticket] { callers.remove(*ticket); });
    return [&callers, reply, ticket, late](const common::SandboxId& id) {
        if (!reply.given()) {
            callers.remove(*ticket);
            *ticket = callers.add(id, [reply, late] { reply(late); });
        }
    };
}

} // namespace

Result<Sandbox> Core::create(const Caller& caller, CreateRequest request)
{
    const bool boots = request.auto_start;
    const auto host_time = boots ? settings_.boot_timeout : settings_.make_timeout;
    const auto patience = host_time + settings_.grace;
    request.room_by = clock_.steady() + host_time; // While its caller is still there to be told.
    // What it waits for once it runs.
    const auto afterwards = usable_within(request, settings_);
    return ask<Sandbox>(
        patience + afterwards + settings_.grace,
        [this, caller, request = std::move(request), boots, afterwards, patience](
            const Reply<Sandbox>& reply) {
            const Error late{ErrorCode::timeout,
                             "create a sandbox: its host has not answered in time; the work goes "
                             "on, look for it with GET /v1/sandboxes",
                             boots ? "boot_timeout" : "outcome_unknown"};
            const auto is_made = std::make_shared<bool>(false);
            const auto too_late =
                loop_->after(patience, [reply, late, is_made] { *is_made ? void() : reply(late); });
            reply.when_given([loop = loop_.get(), too_late] { loop->cancel(too_late); });
            auto asked = request;
            asked.placed = waits_there(callers_, reply, late);
            ++counts_.creates;
            // What stands ready runs, once it is claimed: for those alone who want it to.
            const bool warm = request.auto_start && request.pool != WarmUse::skip;
            const auto from = warm ? MadeFrom::warm : MadeFrom::image;
            const auto begun = clock_.steady();
            begin_create(
                caller,
                asked,
                from,
                [this, caller, request, reply, begun, is_made, afterwards](Result<Sandbox> made) {
                    *is_made = true;
                    counts_.created(made, clock_.steady() - begun);
                    if (made) {
                        give_up(reply, afterwards, not_usable_yet(made->id));
                        await_ready(caller, *made, request, reply);
                    } else {
                        reply(std::move(made));
                    }
                });
        });
}

void Core::begin_create(const Caller& caller,
                        const CreateRequest& request,
                        MadeFrom from,
                        SandboxDone done)
{
    if (request.wait_for_ip && request.network == NetworkMode::none) {
        return done(no_network("create a sandbox"));
    }
    const common::ImageName name{request.source};
    auto image = fleet_.image(name, caller.tenant);
    if (!image) {
        image = registry_->fetchable(name, caller.tenant);
    }
    if (!image) {
        return refuse_unknown_source(caller, request, std::move(done));
    }
    if (request.auto_start && !request.ready.command.empty() && image->agent == "none") {
        return done(
            Error{ErrorCode::failed_precondition,
                  "create a sandbox: ready_command needs an agent that runs it, and image " +
                      name.str() + " has none",
                  "no_agent"});
    }
    if (const auto room = room_for_one_more(); !room) {
        return done(room.error());
    }
    auto drafted = draft(caller, request, *image);
    if (!drafted) {
        return done(std::move(drafted).error());
    }
    if (from == MadeFrom::warm) {
        const auto full = request.placed ? callers_.full() : Callers::Full{};
        if (const auto ready = request.claims_left > 0
                                   ? pooling_->take(*drafted, request.host, full)
                                   : std::nullopt) {
            return pooling_->claim(caller, request, *std::move(drafted), *ready, std::move(done));
        }
        if (request.pool == WarmUse::require) {
            return done(Error{ErrorCode::resource_exhausted,
                              "create a sandbox: no pool has one of this shape ready; GET "
                              "/v1/pools tells what each has, and pool: prefer makes one if there "
                              "is none",
                              "pool_empty",
                              {},
                              pooling_->why_none(*drafted, request.host, full)});
        }
    }
    begin_making(caller, request, *std::move(drafted), *image, from, std::move(done));
}

void Core::begin_making(const Caller& caller,
                        const CreateRequest& request,
                        Sandbox sandbox,
                        const Image& image,
                        MadeFrom from,
                        SandboxDone done)
{
    if (const auto placed = place_for(request, sandbox, image); !placed) {
        const auto again = [this, caller, request, from, done, placed](Pooling::Room room) {
            if (room == Pooling::Room::too_late) {
                return done(placed.error());
            }
            auto next = request;
            --next.makes_room;
            begin_create(caller, next, std::max(from, MadeFrom::source), done);
        };
        const bool full = placed.error().stable_reason() == "no_capacity";
        if (full && request.makes_room > 0 &&
            pooling_->make_room(sandbox, request.host, request.room_by, again)) {
            return;
        }
        const auto fetching =
            full ? registry_->fetch_for(sandbox, image, request.host) : std::optional<Error>{};
        return done(fetching.value_or(placed.error()));
    }
    auto source = from == MadeFrom::image ? std::optional<common::SnapshotId>{}
                                          : pooling_->source_for(sandbox);
    const bool clone = source.has_value();
    CreateOnHost what{sandbox, request.auto_start, settings_.boot_timeout, std::move(source)};
    const auto op = begin_operation(Pending::Kind::create, caller, sandbox, std::move(what));
    op->may_move = !request.host;
    if (clone) {
        op->otherwise = {request, MadeFrom::image};
    }
    op->waiting.push_back(std::move(done));
    make(op, sandbox, detail_of_create(sandbox, request));
    if (request.placed) {
        request.placed(sandbox.id);
    }
}

void Core::make(const Op& op, const Sandbox& sandbox, std::string detail)
{
    put(sandbox);
    save({sandbox, op->row, intent_of(op, std::move(detail))}, [this, op](const Result<>& saved) {
        if (!saved) {
            const auto error = not_recorded("create a sandbox", saved.error());
            if (error.code == ErrorCode::timeout) {
                return undo_create(op, error); // It may be written down.
            }
            retire(op);
            withdraw(op->row.sandbox);
            return tell(op, error);
        }
        op->durable = true;
        auto now = *fleet_.find(op->row.sandbox);
        if (now.desired == Desired::destroyed) {
            return; // The destroy that came in between ends this too.
        }
        if (now.desired == Desired::running && now.phase == Phase::placing) {
            now.phase = Phase::starting;
            put(now);
        }
        dispatch(op);
    });
}

Result<> Core::name_is_free(const Caller& caller, const std::string& name) const
{
    if (const auto* taken = fleet_.named(caller.tenant, name); taken != nullptr) {
        return Error{ErrorCode::already_exists,
                     "create a sandbox: the name " + name + " is taken by " + taken->str(),
                     "name_taken"};
    }
    return {};
}

/// Everything about the new sandbox that can be known before its host is asked.
Result<Sandbox>
Core::draft(const Caller& caller, const CreateRequest& request, const Image& image) const
{
    Sandbox sandbox;
    sandbox.id = common::mint<common::SandboxId>();
    sandbox.job = common::mint<common::JobId>();
    sandbox.tenant = caller.tenant;
    sandbox.agent_id = request.agent_id;
    sandbox.name = request.name.empty() ? sandbox.id.str() : request.name;
    COMMON_CHECK(name_is_free(caller, sandbox.name));
    sandbox.image = image.name;
    sandbox.image_digest = image.digest;
    sandbox.vcpus = request.vcpus.value_or(settings_.vcpus_of(image));
    sandbox.memory = request.memory.value_or(settings_.memory_of(image));
    sandbox.network = request.network;
    sandbox.disk = request.disk;
    sandbox.labels = request.labels;
    sandbox.env = request.env;
    sandbox.files = request.files;
    sandbox.wants = request.wants;
    sandbox.replicas = request.replicas;
    sandbox.ttl = request.ttl;
    sandbox.created_at = clock_.wall();
    sandbox.updated_at = sandbox.created_at;
    if (request.ttl) {
        sandbox.expires_at = sandbox.created_at + *request.ttl;
    }
    sandbox.phase = Phase::placing;
    sandbox.desired = request.auto_start ? Desired::running : Desired::stopped;
    sandbox.generation = 1;
    if (request.host && !fleet_.hosts().contains(*request.host)) {
        return Error{ErrorCode::not_found,
                     "create a sandbox: no host " + request.host->str(),
                     "unknown_host",
                     {{"host", "no host of this name has connected; GET /v1/hosts lists them"}}};
    }
    return sandbox;
}

void Core::finish_create(const Op& op, const HostAnswer& answer)
{
    if (answer.error && answer.undone) {
        auto error = *answer.error;
        if (error.code == ErrorCode::timeout) {
            error.code = ErrorCode::unavailable; // Something there took too long, and is undone.
            error.reason = "host_slow";
        }
        if (op->otherwise) {
            const auto asked = std::exchange(op->waiting, {});
            pooling_->clone_failed(*fleet_.find(op->row.sandbox), error);
            undo_create(op, error);
            return pooling_->begin_otherwise(op, asked, error);
        }
        if (const auto moved = move_elsewhere(op, error); !moved) {
            undo_create(op, moved.error());
        }
        return;
    }
    if (answer.error) {
        return leave_as_it_is(op, *answer.error);
    }
    if (const auto* report = std::get_if<SandboxReport>(&answer.value); report != nullptr) {
        apply(op->host, *report);
        auto sandbox = *fleet_.find(op->row.sandbox);
        sandbox.timings_us = report->timings_us;
        const auto total = clock_.steady() - op->begun;
        sandbox.timings_us["total"] = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(total).count());
        if (const auto hello = report->timings_us.find("agent");
            op->kind == Pending::Kind::create && hello != report->timings_us.end()) {
            const auto start = report->timings_us.find("start");
            counts_.boots.observe(std::chrono::microseconds{
                hello->second + (start == report->timings_us.end() ? 0 : start->second)});
        }
        put(std::move(sandbox));
    }
    unconfirmed_.erase(op->row.sandbox);
    if (op->kind == Pending::Kind::create && op->otherwise) {
        pooling_->clone_worked(*fleet_.find(op->row.sandbox));
    }
    conclude(op, std::nullopt);
}

/// It did not end well, but it may be there: stopped while it booted, or booting for longer
/// than anybody waits. Its host's word tells what it is.
void Core::leave_as_it_is(const Op& op, const Error& error)
{
    if (auto now = *fleet_.find(op->row.sandbox);
        now.generation == op->row.generation && error.code != ErrorCode::timeout) {
        now.error = error.message;
        put(std::move(now));
        link_.request_sync(op->host);
    }
    conclude(op, error);
}

/// A host that undid it has nothing of it: another one may take it. If none does, what the
/// only host said, or what each said.
Result<> Core::move_elsewhere(const Op& op, const Error& error)
{
    const auto* now = fleet_.find(op->row.sandbox);
    const bool hopeful =
        error.code == ErrorCode::resource_exhausted ||
        (error.code == ErrorCode::unavailable && error.stable_reason() != "host_failed") ||
        error.code == ErrorCode::rate_limited || error.code == ErrorCode::failed_precondition;
    if (!op->may_move || !hopeful || now->generation != op->row.generation) {
        return error; // Or something else was asked of it meanwhile.
    }
    const auto image = fleet_.image(now->image, now->tenant);
    op->refused.emplace(op->host, error.message);
    ++counts_.verdicts["refused_by_host"];
    auto moved = *now;
    if (!image || image->digest != now->image_digest) {
        return error;
    }
    if (auto placed = place(moved, *image, std::nullopt, op->refused); !placed) {
        if (auto fetching = registry_->fetch_for(moved, *image, std::nullopt, op->refused)) {
            return *std::move(fetching);
        }
        return fleet_.hosts().size() == 1 ? Result<>{error} : placed;
    }
    put(moved);
    op->host = moved.host;
    op->dispatched = false;
    std::get<CreateOnHost>(op->command.what).sandbox = moved;
    const auto detail = detail_of({{"moved_because", error.message}});
    save({moved, intent_of(op, detail)}, [this, op](const Result<>& saved) {
        if (!pending_.contains(op->row.id)) {
            return; // It was destroyed meanwhile.
        }
        if (!saved) {
            return undo_create(op, not_recorded("create a sandbox", saved.error()));
        }
        dispatch(op);
    });
    return {};
}

void Core::withdraw(const common::SandboxId& id)
{
    if (lifecycle_of(id)) {
        return; // A destroy came in between: it ends this.
    }
    auto closed = *fleet_.find(id);
    closed.phase = Phase::destroyed; // Whoever waits for it to run is told.
    put(std::move(closed));
    fleet_.erase(id);
}

/// Nothing of it is left anywhere; if it was written down, that is closed too.
void Core::undo_create(const Op& op, const Error& error)
{
    auto sandbox = *fleet_.find(op->row.sandbox);
    sandbox.error = error.message;
    mark_destroyed(std::move(sandbox), op, error);
}

} // namespace coordinator
