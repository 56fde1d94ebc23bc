#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "libs/smi/limits.h"
#include "libs/smi/model.h"

namespace meshplay::smi {

/// Adds a finding, at most kMaxFindingsOfObject in a row for one object; then FINDINGS_OMITTED stands for the rest.
/// That one is an error: an object that nobody can read the faults of is not used.
inline void AddFinding(std::vector<Finding>& findings, const Head& head, Diagnostic diagnostic) {
  const std::size_t count = findings.size();
  if (count >= kMaxFindingsOfObject) {
    const Finding& earlier = findings[count - kMaxFindingsOfObject];
    if (earlier.document == head.document && earlier.object == head.key) {
      if (findings.back().diagnostic.code == "FINDINGS_OMITTED") return;
      diagnostic = {"FINDINGS_OMITTED", Severity::kError, head.pointer,
                    "there are more than " + std::to_string(kMaxFindingsOfObject) + " findings; the rest is not listed",
                    ""};
    }
  }
  findings.push_back({head.document, head.key, std::move(diagnostic)});
}

}  // namespace meshplay::smi
