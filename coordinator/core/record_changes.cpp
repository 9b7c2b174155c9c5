#include "coordinator/core/record_changes.hpp"

#include "coordinator/core/pending.hpp"

#include <future>
#include <memory>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<>
RecordChanges::check_room(const Attempt& attempt, std::uint64_t there, std::uint64_t most) const
{
    if (there >= most) {
        return Error{ErrorCode::failed_precondition,
                     attempt.words + ": there are " + std::to_string(there) +
                         " already, which is the most; delete some of those first",
                     "too_many_" + kind_};
    }
    return {};
}

Result<> RecordChanges::check_size(const Attempt& attempt,
                                   common::Bytes size,
                                   common::Bytes most,
                                   const std::string& reason)
{
    if (size > most) {
        return Error{ErrorCode::failed_precondition,
                     attempt.words + ": it would hold " + std::to_string(size.count()) +
                         " bytes, and " + std::to_string(most.count()) + " are the most",
                     reason};
    }
    return {};
}

Result<> RecordChanges::write(const Caller& caller,
                              const Attempt& attempt,
                              const std::string& target,
                              Change row,
                              const Detail& detail)
{
    AuditRow intent{AuditRow::Kind::intent,
                    std::string{attempt.action},
                    caller,
                    common::mint<common::OperationId>(),
                    "",
                    target,
                    "",
                    detail_of(detail)};
    auto outcome = intent;
    outcome.kind = AuditRow::Kind::outcome;
    outcome.result = "ok";
    const auto answer = std::make_shared<std::promise<Result<>>>();
    auto answered = answer->get_future();
    store_.write({std::move(row), std::move(intent), std::move(outcome)},
                 [answer](Result<> result) { answer->set_value(std::move(result)); });
    if (answered.wait_for(bounds_.write_limit) != std::future_status::ready) {
        return not_recorded(attempt.words, {ErrorCode::timeout, "it did not answer"});
    }
    auto written = answered.get();
    if (written || written.error().reason == stale) {
        return written;
    }
    return not_recorded(attempt.words, written.error());
}

Error RecordChanges::busy(const Attempt& attempt, const std::string& why) const
{
    return {ErrorCode::rate_limited, attempt.words + ": " + why, kind_ + "_busy"};
}

} // namespace coordinator
