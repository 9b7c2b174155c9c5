#pragma once

#include "hostd/core/uplink.hpp"

#include <list>
#include <map>

namespace hostd {

/// Which operations are under way and how the latest ones ended, so that a command
/// that is sent twice is carried out once. One thread; bounded in count and bytes.
/// An answer that leaves the outcome unknown is not kept: asking again may find out. A
/// create that was undone is: sent again, it must not be carried out where it was refused.
class AnswerBook {
public:
    AnswerBook(std::size_t count, common::Bytes bytes) : max_count_{count}, max_bytes_{bytes} {}

    enum class Seen {
        fresh,    ///< Under way from now on: carry it out.
        joined,   ///< Under way already: finish() will name this request too.
        answered, ///< kept() has the answer.
    };
    Seen begin(const common::OperationId& operation, const common::RequestId& request);

    /// The answers to send, one for each request that asked for the operation.
    std::vector<Answer> finish(Answer answer);

    [[nodiscard]] const Answer& kept(const common::OperationId& operation) const;
    void forget(const common::OperationId& operation);
    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_.size(); }

private:
    struct Kept {
        Answer answer;
        std::uint64_t bytes;
        std::list<common::OperationId>::iterator age;
    };
    std::size_t max_count_;
    common::Bytes max_bytes_;
    std::uint64_t bytes_ = 0;
    std::map<common::OperationId, std::vector<common::RequestId>> under_way_;
    std::map<common::OperationId, Kept> kept_;
    std::list<common::OperationId> oldest_first_;
};

} // namespace hostd
