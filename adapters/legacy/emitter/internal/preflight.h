#pragma once

#include <string>
#include <string_view>

#include "adapters/legacy/emitter/emit.h"
#include "libs/smi/facts.h"

namespace meshplay::legacy {

/// Versions of the SMI groups that the mesh reads, as numbers after "v1alpha".
struct Dialect {
  std::string_view title;  ///< For people.
  int access = 0;
  int specs = 0;
  int split = 0;
  std::string_view controller;  ///< Workload that reads the objects.
};

const Dialect& DialectOf(Mesh mesh);

std::string AccessVersion(Mesh mesh);  ///< "access.smi-spec.io/v1alpha3"
std::string SpecsVersion(Mesh mesh);
std::string SplitVersion(Mesh mesh);

/// What the facts tell of the mesh that is to read the objects.
struct Preflight {
  std::string access_problem;  ///< Why the cluster cannot take what the mesh reads; empty when nothing is known of it.
  std::string split_problem;   ///< The same for splits.
  std::string not_enforced;    ///< Why TrafficTargets have no effect; empty when they have, or nothing is known.
  std::string reader;          ///< Which controller reads the objects, and whether it was seen.
};

Preflight Check(Mesh mesh, const smi::FactsIndex& facts);

}  // namespace meshplay::legacy
