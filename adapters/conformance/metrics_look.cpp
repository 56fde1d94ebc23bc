#include "adapters/conformance/internal/metrics_look.h"

#include <algorithm>
#include <array>

#include "adapters/conformance/objects.h"
#include "adapters/kube/object.h"
#include "libs/smi/quantity.h"

namespace meshplay::conformance {
namespace {

using kube::TextAt;
using nlohmann::json;

constexpr int kBatch = 20;
constexpr std::size_t kLatencies = 3;
constexpr std::array<const char*, 5> kNames = {"p50_response_latency", "p90_response_latency", "p99_response_latency",
                                               "success_count", "failure_count"};

/// The values in the order of kNames; what is wrong otherwise.
std::string ReadValues(const json& item, std::array<double, kNames.size()>& values) {
  const json metrics = item.value("metrics", json::array());
  if (!metrics.is_array() || metrics.size() != kNames.size()) return "it has not five metrics";
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto found = std::find_if(metrics.begin(), metrics.end(),
                                    [&](const json& metric) { return TextAt(metric, "/name") == kNames[i]; });
    if (found == metrics.end()) return std::string("it has no ") + kNames[i];
    const auto thousandths = smi::MilliFromQuantity(TextAt(*found, "/value"));
    if (!thousandths || *thousandths < 0) return std::string(kNames[i]) + " is no quantity";
    if (i < kLatencies && TextAt(*found, "/unit") != "ms") return std::string(kNames[i]) + " is not in ms";
    values[i] = static_cast<double>(*thousandths) / 1'000;
  }
  return "";
}

bool TellsOf(const json& item, const std::string& name_space, const std::string& workload, const std::string& caller) {
  if (TextAt(item, "/resource/namespace") != name_space || TextAt(item, "/resource/name") != workload) return false;
  if (caller.empty()) return true;
  return TextAt(item, "/edge/direction") == "from" && TextAt(item, "/edge/resource/name") == caller &&
         TextAt(item, "/edge/resource/namespace") == name_space;
}

}  // namespace

ToldMetrics ReadTrafficMetrics(const json& answer, const std::string& name_space, const std::string& workload,
                               const std::string& caller) {
  ToldMetrics told;
  const bool is_list = TextAt(answer, "/kind") == "TrafficMetricsList";
  const json items = is_list ? answer.value("items", json::array()) : json::array({answer});
  for (const json& item : items) {
    if (TextAt(item, "/kind") == "TrafficMetrics" && TellsOf(item, name_space, workload, caller)) told.item = item;
  }
  if (told.item.is_null()) {
    const std::string said = TextAt(answer, "/error");
    told.wrong = "it does not tell of " + workload + (caller.empty() ? "" : " called by " + caller) +
                 (said.empty() ? "" : ": " + said);
    return told;
  }
  if (!TextAt(told.item, "/apiVersion").starts_with("metrics.smi-spec.io/")) told.wrong = "it has another apiVersion";
  if (TextAt(told.item, "/window").empty()) told.wrong = "it names no window";
  std::array<double, kNames.size()> values{};
  if (told.wrong.empty()) told.wrong = ReadValues(told.item, values);
  if (!told.wrong.empty()) return told;
  told.successes = values[kLatencies];
  if (values[0] > values[1] || values[1] > values[2]) told.wrong = "its latencies are not in order";
  if (*told.successes > 0 && values[2] <= 0) told.wrong = "it counts requests without any latency";
  return told;
}

Result<Look> MetricsLooks::Once() {
  away_.clear();
  const Call& call = step_.calls.front();
  MP_TRY(auto unreachable, DriveCalls(site_, reach_, call, kBatch));
  if (unreachable) return std::move(*unreachable);
  const auto window = std::chrono::floor<std::chrono::seconds>(site_.Now() - began_);
  Result<json> answer = site_.TrafficMetrics(step_.resource, std::max(window, std::chrono::seconds(1)));
  Look look;
  if (!answer) {
    if (answer.error().code() != ErrorCode::kUnavailable) return answer.error();
    away_ = answer.error().reason();
    look.text = answer.error().message();
    return look;
  }
  const bool edges = step_.resource.ends_with("/edges");
  ToldMetrics told = ReadTrafficMetrics(*answer, site_.NamespaceOf(Space::kHome), DeploymentOf(call.server),
                                        edges ? DeploymentOf(call.from) : std::string());
  const double successes = told.successes.value_or(0);
  if (!first_) first_ = successes;
  driven_ += kBatch;
  look.evidence = {{"requests", driven_}, {"answer", std::move(told.item)}};
  look.text = std::move(told.wrong);
  if (look.text.empty() && (successes < kBatch || successes <= *first_)) {
    look.text = "success_count is " + std::to_string(successes) + " after " + std::to_string(driven_) +
                " requests, and was " + std::to_string(*first_) + " at first";
  }
  look.kind = look.text.empty() ? Look::Kind::kMet : Look::Kind::kNotMet;
  return look;
}

}  // namespace meshplay::conformance
