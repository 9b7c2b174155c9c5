#pragma once

#include "common/result.hpp"
#include "proto/guest_calls.hpp"

#include <span>
#include <string>
#include <string_view>

// What guests say, made fit to be repeated: they are hostile.
namespace coordinator::guest {

/// To people and to logs: one line of text.
std::string shown(std::string text);
/// Of small letters and '_', as all words that we made.
bool is_word(std::string_view text);

/// A guest's refusal, with a reason of `reasons` or none: others are the platform's own words,
/// which choose statuses. What is not found is `not_found_reason` unless `reasons` has another.
common::Error refusal_of(proto::CallError said,
                         std::span<const std::string_view> reasons,
                         std::string_view not_found_reason);

/// Once a change may have been done, a cut says nothing about it: `timeout`, outcome_unknown.
common::Error after_begin_of_change(common::Error error);

/// Of an answer that is none.
common::Error makes_no_sense(const common::Error& why);

} // namespace coordinator::guest
