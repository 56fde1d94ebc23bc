#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"

namespace meshplay::inventory {

/// One entry of a conditions column; the form is described in inventory.h.
struct Condition {
  std::string type;
  std::string status;  ///< "True", "False" or "Unknown"
  std::string reason;
  std::string message;
  std::string last_transition_time;
};

std::string Rfc3339(UnixMs time);  ///< UTC with milliseconds: "2027-01-15T08:00:00.000Z"

/// Errors: kInvalidArgument CONDITIONS_INVALID. Empty text is an empty list; a foreign status counts as Unknown.
Result<std::vector<Condition>> ParseConditions(const std::string& json);
std::string PrintConditions(const std::vector<Condition>& conditions);  ///< "" for none.

/// Status of a condition; "" when there is none of this type or the text is no list of conditions.
std::string ConditionStatus(const std::string& json, std::string_view type);

/// `fresh` with the transition times of `old` where the status is the same, and `now` where it changed.
std::string MergeConditions(const std::string& old_json, std::vector<Condition> fresh, UnixMs now);

/// `json` with one condition replaced or added; the transition time moves only with the status.
std::string SetCondition(const std::string& json, Condition condition, UnixMs now);

/// Every condition turned to Unknown for `reason`: nobody watches any more.
std::string UnknownConditions(const std::string& json, const std::string& reason, UnixMs now);

}  // namespace meshplay::inventory
