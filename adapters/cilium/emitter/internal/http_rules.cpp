#include "adapters/cilium/emitter/internal/http_rules.h"

#include <algorithm>

#include "adapters/cilium/emitter/internal/posix.h"

namespace meshplay::cilium {
namespace {

using nlohmann::json;
using smi::HeaderForm;
using smi::PathForm;
using translate::Outcome;

constexpr const char* kFeature = "CiliumNetworkPolicy http";
constexpr std::string_view kHole = "{*}";

std::string Where(const smi::RequestMatch& match) {
  return "match " + match.group + "/" + match.name;
}

std::string TemplateRegex(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t hole = std::min(text.find(kHole), text.size());
    out += Quote(text.substr(0, hole));
    text.remove_prefix(hole);
    if (text.empty()) break;
    out += "[^/?]+";
    text.remove_prefix(kHole.size());
  }
  return out;
}

// The `path` of one pattern; empty: every path. nullopt: outside the dialect.
std::optional<std::string> PathOf(const smi::PathPattern& pattern) {
  switch (pattern.form) {
    case PathForm::kAny:
      return "";
    case PathForm::kExact:
      return Quote(pattern.text) + kQuery;
    case PathForm::kPrefix:
      return Quote(pattern.text) + ".*";
    case PathForm::kSegmentPrefix:
      return Quote(pattern.text) + "([/?].*)?";
    case PathForm::kTemplate:
      return TemplateRegex(pattern.text) + (pattern.open ? ".*" : kQuery);
    case PathForm::kRegex:
      break;
  }
  return PosixPath(pattern.text, pattern.open);
}

// A path holds no question mark, so such a literal never matches; as an expression it would match the query.
bool CanMatch(const smi::PathPattern& pattern) {
  return pattern.form == PathForm::kRegex || pattern.text.find('?') == std::string::npos;
}

class RuleWriter {
 public:
  RuleWriter(const translate::EmitContext& context, const smi::RequestMatch& match, Outcome& outcome)
      : widen_(context.options.allow_widening), match_(match), outcome_(outcome) {}

  HttpRules Run() {
    json common = json::object();
    if (match_.methods.has_value()) common["method"] = Methods();
    std::vector<json> rules;
    for (const smi::PathPattern& pattern : match_.path.alternatives) {
      if (!CanMatch(pattern)) continue;
      const std::optional<std::string> path = PathOf(pattern);
      if (!path.has_value()) return Refuse("pathRegex " + match_.path_regex);
      json rule = common;
      if (!path->empty()) rule["path"] = *path;
      rules.push_back(std::move(rule));
    }
    if (match_.path.dot_taken_literally) {
      Narrow("\".\" in pathRegex " + match_.path_regex + " is taken for a dot (lenientDots)");
    }
    for (const smi::HeaderCondition& header : match_.headers) {
      const bool done = header.name == "host" ? AddHost(header, rules) : AddHeader(header, rules);
      if (!done && refused_) return Refuse("the expression " + header.regex + " for header " + header.name);
      if (!done) return {};
    }
    return {std::move(rules), false};
  }

 private:
  HttpRules Refuse(const std::string& what) {
    outcome_.lost = true;
    outcome_.Report("REGEX_INVALID", smi::Severity::kError, match_.pointer,
                    Where(match_) + ": " + what + " is outside the POSIX extended expressions that Cilium takes",
                    kFeature);
    return {{}, true};
  }

  void Narrow(const std::string& what) {
    outcome_.lost = true;
    outcome_.Warn("NARROWED", match_.pointer, Where(match_) + ": " + what, kFeature);
  }

  std::string Methods() const {
    std::string either;
    for (const std::string& method : *match_.methods) either += (either.empty() ? "" : "|") + method;
    return match_.methods->size() == 1 ? either : "(" + either + ")";
  }

  // The authority has a field of its own, an expression for the whole of it.
  bool AddHost(const smi::HeaderCondition& header, std::vector<json>& rules) {
    if (header.patterns.empty()) return false;
    const std::optional<std::string> host = PosixText(header.regex);
    if (!host.has_value()) {
      refused_ = true;
      return false;
    }
    if (host->empty()) {  // It would mean any host.
      Narrow("an empty host cannot be said; the match allows nothing");
      return false;
    }
    for (json& rule : rules) rule["host"] = *host;
    return true;
  }

  // False: the match allows nothing.
  bool AddHeader(const smi::HeaderCondition& header, std::vector<json>& rules) {
    std::vector<std::string> conditions;
    bool left_out = false;
    for (const smi::HeaderPattern& pattern : header.patterns) {
      const bool exact = pattern.form == HeaderForm::kExact && !pattern.text.empty();
      if (exact) {
        conditions.push_back(header.name + ": " + pattern.text);
      } else if (pattern.form == HeaderForm::kPresent) {
        conditions.push_back(header.name);
      } else {
        left_out = true;
      }
    }
    if (conditions.size() * rules.size() > kMaxRulesPerMatch) {
      Narrow("its alternatives make more than 64 rules; it allows nothing");
      return false;
    }
    const std::string what = "header " + header.name + " with " + header.regex;
    if (left_out && widen_) {
      outcome_.lost = true;
      outcome_.Warn("WIDENED", match_.pointer, Where(match_) + ": " + what + " became \"is present\"", kFeature);
      conditions = {header.name};
    } else if (left_out) {
      Narrow(what + (conditions.empty() ? " cannot be compared by Cilium; the match allows nothing"
                                        : " can be compared by Cilium in part only"));
    }
    std::vector<json> multiplied;
    for (const json& rule : rules) {
      for (const std::string& condition : conditions) {
        multiplied.push_back(rule);
        multiplied.back()["headers"].push_back(condition);
      }
    }
    rules = std::move(multiplied);
    return !rules.empty();
  }

  bool widen_;
  const smi::RequestMatch& match_;
  Outcome& outcome_;
  bool refused_ = false;
};

}  // namespace

HttpRules RulesOf(const translate::EmitContext& context, const smi::RequestMatch& match, Outcome& outcome) {
  return RuleWriter(context, match, outcome).Run();
}

}  // namespace meshplay::cilium
