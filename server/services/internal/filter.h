#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::services {

/// A parsed filter: terms `field = value` or `field != value`, all joined by AND or all by OR. A subset of AIP-160: no
/// parentheses, no NOT, no other operators. Pure. Threads: any.
class Filter {
 public:
  struct Term {
    std::string field;
    std::string value;
    bool negated = false;
  };

  /// An empty text matches everything. `fields` are the names that may be used.
  /// Errors: kInvalidArgument FILTER_INVALID with a violation at /filter.
  static Result<Filter> Parse(std::string_view text, const std::vector<std::string_view>& fields);

  bool empty() const { return terms_.empty(); }
  bool any() const { return any_; }
  const std::vector<Term>& terms() const { return terms_; }

  /// The value that every match must have in `field`, for a narrower query; empty when the filter does not fix one.
  std::string Fixed(std::string_view field) const;
  bool Matches(const std::function<std::string(std::string_view field)>& value_of) const;

 private:
  std::vector<Term> terms_;
  bool any_ = false;  ///< Joined by OR.
};

Error FilterInvalid(std::string detail);

}  // namespace meshplay::services
