#include "adapters/conformance/objects.h"

#include "adapters/conformance/internal/suite.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr int kElsewherePort = 9'999;

struct App {
  std::string name;     ///< "app-b"
  std::string account;  ///< "service-b"
  std::string name_space;
  json selector;
};

json Metadata(const std::string& name, const std::string& name_space) {
  return {
      {"name", name}, {"namespace", name_space}, {"labels", {{"app.kubernetes.io/part-of", "meshplay-conformance"}}}};
}

json Port(const char* name, int port, const char* protocol, int target) {
  return {{"name", name}, {"port", port}, {"protocol", protocol}, {"targetPort", target}};
}

json Service(const std::string& name, const std::string& name_space, const json& selector, json ports) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", Metadata(name, name_space)},
          {"spec", {{"selector", selector}, {"ports", std::move(ports)}}}};
}

json Deployment(const AppOptions& options, const App& app) {
  json labels = app.selector;
  labels[kAppLabel] = app.name;
  labels["app.kubernetes.io/part-of"] = "meshplay-conformance";
  labels.update(options.pod_labels);
  const auto env = [](const char* name, const std::string& value) { return json{{"name", name}, {"value", value}}; };
  const auto port = [](const char* name, int number, const char* protocol) {
    return json{{"name", name}, {"containerPort", number}, {"protocol", protocol}};
  };
  const json container = {
      {"name", kContainer},
      {"image", options.image},
      {"imagePullPolicy", options.pull_policy},
      // RES_OPTIONS: a name that does not resolve must not outlast the client's timeout by much.
      {"env", json::array({env("SERVICE_NAME", app.name), env("PORT", std::to_string(kPort)),
                           env("EXTRA_PORTS", std::to_string(kSecondPort)), env("UDP_PORT", std::to_string(kUdpPort)),
                           env("RES_OPTIONS", "timeout:1 attempts:2")})},
      {"ports", json::array({port("http", kPort, "TCP"), port("http-second", kSecondPort, "TCP"),
                             port("udp-echo", kUdpPort, "UDP")})},
      {"readinessProbe", {{"httpGet", {{"path", "/metrics/summary"}, {"port", kPort}}}, {"periodSeconds", 2}}},
      {"resources", {{"requests", {{"cpu", "10m"}, {"memory", "16Mi"}}}}},
      {"securityContext",
       {{"allowPrivilegeEscalation", false},
        {"runAsNonRoot", true},
        {"runAsUser", 10001},
        {"capabilities", {{"drop", json::array({"ALL"})}}},
        {"seccompProfile", {{"type", "RuntimeDefault"}}}}}};
  json metadata = {{"labels", labels}};
  if (!options.pod_annotations.empty()) metadata["annotations"] = options.pod_annotations;
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", Metadata(DeploymentOf(app.name), app.name_space)},
          {"spec",
           {{"replicas", 1},
            {"selector", {{"matchLabels", app.selector}}},
            {"template",
             {{"metadata", metadata},
              {"spec",
               {{"serviceAccountName", app.account},
                {"terminationGracePeriodSeconds", 2},
                {"containers", json::array({container})}}}}}}}};
}

}  // namespace

std::string DeploymentOf(const std::string& app) {
  return app + "-deployment";
}

std::vector<json> AppObjects(const AppOptions& options) {
  // app-b and app-c share the label app, so that app-svc has both as its endpoints.
  const std::vector<App> apps = {{"app-a", "service-a", options.home, {{"app", "app-a"}}},
                                 {"app-b", "service-b", options.home, {{"app", "app"}, {"version", "b"}}},
                                 {"app-c", "service-c", options.home, {{"app", "app"}, {"version", "c"}}},
                                 {"app-d", "service-d", options.other, {{"app", "app-d"}}}};
  std::vector<json> objects;
  for (const App& app : apps) {
    objects.push_back(
        {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", Metadata(app.account, app.name_space)}});
  }
  for (const App& app : apps) {
    objects.push_back(
        Service(app.name, app.name_space, app.selector,
                json::array({Port("http", kPort, "TCP", kPort), Port("http-second", kSecondPort, "TCP", kSecondPort),
                             Port("udp-echo", kUdpPort, "UDP", kUdpPort)})));
  }
  objects.push_back(
      Service("app-svc", options.home, {{"app", "app"}}, json::array({Port("http", kPort, "TCP", kPort)})));
  objects.push_back(Service("app-c-elsewhere", options.home, apps[2].selector,
                            json::array({Port("http", kElsewherePort, "TCP", kPort)})));
  for (const App& app : apps) objects.push_back(Deployment(options, app));
  return objects;
}

}  // namespace meshplay::conformance
