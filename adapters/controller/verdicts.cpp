#include "adapters/controller/verdicts.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "adapters/controller/state.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMessage = 512;
constexpr std::size_t kMaxEventMessage = 1024;
constexpr std::size_t kMaxEventName = 200;
constexpr char kCondition[] = "Translated";

/// At most `bytes`, cut between characters.
std::string Cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "...";
}

std::string Reason(const std::string& state) {
  if (state == "IN_STEP") return "InStep";
  std::string reason = state.substr(0, 1);
  for (std::size_t i = 1; i < state.size(); ++i) reason += static_cast<char>(state[i] - 'A' + 'a');
  return reason;
}

std::string ConditionStatus(const std::string& state, const std::string& level) {
  if (state == "PENDING") return "Unknown";
  return (state == "IN_STEP" || state == "DEGRADED") && level != "NONE" ? "True" : "False";
}

std::set<std::string> CodesOf(const json& status) {
  std::set<std::string> codes;
  const json& diagnostics = kube::ValueAt(status, "/diagnostics");
  for (const json& one : diagnostics.is_array() ? diagnostics : json::array()) {
    codes.insert(kube::TextAt(one, "/code"));
  }
  return codes;
}

bool IsPolicy(const std::string& kind) {
  return kind == "TrafficTarget" || kind == "TrafficSplit";
}

}  // namespace

