#include "server/services/internal/filter.h"

#include <algorithm>

namespace meshplay::services {
namespace {

constexpr std::size_t kMaximumTerms = 20;

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == '/' || c == ':';
}

/// Reads tokens off the front of the text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool AtEnd() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    return rest_.empty();
  }
  Result<std::string> Word(const char* what) {
    if (AtEnd()) return FilterInvalid(std::string("ends where ") + what + " is expected");
    std::size_t length = 0;
    while (length < rest_.size() && IsWordChar(rest_[length])) ++length;
    if (length == 0) {
      return FilterInvalid(std::string("has the character '") + rest_.front() + "' where " + what + " is expected");
    }
    std::string word(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return word;
  }
  Result<std::string> Value() {
    if (AtEnd() || rest_.front() != '"') return Word("a value");
    rest_.remove_prefix(1);
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) break;
      value += rest_.front();
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) return FilterInvalid("has a quoted value without an end");
    rest_.remove_prefix(1);
    return value;
  }
  Result<bool> Operator() {
    if (!AtEnd() && rest_.starts_with("!=")) {
      rest_.remove_prefix(2);
      return true;
    }
    if (!AtEnd() && rest_.starts_with("=")) {
      rest_.remove_prefix(1);
      return false;
    }
    return FilterInvalid("needs = or != after a field");
  }

 private:
  std::string_view rest_;
};

}  // namespace

Error FilterInvalid(std::string detail) {
  return InvalidArgument("FILTER_INVALID", "the filter is not valid").WithViolation("/filter", std::move(detail));
}

Result<Filter> Filter::Parse(std::string_view text, const std::vector<std::string_view>& fields) {
  Filter filter;
  Scanner scanner(text);
  std::string joined_by;
  while (!scanner.AtEnd()) {
    if (filter.terms_.size() == kMaximumTerms) return FilterInvalid("has more than 20 terms");
    if (!filter.terms_.empty()) {
      MP_TRY(const std::string joiner, scanner.Word("AND or OR"));
      if (joiner != "AND" && joiner != "OR") return FilterInvalid("needs AND or OR between terms");
      if (!joined_by.empty() && joiner != joined_by) return FilterInvalid("mixes AND and OR");
      joined_by = joiner;
    }
    Term term;
    MP_TRY(term.field, scanner.Word("a field"));
    if (std::find(fields.begin(), fields.end(), term.field) == fields.end()) {
      std::string known;
      for (const std::string_view field : fields) known += (known.empty() ? "" : ", ") + std::string(field);
      return FilterInvalid("names a field that cannot be filtered; those that can are " + known);
    }
    MP_TRY(term.negated, scanner.Operator());
    MP_TRY(term.value, scanner.Value());
    filter.terms_.push_back(std::move(term));
  }
  filter.any_ = joined_by == "OR";
  return filter;
}

std::string Filter::Fixed(std::string_view field) const {
  if (any_) return {};
  for (const Term& term : terms_) {
    if (!term.negated && term.field == field) return term.value;
  }
  return {};
}

bool Filter::Matches(const std::function<std::string(std::string_view field)>& value_of) const {
  const auto holds = [&value_of](const Term& term) { return (value_of(term.field) == term.value) != term.negated; };
  if (terms_.empty()) return true;
  return any_ ? std::any_of(terms_.begin(), terms_.end(), holds) : std::all_of(terms_.begin(), terms_.end(), holds);
}

}  // namespace meshplay::services
