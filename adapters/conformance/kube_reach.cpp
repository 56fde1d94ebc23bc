#include "adapters/conformance/kube_reach.h"

#include "adapters/conformance/internal/suite.h"
#include "adapters/conformance/objects.h"
#include "libs/base/json.h"
#include "libs/http/url.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kDriveTimeout{40'000};
constexpr std::size_t kMaxStderr = 200;
constexpr std::size_t kMaxOutput = 4 * 1024 * 1024;

Error Lost(const std::string& pod, const std::string& why) {
  return Unavailable("POD_UNREACHABLE", "the pod " + pod + " cannot be reached through the API server: " + why);
}

/// What concerns this pod only, as opposed to the cluster or our rights.
bool IsAboutPod(const Error& error) {
  const std::string& reason = error.reason();
  return reason == "EXEC_FAILED" || reason == "OBJECT_NOT_FOUND" || reason == "TARGET_SERVER_ERROR" ||
         reason == "TARGET_TIMEOUT" || reason == "TARGET_ANSWER_INVALID" || reason == "OBJECT_INVALID" ||
         reason == "EXEC_OUTPUT_TOO_LARGE";
}

}  // namespace

Result<std::string> KubeReach::FindPod(const std::string& app) {
  const std::string name_space = namespace_of_(app);
  MP_TRY(const kube::ObjectList list,
         client_.List({"", "v1", "Pod"}, {name_space, std::string(kAppLabel) + "=" + app, ""}, {.stop = stop_}));
  for (const json& pod : list.items) {
    if (!kube::IsBeingDeleted(pod) && kube::TextAt(pod, "/status/phase") == "Running") return kube::NameOf(pod);
  }
  return Lost(app, "there is no running pod of it");
}

Result<std::vector<AppAnswer>> KubeReach::Drive(const std::string& app, const std::vector<AppRequest>& requests) {
  std::string& pod = pods_[app];
  if (pod.empty()) {
    MP_TRY(pod, FindPod(app));
  }
  const std::string name_space = namespace_of_(app);
  auto answers = driver_ == Driver::kExec ? ByExec(name_space, pod, requests) : ByProxy(name_space, pod, requests);
  if (answers) return answers;
  const Error error = answers.error();
  const std::string name = pod;
  pod.clear();  // perhaps there is another one by now
  // The API server cuts the connection when no kubelet answers it; whether it is there itself, it says itself.
  const bool cut = error.reason() == "TARGET_UNREACHABLE" && client_.Ready({.stop = stop_}).has_value();
  if (cut || IsAboutPod(error)) return Lost(name, error.reason() + ": " + error.message());
  return error;
}

Result<std::vector<AppAnswer>> KubeReach::ByExec(const std::string& name_space, const std::string& pod,
                                                 const std::vector<AppRequest>& requests) {
  json wish = json::array();
  for (const AppRequest& request : requests) {
    wish.push_back({{"method", request.method}, {"path", request.path}, {"body", request.body}});
  }
  kube::ExecRequest exec;
  exec.name_space = name_space;
  exec.pod = pod;
  exec.container = kContainer;
  exec.command = {"meshplay-conformance-app", "drive"};
  exec.stdin_text = DumpJson(wish);
  exec.max_output_bytes = kMaxOutput;
  MP_TRY(const kube::ExecOutcome outcome, client_.Exec(exec, {.stop = stop_, .timeout = kDriveTimeout}));
  if (outcome.exit_code != 0) {
    return Lost(pod, "meshplay-conformance-app drive ended with " + std::to_string(outcome.exit_code) + " " +
                         outcome.stderr_text.substr(0, kMaxStderr));
  }
  const json told = json::parse(outcome.stdout_text, nullptr, false);
  if (!told.is_array()) return Lost(pod, "the driver in it gave no answer");
  std::vector<AppAnswer> answers;
  for (const json& answer : told) {
    if (!answer.is_object()) return Lost(pod, "the driver in it gave no answer");
    const int status = answer.value("status", 0);
    if (status == 0) return Lost(pod, "the application in it does not answer: " + answer.value("error", ""));
    answers.push_back({status, answer.value("body", "")});
  }
  return answers;
}

Result<std::vector<AppAnswer>> KubeReach::ByProxy(const std::string& name_space, const std::string& pod,
                                                  const std::vector<AppRequest>& requests) {
  std::vector<AppAnswer> answers;
  for (const AppRequest& request : requests) {
    // The proxy of our client can only GET; the application has a GET for each of these.
    std::string path = request.path;
    if (request.method == "DELETE") path = "/metrics/reset";
    if (request.method == "POST") path = "/call?request=" + http::PercentEncode(request.body);
    MP_TRY(kube::ProxyAnswer answer, client_.PodProxyGet(name_space, pod, std::to_string(kPort), path,
                                                         {.stop = stop_, .timeout = kDriveTimeout}));
    answers.push_back({answer.status, std::move(answer.body)});
  }
  return answers;
}

}  // namespace meshplay::conformance