std::string TimeText(std::int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

json StatusOf(const Verdict& verdict, const std::string& mesh_type, std::int64_t now_ms) {
  const smi::SmiReport& report = verdict.report;
  json diagnostics = json::array();
  for (const smi::Diagnostic& one : report.diagnostics) {
    if (diagnostics.size() == kMaxDiagnostics) break;
    diagnostics.push_back({{"code", one.code},
                           {"severity", smi::SeverityName(one.severity)},
                           {"pointer", Cut(one.pointer, kMaxMessage)},
                           {"message", Cut(one.message, kMaxMessage)}});
  }
  json generated = json::array();
  for (const smi::ObjectKey& key : report.generated) {
    if (generated.size() == kMaxGenerated) break;
    generated.push_back(key.kind + " " + key.namespace_name + "/" + key.name);
  }
  const std::string level(smi::SupportLevelName(report.level));
  const long long generation = kube::NumberAt(*verdict.object, "/metadata/generation");
  const std::string message = Cut(report.explanation, kMaxMessage);
  json condition = {{"type", kCondition},
                    {"status", ConditionStatus(verdict.state, level)},
                    {"reason", Reason(verdict.state)},
                    {"message", message},
                    {"observedGeneration", generation},
                    {"lastTransitionTime", TimeText(now_ms)}};
  const json& before = kube::ValueAt(*verdict.object, "/status/conditions/0");
  const bool same = kube::TextAt(before, "/type") == kCondition &&
                    kube::TextAt(before, "/status") == kube::TextAt(condition, "/status");
  if (same) condition["lastTransitionTime"] = kube::TextAt(before, "/lastTransitionTime");
  return {{"meshType", mesh_type},
          {"state", verdict.state},
          {"level", level},
          {"message", message},
          {"observedGeneration", generation},
          {"diagnostics", std::move(diagnostics)},
          {"generated", std::move(generated)},
          {"conditions", json::array({std::move(condition)})}};
}

std::string AnnotationOf(const json& status) {
  json shorter = status;
  shorter.erase("conditions");
  std::string text = DumpJson(shorter);
  for (const char* list : {"diagnostics", "generated"}) {
    while (text.size() > kMaxAnnotationBytes && !shorter[list].empty()) {
      shorter[list].erase(shorter[list].size() - 1);
      text = DumpJson(shorter);
    }
  }
  return text;
}

json StatusRemoval(const json& status) {
  json patch = json::object();
  for (const char* name :
       {"meshType", "state", "level", "message", "observedGeneration", "diagnostics", "generated", "conditions"}) {
    if (status.contains(name)) patch[name] = nullptr;
  }
  return {{"status", std::move(patch)}};
}

std::optional<json> EventFor(const json& object, const json& before, const json& now, std::int64_t now_ms) {
  const std::string state = kube::TextAt(now, "/state"), level = kube::TextAt(now, "/level");
  const std::set<std::string> codes = CodesOf(now);
  const bool known = before.is_object() && !kube::TextAt(before, "/state").empty();
  const bool same = known && kube::TextAt(before, "/state") == state && kube::TextAt(before, "/level") == level &&
                    CodesOf(before) == codes;
  const std::string kind = kube::GvkOf(object).kind;
  const bool well = state == "IN_STEP" && level == "FULL";
  if (same || (well && !known && !IsPolicy(kind))) return std::nullopt;
  std::string message = level + " on " + kube::TextAt(now, "/meshType") + ": " + kube::TextAt(now, "/message");
  std::string listed;
  for (const std::string& code : codes) listed += (listed.empty() ? " [" : ", ") + code;
  if (!listed.empty()) message += listed + "]";
  message = Cut(message, kMaxEventMessage);
  const std::string reason = Reason(state);
  const std::string hash = Sha256Hex(kube::UidOf(object) + "/" + reason + "/" + message).substr(0, 16);
  const std::string time = TimeText(now_ms);
  return json{{"apiVersion", "v1"},
              {"kind", "Event"},
              {"metadata",
               {{"name", kube::NameOf(object).substr(0, kMaxEventName) + "." + hash},
                {"namespace", kube::NamespaceOf(object)}}},
              {"involvedObject",
               {{"apiVersion", kube::GvkOf(object).ApiVersion()},
                {"kind", kind},
                {"namespace", kube::NamespaceOf(object)},
                {"name", kube::NameOf(object)},
                {"uid", kube::UidOf(object)},
                {"resourceVersion", kube::ResourceVersionOf(object)}}},
              {"type", well || state == "PENDING" ? "Normal" : "Warning"},
              {"reason", reason},
              {"message", message},
              {"source", {{"component", "meshplay-smi-controller"}}},
              {"reportingComponent", "meshplay-smi-controller"},
              {"firstTimestamp", time},
              {"lastTimestamp", time},
              {"count", 1}};
}

void MarkFailed(Verdict& verdict, const Error& error) {
  verdict.state = "FAILED";
  verdict.report.diagnostics.push_back({error.reason(), smi::Severity::kError, "", error.message(), ""});
  verdict.report.explanation = "A write failed, so the cluster may hold less than this says: " + error.message();
}

std::string Summary::Text() const {
  std::string text = std::to_string(objects) + (objects == 1 ? " object: " : " objects: ") + std::to_string(full) +
                     " FULL, " + std::to_string(partial) + " PARTIAL, " + std::to_string(none) + " NONE; " +
                     std::to_string(conflicts) + (conflicts == 1 ? " conflict" : " conflicts");
  const auto add = [&text](std::size_t number, const char* what) {
    if (number != 0) text += ", " + std::to_string(number) + " " + what;
  };
  add(degraded, "degraded");
  add(pending, "pending");
  add(invalid, "invalid");
  add(failed, "failed");
  return text;
}

Summary Summarise(const std::vector<Verdict>& verdicts) {
  Summary summary;
  for (const Verdict& verdict : verdicts) {
    if (!IsPolicy(verdict.ref.gvk.kind)) {
      summary.invalid += verdict.state == "INVALID" ? 1 : 0;
      continue;
    }
    ++summary.objects;
    summary.full += verdict.report.level == smi::SupportLevel::kFull ? 1 : 0;
    summary.partial += verdict.report.level == smi::SupportLevel::kPartial ? 1 : 0;
    summary.none += verdict.report.level == smi::SupportLevel::kNone ? 1 : 0;
    summary.degraded += verdict.state == "DEGRADED" ? 1 : 0;
    summary.pending += verdict.state == "PENDING" ? 1 : 0;
    summary.conflicts += verdict.state == "CONFLICT" ? 1 : 0;
    summary.invalid += verdict.state == "INVALID" ? 1 : 0;
    summary.failed += verdict.state == "FAILED" ? 1 : 0;
  }
  return summary;
}

}  // namespace meshplay::controller
