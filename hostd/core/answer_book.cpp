#include "hostd/core/answer_book.hpp"

namespace hostd {

namespace {

std::uint64_t size_of(const Answer& answer)
{
    constexpr std::uint64_t about_an_answer = 1024;
    const auto* outcome = std::get_if<ExecOutcome>(&answer.value);
    const auto* offer = std::get_if<CheckpointOffer>(&answer.value);
    return about_an_answer + (offer == nullptr ? 0 : offer->manifest.size()) +
           (outcome == nullptr ? 0 : outcome->stdout_bytes.size() + outcome->stderr_bytes.size());
}

/// Whether asking again may give another answer: those are not kept.
bool may_change(const Answer& answer)
{
    if (!answer.error || answer.undone) {
        return false;
    }
    switch (answer.error->code) {
    case common::ErrorCode::timeout:
    case common::ErrorCode::unavailable:
    case common::ErrorCode::rate_limited:
    case common::ErrorCode::resource_exhausted:
    case common::ErrorCode::internal: return true;
    case common::ErrorCode::invalid_argument:
    case common::ErrorCode::permission_denied:
    case common::ErrorCode::not_found:
    case common::ErrorCode::already_exists:
    case common::ErrorCode::failed_precondition:
    case common::ErrorCode::refused:
    case common::ErrorCode::too_large:
    case common::ErrorCode::unimplemented: return false;
    }
    return true;
}

} // namespace

AnswerBook::Seen AnswerBook::begin(const common::OperationId& operation,
                                   const common::RequestId& request)
{
    if (kept_.contains(operation)) {
        return Seen::answered;
    }
    constexpr std::size_t most_joined = 16;
    const auto [entry, fresh] = under_way_.try_emplace(operation);
    if (entry->second.size() < most_joined) {
        entry->second.push_back(request);
    }
    return fresh ? Seen::fresh : Seen::joined;
}

std::vector<Answer> AnswerBook::finish(Answer answer)
{
    std::vector<Answer> answers;
    if (const auto entry = under_way_.find(answer.operation); entry != under_way_.end()) {
        for (const auto& request : entry->second) {
            answers.push_back(answer);
            answers.back().request = request;
        }
        under_way_.erase(entry);
    }
    if (!may_change(answer) && !kept_.contains(answer.operation)) {
        const auto operation = answer.operation;
        const auto bytes = size_of(answer);
        const auto age = oldest_first_.insert(oldest_first_.end(), operation);
        kept_.emplace(operation, Kept{std::move(answer), bytes, age});
        bytes_ += bytes;
        while (kept_.size() > max_count_ || bytes_ > max_bytes_.count()) {
            forget(common::OperationId{oldest_first_.front()});
        }
    }
    return answers;
}

const Answer& AnswerBook::kept(const common::OperationId& operation) const
{
    return kept_.at(operation).answer;
}

void AnswerBook::forget(const common::OperationId& operation)
{
    if (const auto entry = kept_.find(operation); entry != kept_.end()) {
        bytes_ -= entry->second.bytes;
        oldest_first_.erase(entry->second.age);
        kept_.erase(entry);
    }
}

} // namespace hostd
