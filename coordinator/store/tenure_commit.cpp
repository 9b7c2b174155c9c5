#include "coordinator/store/row_batch.hpp"
#include "coordinator/store/row_writing.hpp"
#include "coordinator/store/tenure.hpp"
#include "coordinator/store/text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator::store {

Tenure::Outcome Tenure::commit(std::span<const Call> batch)
{
    landed_.reset();
    auto head = head_;
    last_us_ = std::max(last_us_, common::to_unix_us(std::chrono::system_clock::now()));
    std::vector<ChainedRow> audit;
    for (const auto& call : batch) {
        for (const auto& change : call.changes) {
            if (const auto* row = std::get_if<AuditRow>(&change)) {
                audit.push_back(chain_audit(*row, last_us_, head));
            }
        }
    }
    doubt_ = Doubt{batch_ + 1, head};
    auto outcome = run(batch, audit);
    if (outcome.end == End::in_doubt) {
        session_.reset(); // Whatever it may still say: ensure() asks the database.
        return outcome;
    }
    if (outcome.end == End::committed) {
        batch_ = doubt_->batch;
        head_ = doubt_->head;
    }
    doubt_.reset();
    return outcome;
}

Tenure::Outcome Tenure::run(std::span<const Call> batch, std::span<const ChainedRow> audit)
{
    bool commit_sent = false;
    bool deposed = false;
    try {
        const Watchdog::Guard guard{
            watchdog_, session_->connection().sock(), settings_.statement_timeout};
        pqxx::nontransaction sql{session_->connection()};
        const auto fenced = sql.exec(fmt::format(
            "BEGIN; UPDATE leader SET batch = {}, audit_seq = {}, audit_hash = '{}' WHERE epoch = "
            "{} AND deposed_at IS NULL",
            doubt_->batch,
            doubt_->head.seq,
            bytea_text({reinterpret_cast<const char*>(doubt_->head.hash.data()),
                        doubt_->head.hash.size()}),
            epoch_));
        deposed = fenced.affected_rows() != 1;
        if (!deposed) {
            RowBatch rows;
            for (const auto& call : batch) {
                for (const auto& change : call.changes) {
                    std::visit(
                        [&](const auto& row) {
                            if constexpr (requires { rows.add(row); }) {
                                rows.add(row);
                            } else if constexpr (!std::is_same_v<decltype(row), const AuditRow&>) {
                                write_row(sql, row);
                            }
                        },
                        change);
                }
            }
            rows.write(sql);
            append_audit(sql, audit);
            commit_sent = true;
            sql.exec("COMMIT");
            return {};
        }
    } catch (const StaleRow& stale) {
        if (!roll_back()) {
            session_.reset();
        }
        return {End::refused, {common::ErrorCode::already_exists, stale.what(), "stale"}};
    } catch (...) {
        const auto failure = session_->current_failure();
        Outcome outcome{End::refused, Session::to_error(failure, "write")};
        using Kind = Failure::Kind;
        if (failure.kind == Kind::lost) {
            outcome.end = commit_sent ? End::in_doubt : End::not_written;
        } else if (failure.kind == Kind::again ||
                   (failure.kind == Kind::slow && batch.size() == 1)) {
            outcome.end = End::not_written;
        } else if (failure.kind == Kind::data) {
            outcome.why.code = common::ErrorCode::invalid_argument;
        }
        if (failure.kind == Kind::lost || !roll_back()) {
            session_.reset();
        }
        return outcome;
    }
    return {End::refused, never_again("another coordinator has become the leader")};
}

bool Tenure::roll_back()
{
    return session_
        ->run(settings_.statement_timeout, "roll back", [](auto& sql) { sql.exec("ROLLBACK"); })
        .has_value();
}

} // namespace coordinator::store
