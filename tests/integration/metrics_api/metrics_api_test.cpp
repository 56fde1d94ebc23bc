#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "libs/base/base64.h"
#include "tests/integration/controller/shop.h"
#include "tests/integration/metrics/traffic.h"
#include "tests/support/eventually.h"
#include "tests/support/prometheus.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr seconds kSoon{120};
const std::string kBase = "/apis/metrics.smi-spec.io/v1alpha1";
const std::string kOurs = "meshplay.dev/owner=metrics-api";
const std::string kService = "v1alpha1.metrics.smi-spec.io";

constexpr char kStranger[] = R"(
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.metrics.smi-spec.io}
spec:
  group: metrics.smi-spec.io
  version: v1alpha1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: smi-metrics, namespace: ops}
)";

constexpr char kReader[] = R"(
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: metrics-reader, namespace: shop}
rules:
- {apiGroups: [metrics.smi-spec.io], resources: ["deployments", "deployments/edges"], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: metrics-reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: metrics-reader}
subjects:
- {kind: User, name: reader, apiGroup: rbac.authorization.k8s.io}
)";

/// A shop whose traffic a real Prometheus knows, and an adapter that listens for the API server.
class Metered {
 public:
  static std::unique_ptr<Metered> Open(const std::string& name) {
    std::unique_ptr<Metered> metered(new Metered);
    metered->prometheus_ = Prometheus::Start({{metered->exporter_.address()}});
    if (!metered->prometheus_) return nullptr;
    metered->shop_ = Shop::Open(name);
    return metered->shop_ ? std::move(metered) : nullptr;
  }

  Shop& shop() { return *shop_; }
  Prometheus& prometheus() { return *prometheus_; }
  std::string port() const { return std::to_string(port_); }

  void RestartAdapter() {
    shop().stack().adapter().KillHard();
    shop().stack().SetAdapterFlags({"--metrics-api-listen", "127.0.0.1:" + port()});
    shop().stack().StartAdapter();
    shop().stack().AwaitConnected();
  }

  /// web calls api: 30 requests go well and 10 fail.
  void Trade() {
    const Workload web{"shop", "web"}, api{"shop", "api"};
    Report(exporter_, "istio", {web, api});
    prometheus_->AwaitScrapes(4);
    Report(exporter_, "istio", {web, api, 30, 10, 8});
    prometheus_->AwaitScrapes(2);
  }

  std::string CaBundle() {
    const auto service = shop().Find("apiregistration.k8s.io/v1", "APIService", "", kService);
    return service ? kube::TextAt(*service, "/spec/caBundle") : std::string();
  }

  /// Everything of ours in the cluster, as kubectl names it.
  std::string Left() {
    return shop().Kubectl({"get", "apiservices,services,endpointslices,configmaps", "-A", "-l", kOurs, "-o", "name"});
  }

  /// Asks the adapter itself, as somebody with this certificate of the cluster's pki; the status.
  int AskDirectly(const std::string& path, const std::string& certificate, const std::string& user) {
    http::ClientOptions options;
    options.tls.ca_pem = *Base64Decode(CaBundle());
    options.tls.server_name = "meshplay-smi-metrics.istio-system.svc";
    const std::string pki = shop().stack().folder() + "/rig/pki/" + certificate;
    if (!certificate.empty()) {
      options.tls.client_certificate_pem = *ReadFile(pki + ".crt");
      options.tls.client_key_pem = Secret(*ReadFile(pki + ".key"));
    }
    const auto client = http::Client::Create(options);
    REQUIRE(client.has_value());
    http::Request request;
    request.url = "https://127.0.0.1:" + port() + path;
    if (!user.empty()) request.headers.push_back({"X-Remote-User", user});
    const auto answer = (*client)->Send(request);
    INFO((answer ? answer->body : answer.error().ToString()));
    REQUIRE(answer.has_value());
    return answer->status;
  }

 private:
  Metered() = default;
  Exporter exporter_;
  std::unique_ptr<Prometheus> prometheus_;
  const std::uint16_t port_ = FreePort();
  std::unique_ptr<Shop> shop_;
};

