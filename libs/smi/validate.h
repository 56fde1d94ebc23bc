#pragma once

#include <vector>

#include "libs/base/result.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"

namespace meshplay::smi {

enum class SelfReference { kWarn, kReject };

struct ValidateOptions {
  SelfReference self_reference = SelfReference::kWarn;
};

/// Checks all objects against the rules V1 to V25 (06 §1.5) and returns every finding at once, the parser's included,
/// in document order. With `facts`, the rules about Services and ports are checked too; without, they are left out.
/// References are looked up within the set. Threads: any; pure.
std::vector<Finding> Validate(const DocumentSet& set, const FactsIndex* facts = nullptr,
                              const ValidateOptions& options = {});

bool HasErrors(const std::vector<Finding>& findings);

/// OK when no finding is an error; else kInvalidArgument SMI_INVALID with one violation an error, at most 100. The
/// pointers start with the index of the document: "/3/spec/backends/0/weight".
Status ToStatus(const std::vector<Finding>& findings);

/// Splits of one set that route the same root: the older creationTimestamp stands (a missing one counts as newest),
/// then the smaller name. Returns the indices in set.splits of those that lose.
std::vector<std::size_t> LosingSplits(const DocumentSet& set);

}  // namespace meshplay::smi
