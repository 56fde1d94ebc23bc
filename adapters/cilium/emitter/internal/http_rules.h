#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "adapters/translate/translation.h"

namespace meshplay::cilium {

inline constexpr std::size_t kMaxRulesPerMatch = 64;  ///< What alternatives of path and headers may multiply to.

struct HttpRules {
  std::vector<nlohmann::json> rules;  ///< Entries of `http`; empty: no request is allowed.
  bool refused = false;               ///< An expression is outside Cilium's dialect: nothing of the target may be used.
};

/// The entries that say one match, one for each alternative of path and headers. Never wider than the match unless
/// `allow_widening`.
HttpRules RulesOf(const translate::EmitContext& context, const smi::RequestMatch& match, translate::Outcome& outcome);

}  // namespace meshplay::cilium
