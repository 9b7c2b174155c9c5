#pragma once

#include "coordinator/store/migrations.hpp"
#include "coordinator/store/pg_store.hpp"

#include <future>
#include <stdexcept>

namespace tests {

using coordinator::AuditRow;
using coordinator::Change;
using coordinator::store::PgStore;

/// NUL, bytes that are no UTF-8, quotes of every language on the way, and good UTF-8.
inline std::string hostile()
{
    using namespace std::string_literals;
    return "a\0b"s + "\xff\xfe\xc0\xaf\xed\xa0\x80" +
           "'; DROP TABLE audit; --\"\\x41\\\\{},NULL$1\n\t" + "\xc3\xa4\xf0\x9f\x90\x8e";
}

inline common::WallTime at(std::int64_t us_more)
{
    return common::from_unix_us(1'790'000'000'123'456 + us_more);
}

inline coordinator::Sandbox a_sandbox()
{
    coordinator::Sandbox box;
    box.id = common::mint<common::SandboxId>();
    box.job = common::mint<common::JobId>();
    box.tenant = "default";
    box.agent_id = "agent-1";
    box.name = box.id.str();
    box.image = common::ImageName{"tiny"};
    box.image_digest = "sha256:00";
    box.host = common::HostName{"h1"};
    box.vcpus = 1;
    box.memory = common::Bytes::mib(256);
    box.created_at = at(0);
    box.updated_at = at(1);
    box.phase = coordinator::Phase::running;
    box.desired = coordinator::Desired::running;
    box.generation = 1;
    return box;
}

inline AuditRow an_audit_row(std::string target = "sbx-aaaaaaaaaaaaaaaa")
{
    return {AuditRow::Kind::intent,
            "sandbox.create",
            {"token:ci", "default", common::mint<common::RequestId>()},
            common::mint<common::OperationId>(),
            "h1",
            std::move(target),
            "",
            "{}"};
}

/// Opened and loaded; throws with the message otherwise.
inline std::unique_ptr<PgStore> open_store(const coordinator::store::StoreSettings& settings)
{
    auto store = PgStore::open(settings);
    if (!store) {
        throw std::runtime_error{store.error().message};
    }
    if (const auto loaded = (*store)->load(); !loaded) {
        throw std::runtime_error{loaded.error().message};
    }
    return *std::move(store);
}

/// What a coordinator that starts now would know; throws with the message otherwise.
inline coordinator::Snapshot load(const coordinator::store::StoreSettings& settings)
{
    auto store = PgStore::open(settings);
    if (!store) {
        throw std::runtime_error{store.error().message};
    }
    auto snapshot = (*store)->load();
    if (!snapshot) {
        throw std::runtime_error{snapshot.error().message};
    }
    return *std::move(snapshot);
}

/// Leaves a new database as the version did whose last migration was this one.
inline void migrate_up_to(std::size_t last, const std::string& owner_url)
{
    const auto info = coordinator::store::ConnInfo::parse(owner_url, "url");
    if (!info) {
        throw std::runtime_error{info.error().message};
    }
    coordinator::store::Watchdog watchdog;
    const std::chrono::seconds bound{30};
    const auto owner =
        coordinator::store::Session::connect(*info, {"test", bound, bound}, watchdog);
    if (!owner) {
        throw std::runtime_error{owner.error().message};
    }
    const auto known = coordinator::store::migrations().first(last);
    if (const auto done = coordinator::store::migrate(**owner, known, bound); !done) {
        throw std::runtime_error{done.error().message};
    }
}

inline common::Result<> in_time(std::future<common::Result<>>& answer)
{
    if (answer.wait_for(std::chrono::seconds{60}) != std::future_status::ready) {
        throw std::runtime_error{"a write was never answered"};
    }
    return answer.get();
}

inline std::future<common::Result<>> start_write(PgStore& store, std::vector<Change> changes)
{
    auto promise = std::make_shared<std::promise<common::Result<>>>();
    auto answer = promise->get_future();
    store.write(std::move(changes),
                [promise](auto result) { promise->set_value(std::move(result)); });
    return answer;
}

inline common::Result<> write(PgStore& store, std::vector<Change> changes)
{
    auto answer = start_write(store, std::move(changes));
    return in_time(answer);
}

/// "ok" or the error's message, for a comparison that shows it.
template <typename T>
std::string told(const common::Result<T>& result)
{
    return result ? "ok" : result.error().message;
}

} // namespace tests
