#include "hostd/core/answer_book.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::OperationId;
using common::RequestId;
using Seen = AnswerBook::Seen;

namespace {

Answer answer_to(const std::string& operation, std::string output = {})
{
    Answer answer;
    answer.operation = OperationId{operation};
    ExecOutcome outcome;
    outcome.stdout_bytes = std::move(output);
    answer.value = outcome;
    return answer;
}

Seen begin(AnswerBook& book, const std::string& operation, const std::string& request = "req")
{
    return book.begin(OperationId{operation}, RequestId{request});
}

} // namespace

BOOST_AUTO_TEST_SUITE(answer_book_tests)

BOOST_AUTO_TEST_CASE(a_repeat_joins_and_each_request_gets_its_answer)
{
    AnswerBook book{8, common::Bytes::mib(1)};
    BOOST_CHECK(begin(book, "op-1", "a") == Seen::fresh);
    BOOST_CHECK(begin(book, "op-1", "b") == Seen::joined);
    const auto answers = book.finish(answer_to("op-1"));
    BOOST_REQUIRE(answers.size() == 2U);
    BOOST_TEST(answers[0].request.str() == "a");
    BOOST_TEST(answers[1].request.str() == "b");
    BOOST_CHECK(begin(book, "op-1") == Seen::answered);
    BOOST_TEST(book.under_way() == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_leaves_the_outcome_unknown_is_not_kept)
{
    AnswerBook book{8, common::Bytes::mib(1)};
    BOOST_CHECK(begin(book, "op-1") == Seen::fresh);
    auto unknown = answer_to("op-1");
    unknown.error = common::Error{common::ErrorCode::timeout, "?"};
    BOOST_TEST(book.finish(unknown).size() == 1U);
    BOOST_CHECK(begin(book, "op-1") == Seen::fresh);
}

BOOST_AUTO_TEST_CASE(the_oldest_answers_go_first_by_count_and_by_bytes)
{
    AnswerBook book{2, common::Bytes::mib(1)};
    for (const auto* operation : {"op-1", "op-2", "op-3"}) {
        static_cast<void>(begin(book, operation));
        static_cast<void>(book.finish(answer_to(operation)));
    }
    BOOST_CHECK(begin(book, "op-1") == Seen::fresh);
    BOOST_CHECK(begin(book, "op-3") == Seen::answered);
    static_cast<void>(begin(book, "op-4"));
    static_cast<void>(book.finish(answer_to("op-4", std::string(2U << 20U, 'x'))));
    BOOST_CHECK(begin(book, "op-3") == Seen::fresh);
    BOOST_CHECK(begin(book, "op-4") == Seen::fresh);
}

BOOST_AUTO_TEST_CASE(what_is_acknowledged_is_forgotten)
{
    AnswerBook book{2, common::Bytes::mib(1)};
    static_cast<void>(begin(book, "op-1"));
    static_cast<void>(book.finish(answer_to("op-1")));
    book.forget(OperationId{"op-1"});
    book.forget(OperationId{"op-1"});
    BOOST_CHECK(begin(book, "op-1") == Seen::fresh);
}

BOOST_AUTO_TEST_SUITE_END()
