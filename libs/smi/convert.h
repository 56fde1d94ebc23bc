#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "libs/base/result.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"

namespace meshplay::smi {

/// The shape of headers that a CRD takes: smi-sdk-go's list of maps with one key each, or a plain map.
enum class HeaderShape { kList, kMap };

/// The versions to write, 1..4 for v1alpha1..v1alpha4. The defaults are SMI release v0.6.0.
struct TargetVersions {
  int access = 3;
  int specs = 4;
  int split = 4;
  HeaderShape headers = HeaderShape::kList;
};

struct Conversion {
  std::vector<nlohmann::json> documents;  ///< Kind by kind, each in input order, deterministic.
  std::vector<Finding> findings;          ///< NOT_REPRESENTABLE for each valid object that is not among `documents`.
};

/// Writes every valid object of the set in the wanted versions (06 §1.6). Nothing that allows less or routes otherwise
/// in the old version than in the new one is written: such an object is refused with NOT_REPRESENTABLE, and so is every
/// object that only makes sense together with it. Objects with errors in `findings` of Validate are left out.
///
/// Ports: destination.port of v1alpha1 and v1alpha2 becomes a TCPRoute `<target>-port` and a rule; back down, TCPRoute
/// rules become destination.port, one TrafficTarget `<target>.<port>` for each port when there are several.
/// Errors: kInvalidArgument VERSION_INVALID for versions outside 1..4 or below the first of a group.
/// Threads: any; pure.
Result<Conversion> Convert(const DocumentSet& set, const TargetVersions& versions);

}  // namespace meshplay::smi
