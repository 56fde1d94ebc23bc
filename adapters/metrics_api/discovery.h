#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/metrics/request.h"
#include "libs/http/server.h"

/// The documents by which the API server and kubectl learn what this API serves. Pure; threads: any.
namespace meshplay::metrics_api {

inline constexpr char kGroup[] = "metrics.smi-spec.io";

/// A Kubernetes Status: how this API says no.
nlohmann::json StatusBody(int code, const std::string& message);

/// "/apis": the aggregated form when `accept` asks for it, else an APIGroupList.
http::ServerAnswer GroupList(const std::vector<metrics::Version>& versions, const std::string& accept);

/// "/apis/metrics.smi-spec.io": an APIGroup. The first version is the preferred one.
nlohmann::json Group(const std::vector<metrics::Version>& versions);

}  // namespace meshplay::metrics_api
