#include "adapters/common/sample_app.h"

namespace meshplay::common {
namespace {

using nlohmann::json;

constexpr int kPort = 9091;

json Metadata(const SampleAppOptions& options, const std::string& name, const std::string& app) {
  return {{"name", name},
          {"namespace", options.name_space},
          {"labels", {{"app", app}, {"app.kubernetes.io/part-of", "meshplay-sample"}}}};
}

json Account(const SampleAppOptions& options, const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", Metadata(options, name, name)}};
}

json Service(const SampleAppOptions& options, const std::string& name, const json& selector) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", Metadata(options, name, selector.at("app").get<std::string>())},
          {"spec",
           {{"selector", selector},
            {"ports", json::array({{{"name", "http"},
                                    {"port", 80},
                                    {"protocol", "TCP"},
                                    {"targetPort", "http"},
                                    {"appProtocol", "http"}}})}}}};
}

json Hardened() {
  return {{"allowPrivilegeEscalation", false},
          {"runAsNonRoot", true},
          {"runAsUser", 10001},
          {"capabilities", {{"drop", json::array({"ALL"})}}},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

json Deployment(const SampleAppOptions& options, const std::string& app, const std::string& version, json container) {
  const std::string name = version.empty() ? app : app + "-" + version;
  json selector = {{"app", app}};
  if (!version.empty()) selector["version"] = version;
  json labels = selector;
  labels["app.kubernetes.io/part-of"] = "meshplay-sample";
  labels.update(options.pod_labels);
  container["name"] = app;
  container["securityContext"] = Hardened();
  container["resources"] = {{"requests", {{"cpu", "10m"}, {"memory", "32Mi"}}}};
  json template_metadata = {{"labels", labels}};
  if (!options.pod_annotations.empty()) template_metadata["annotations"] = options.pod_annotations;
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", Metadata(options, name, app)},
          {"spec",
           {{"replicas", 1},
            {"selector", {{"matchLabels", selector}}},
            {"template",
             {{"metadata", template_metadata},
              {"spec", {{"serviceAccountName", app}, {"containers", json::array({container})}}}}}}}};
}

json Server(const SampleAppOptions& options, const std::string& app, const std::string& version) {
  const std::string name = version.empty() ? app : app + "-" + version;
  const json container = {
      {"image", options.image},
      {"env", json::array(
                  {{{"name", "SERVICE_NAME"}, {"value", name}}, {{"name", "PORT"}, {"value", std::to_string(kPort)}}})},
      {"ports", json::array({{{"name", "http"}, {"containerPort", kPort}, {"protocol", "TCP"}}})},
      {"readinessProbe", {{"httpGet", {{"path", "/metrics"}, {"port", "http"}}}, {"periodSeconds", 5}}}};
  return Deployment(options, app, version, container);
}

json LoadGenerator(const SampleAppOptions& options) {
  const std::string script =
      "while sleep 1; do curl -s -m 3 -o /dev/null -X POST http://front/call"
      " -d '{\"url\":\"http://mid/echo\",\"method\":\"GET\",\"body\":\"\",\"headers\":{}}'; done";
  const json container = {{"image", options.load_image}, {"command", json::array({"sh", "-c", script})}};
  return Deployment(options, "loadgen", "", container);
}

}  // namespace

std::vector<json> SampleAppObjects(const SampleAppOptions& options) {
  std::vector<json> objects;
  for (const char* name : {"front", "mid", "store", "loadgen"}) objects.push_back(Account(options, name));
  objects.push_back(Service(options, "front", {{"app", "front"}}));
  objects.push_back(Service(options, "mid", {{"app", "mid"}}));
  for (const char* version : {"v1", "v2", "v3"}) {
    objects.push_back(Service(options, std::string("mid-") + version, {{"app", "mid"}, {"version", version}}));
  }
  objects.push_back(Service(options, "store", {{"app", "store"}}));
  objects.push_back(Server(options, "store", ""));
  for (const char* version : {"v1", "v2", "v3"}) objects.push_back(Server(options, "mid", version));
  objects.push_back(Server(options, "front", ""));
  objects.push_back(LoadGenerator(options));
  return objects;
}

}  // namespace meshplay::common
