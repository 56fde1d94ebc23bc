#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// Reading TrafficMetrics in tests.
namespace meshplay::test {

using Json = nlohmann::ordered_json;
using Texts = std::vector<std::string>;

double ValueOf(const Json& item, const std::string& metric);
/// success_count and failure_count. Prometheus extends what it saw to the bounds of the window, so a count may be a
/// little more than what was counted.
void CheckCounts(const Json& item, double successes, double failures);
std::string NameOf(const Json& item);  ///< "shop/web"
std::string EdgeOf(const Json& item);  ///< "from front/edge"
/// `text` of each item.
Texts All(const Json& list, std::string (*text)(const Json&));

}  // namespace meshplay::test
