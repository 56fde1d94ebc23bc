#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/store/records_conformance.h"

namespace meshplay::engine::internal {

/// A conformance report as it came (JSON of meshplay.adapter.v1.ConformanceReport with proto field names) as rows.
/// What is of an unknown form counts as inconclusive; evidence and cases above the store's bounds are left out, which
/// the evidence then says. Pure.
std::pair<store::ConformanceRunRecord, std::vector<store::ConformanceCaseRecord>> ConformanceRows(
    const std::string& report_json);

}  // namespace meshplay::engine::internal