/// A port on which connections are taken and nothing is ever said: who asks there waits.
class SilentDoor {
 public:
  SilentDoor() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 128) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentDoor() { ::close(socket_); }
  SilentDoor(const SilentDoor&) = delete;
  SilentDoor& operator=(const SilentDoor&) = delete;
  std::string port() const { return std::to_string(port_); }

 private:
  const int socket_;
  std::uint16_t port_ = 0;
};

std::string CountOf(const json& item, const std::string& name) {
  for (const json& metric : item.at("metrics")) {
    if (metric.at("name") == name) return metric.at("value");
  }
  return "";
}

TEST_CASE("kubectl reads SMI metrics through the API server, and only who may", "[rig]") {
  auto metered = Metered::Open("smi-metrics-api");
  if (!metered) return;
  Shop& shop = metered->shop();
  const json enable = {{"address", "localhost:" + metered->port()}, {"timeout", "30s"}};

  // Not without a listening adapter, a Prometheus, a free group and a way to the adapter; and nothing is left of it.
  CHECK(shop.Refused("smi.metricsApi.enable", enable) == "PREREQUISITE_MISSING");
  metered->RestartAdapter();
  CHECK(shop.Refused("smi.metricsApi.enable", enable) == "PREREQUISITE_MISSING");
  shop.Run("istio.metrics.set", {{"prometheus", metered->prometheus().url()}});
  CHECK(shop.Refused("smi.metricsApi.enable") == "PARAMETERS_INVALID");
  shop.Apply(kStranger);
  CHECK(shop.Refused("smi.metricsApi.enable", enable) == "METRICS_API_TAKEN");
  shop.Kubectl({"delete", "apiservice", kService});
  const json nowhere = {{"address", "localhost:" + std::to_string(FreePort())}, {"timeout", "3s"}};
  CHECK(shop.Refused("smi.metricsApi.enable", nowhere) == "METRICS_API_UNREACHABLE");
  CHECK(metered->Left().empty());

  CHECK(shop.Condition("SmiMetricsApi").is_null());
  shop.Run("smi.metricsApi.enable", enable);
  const auto told = [&](const std::string& reason) {
    return Eventually(seconds(60), [&] {
      const json condition = shop.Condition("SmiMetricsApi");
      return condition.is_object() && condition.value("reason", "") == reason;
    });
  };
  CHECK(told("Served"));
  metered->Trade();

  const std::string list = kBase + "/namespaces/shop/deployments";
  const json deployments = json::parse(shop.Kubectl({"get", "--raw", list + "?t=1m"}));
  INFO(deployments.dump(1));
  CHECK(deployments.at("kind") == "TrafficMetricsList");
  CHECK(deployments.at("apiVersion") == "metrics.smi-spec.io/v1alpha1");
  const json api = json::parse(shop.Kubectl({"get", "--raw", list + "/api?t=1m"}));
  CHECK(api.at("kind") == "TrafficMetrics");
  CHECK(CountOf(api, "success_count") != "0");
  CHECK(CountOf(api, "failure_count") != "0");
  const json edges = json::parse(shop.Kubectl({"get", "--raw", list + "/api/edges?t=1m"}));
  REQUIRE(edges.at("items").size() == 1);
  CHECK(edges["items"][0]["edge"]["resource"]["name"] == "web");
  CHECK(shop.TryKubectl({"get", "--raw", kBase + "/namespaces/shop/gadgets"}).exit_code != 0);

  // Discovery: the merged document of the API server, and kubectl's own way of naming resources.
  const std::string resources = shop.Kubectl({"api-resources", "--api-group=metrics.smi-spec.io", "-o", "name"});
  CHECK(resources.find("deployments.metrics.smi-spec.io") != std::string::npos);
  CHECK(Eventually(kSoon, [&] {
    const auto named = shop.TryKubectl({"-n", "shop", "get", "deployments.v1alpha1.metrics.smi-spec.io", "-o", "name"});
    return named.exit_code == 0 && named.stdout_text.find("/api") != std::string::npos;
  }));

  // Users: RBAC of the cluster decides, at the API server and again here.
  shop.Apply(kReader);
  const auto as = [&](const std::string& user, const std::string& path) {
    return shop.TryKubectl({"get", "--raw", path, "--as", user});
  };
  CHECK(Eventually(kSoon, [&] { return as("reader", list).exit_code == 0; }));
  CHECK(as("reader", kBase + "/namespaces/ops/deployments").stderr_text.find("orbidden") != std::string::npos);
  CHECK(as("stranger", list).stderr_text.find("orbidden") != std::string::npos);
  CHECK(metered->AskDirectly(list, "proxy", "reader") == 200);
  CHECK(metered->AskDirectly(list, "proxy", "stranger") == 403);
  CHECK(metered->AskDirectly(kBase + "/namespaces/shop/pods", "proxy", "reader") == 403);
  CHECK(metered->AskDirectly(kBase + "/namespaces/shop//deployments", "proxy", "reader") == 400);

  // Certificates: none, one of the same authority with another name, and no user.
  CHECK(metered->AskDirectly(list, "", "reader") == 401);
  CHECK(metered->AskDirectly(list, "admin", "reader") == 401);
  CHECK(metered->AskDirectly(list, "proxy", "") == 401);
  CHECK(metered->AskDirectly("/healthz", "", "") == 200);

  // Killed: the next process makes a new certificate, and the API server is told.
  const std::string before = metered->CaBundle();
  REQUIRE_FALSE(before.empty());
  metered->RestartAdapter();
  INFO(shop.stack().LogTail("adapter"));
  CHECK(Eventually(kSoon, [&] { return metered->CaBundle() != before; }));
  CHECK(Eventually(kSoon, [&] { return shop.TryKubectl({"get", "--raw", list}).exit_code == 0; }));

  // An APIService that a person has removed stays away over a restart.
  shop.Kubectl({"delete", "apiservice", kService});
  metered->RestartAdapter();
  CHECK_FALSE(Eventually(seconds(5), [&] { return !metered->CaBundle().empty(); }));
  CHECK(told("APIServiceMissing"));
  shop.Run("smi.metricsApi.enable", {{"address", enable["address"]}, {"versions", {"v1alpha1", "v1alpha2"}}});
  const std::string newer = "/apis/metrics.smi-spec.io/v1alpha2/namespaces/shop/deployments/api/edges?t=5m";
  CHECK(Eventually(kSoon, [&] {
    const auto answer = shop.TryKubectl({"get", "--raw", newer});
    return answer.exit_code == 0 && answer.stdout_text.find("\"side\"") != std::string::npos;
  }));
  shop.Run("smi.metricsApi.enable", enable);  // one version again: the other's APIService goes
  CHECK(metered->Left().find("v1alpha2") == std::string::npos);

  // Another way that leads nowhere is found out although the old one was right, and nothing dead is left.
  CHECK(shop.Refused("smi.metricsApi.enable", nowhere) == "METRICS_API_UNREACHABLE");
  CHECK(metered->Left().empty());
  shop.Run("smi.metricsApi.enable", enable);

  // So it is where nobody answers: the API server takes seconds to find out, and says Available=True of the old way
  // until then.
  const SilentDoor silent;
  const json unanswered = {{"address", "localhost:" + silent.port()}, {"timeout", "3s"}};
  CHECK(shop.Refused("smi.metricsApi.enable", unanswered) == "METRICS_API_UNREACHABLE");
  CHECK(metered->Left().empty());
  shop.Run("smi.metricsApi.enable", enable);

  // Namespaces go while it is served; nothing is left when it is not.
  shop.Kubectl({"delete", "namespace", "ops", "--timeout=30s"});
  shop.Run("smi.metricsApi.disable");
  CHECK(metered->Left().empty());
  CHECK(Eventually(kSoon, [&] { return shop.TryKubectl({"get", "--raw", kBase}).exit_code != 0; }));
  CHECK(shop.Kubectl({"api-resources", "--api-group=metrics.smi-spec.io", "-o", "name"}).empty());
  CHECK(Eventually(kSoon, [&] { return shop.Condition("SmiMetricsApi").is_null(); }));

  // Uninstalling the mesh takes it away too.
  shop.Run("smi.metricsApi.enable", enable);
  shop.Run("istio.uninstall");
  CHECK(metered->Left().empty());
}

}  // namespace
}  // namespace meshplay::test
