#pragma once

#include <string>
#include <vector>

#include "meshplay/v1/conformance.pb.h"
#include "server/store/records.h"
#include "server/store/records_conformance.h"

/// Conformance runs: from rows to the messages of the public API, to the form of the older results API and to JUnit.
/// Pure. Threads: any.
namespace meshplay::services {

/// A run as far as it is known: the operation, its report and cases (both empty before it ended).
struct ConformanceRows {
  store::OperationRecord operation;
  std::optional<store::ConformanceRunRecord> run;
  std::vector<store::ConformanceCaseRecord> cases;
};

v1::ConformanceRun ToConformanceRun(const ConformanceRows& rows);
v1::ConformanceRun WithoutCases(const ConformanceRows& rows);  ///< Its groups count them all the same.
v1::ConformanceCase ToConformanceCase(const store::ConformanceCaseRecord& record);
v1::ConformanceDiff ToConformanceDiff(const ConformanceRows& base, const ConformanceRows& other);

/// The older form counts the 24 steps of three groups; in a group the steps before the first that did not pass count as
/// passed. `mesh_name` is the title of the mesh type.
v1::SmiResult ToSmiResult(const ConformanceRows& rows);

/// "open-service-mesh" -> "Open Service Mesh"
std::string MeshTitle(const std::string& mesh_type);

/// One testsuite a group, one testcase a case. FAILED: failure; INCONCLUSIVE: error; SKIPPED, UNSUPPORTED: skipped.
/// A run that did not pass, or is not over, has at least one failure or error: if need be a testcase "verdict".
std::string ToJunit(ConformanceRows rows);

}  // namespace meshplay::services
