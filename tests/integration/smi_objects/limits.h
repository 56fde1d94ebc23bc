#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace meshplay::test {

/// Cases in the form of the data files, without expectations: documents at the edge of what SMI and Kubernetes allow
/// (lengths, counts, characters). Whatever an emitter makes of them, a server must take it.
std::vector<nlohmann::json> LimitCases();

}  // namespace meshplay::test
