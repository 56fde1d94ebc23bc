#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshplay::common {

struct SampleAppOptions {
  std::string name_space;
  std::string image;       ///< Of front, mid and store: an HTTP server on port 9091 with /call, /echo and /metrics.
  std::string load_image;  ///< Of loadgen: anything with sh and curl.
  nlohmann::json pod_labels = nlohmann::json::object();  ///< Added to every pod template.
  nlohmann::json pod_annotations = nlohmann::json::object();
};

/// The in-house sample: front -> mid (v1, v2, v3; one Service for all and one for each version) -> store, and loadgen,
/// which calls front. An own ServiceAccount each, named like the Service, ports named http. In the order to apply; the
/// namespace itself is not among them. Pure.
std::vector<nlohmann::json> SampleAppObjects(const SampleAppOptions& options);

}  // namespace meshplay::common
