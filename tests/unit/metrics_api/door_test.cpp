#include "adapters/metrics_api/door.h"

#include <catch2/catch.hpp>

#include "tests/unit/kube/fake_api.h"
#include "tests/unit/metrics_api/identities.h"

using namespace meshplay;
using namespace meshplay::testing;
using namespace std::chrono_literals;
using metrics_api::Door;
using nlohmann::json;

namespace {

constexpr char kReviews[] = "POST /apis/authorization.k8s.io/v1/subjectaccessreviews";
constexpr char kBase[] = "/apis/metrics.smi-spec.io/v1alpha1";

json Verdict(bool allowed) {
  return {{"apiVersion", "authorization.k8s.io/v1"},
          {"kind", "SubjectAccessReview"},
          {"metadata", json::object()},
          {"status", {{"allowed", allowed}}}};
}

/// A door with one cluster on it, whose API server plays what reviews say.
struct Gate {
  Gate() {
    const json resource = {{"resource", "subjectaccessreviews"},
                           {"responseKind", {{"kind", "SubjectAccessReview"}}},
                           {"scope", "Cluster"},
                           {"verbs", {"create"}}};
    const json group = {{"metadata", {{"name", "authorization.k8s.io"}}},
                        {"versions", {{{"version", "v1"}, {"freshness", "Current"}, {"resources", {resource}}}}}};
    api.On("GET /apis", {{200, {{"kind", "APIGroupDiscoveryList"}, {"items", {group}}}}});
    Reviews(true);
    Put("one", identities);
  }

  void Reviews(bool allowed) { api.On(kReviews, {{201, Verdict(allowed)}}); }
  void Put(const std::string& cluster, const Identities& trusted) {
    metrics_api::Site site;
    site.client = std::shared_ptr<kube::Client>(api.Client());
    site.proxy = metrics_api::FrontProxy::Read(TrustMap(trusted)).value();
    site.reviews = std::make_shared<metrics_api::Reviews>(site.client, clock);
    site.mesh_key = "mesh of " + cluster;
    site.versions = {metrics::Version::kV1Alpha1};
    door.Put(cluster, std::move(site));
  }
  http::ServerAnswer Ask(const std::string& target, const std::string& user = "ann") {
    http::ServerRequest request;
    request.target = target;
    request.client_chain_der = chain;
    if (!user.empty()) request.headers.push_back({"X-Remote-User", user});
    return door.Handle(request);
  }
  int StatusOf(const std::string& target, const std::string& user = "ann") { return Ask(target, user).status; }

  FakeApi api;
  ManualClock clock;
  Identities identities;
  std::vector<std::string> chain = ChainOf(identities.Issue("front-proxy-client"));
  std::vector<std::string> asked;
  Door door{[this](kube::Client&, const std::string& mesh_key, const metrics::MetricsCall& call) {
    asked.push_back(mesh_key + " " + call.path + " " + call.window + " " + call.label_selector);
    return metrics::MetricsAnswer{200, {{"kind", "TrafficMetricsList"}}};
  }};
};

}  // namespace

TEST_CASE("whoever is no front proxy of the cluster gets 401, whatever the path", "[metrics_api]") {
  Gate gate;
  const std::string list = std::string(kBase) + "/namespaces/shop/pods";
  CHECK(gate.StatusOf(list) == 200);
  CHECK(gate.StatusOf(list, "") == 401);
  const Identities other;
  const std::vector<std::vector<std::string>> strangers = {
      {}, ChainOf(gate.identities.Issue("other-name")), ChainOf(other.Issue("front-proxy-client"))};
  for (const auto& chain : strangers) {
    gate.chain = chain;
    for (const std::string& path : {list, std::string(kBase), std::string("/apis"), std::string("/metrics")}) {
      const auto answer = gate.Ask(path);
      CHECK(answer.status == 401);
      CHECK(json::parse(answer.body)["kind"] == "Status");
    }
    CHECK(gate.StatusOf("/healthz") == 200);
    CHECK(gate.StatusOf("/livez") == 200);
    CHECK(gate.StatusOf("/readyz") == 200);
  }
  CHECK(gate.asked.size() == 1);
}

TEST_CASE("the certificate tells the cluster; one that fits two clusters fits none", "[metrics_api]") {
  Gate gate;
  const Identities second;
  gate.Put("two", second);
  gate.StatusOf(std::string(kBase) + "/pods");
  gate.chain = ChainOf(second.Issue("front-proxy-client"));
  gate.StatusOf(std::string(kBase) + "/pods");
  CHECK(gate.asked == std::vector<std::string>{"mesh of one /pods  ", "mesh of two /pods  "});
  gate.Put("three", second);
  CHECK(gate.StatusOf(std::string(kBase) + "/pods") == 401);
  gate.door.Remove("three");
  CHECK(gate.StatusOf(std::string(kBase) + "/pods") == 200);
  gate.door.Remove("two");
  CHECK(gate.StatusOf(std::string(kBase) + "/pods") == 401);
}

TEST_CASE("the user's access is reviewed for what is answered, and denied by default", "[metrics_api]") {
  Gate gate;
  gate.Reviews(false);
  const auto answer = gate.Ask(std::string(kBase) + "/namespaces/shop/deployments/web/edges");
  CHECK(answer.status == 403);
  const json status = json::parse(answer.body);
  CHECK(status["reason"] == "Forbidden");
  CHECK(status["message"].get<std::string>().find("\"ann\"") != std::string::npos);
  const auto reviews = gate.api.Seen(kReviews);
  REQUIRE(reviews.size() == 1);
  const json spec = json::parse(reviews[0].body)["spec"];
  CHECK(spec == json{{"user", "ann"},
                     {"resourceAttributes",
                      {{"group", "metrics.smi-spec.io"},
                       {"version", "v1alpha1"},
                       {"verb", "get"},
                       {"resource", "deployments"},
                       {"subresource", "edges"},
                       {"namespace", "shop"},
                       {"name", "web"}}}});
  // An API server that does not say is a no as well.
  gate.api.On(kReviews, {{403, StatusBody(403, "Forbidden")}});
  CHECK(gate.StatusOf(std::string(kBase) + "/pods") == 503);
  gate.api.On(kReviews, {{201, json::object()}});
  CHECK(gate.StatusOf(std::string(kBase) + "/namespaces") == 403);
  CHECK(gate.asked.empty());
}

TEST_CASE("a verdict holds for some seconds, for its user and question only", "[metrics_api]") {
  Gate gate;
  const std::string pods = std::string(kBase) + "/namespaces/shop/pods";
  CHECK(gate.StatusOf(pods) == 200);
  gate.Reviews(false);
  CHECK(gate.StatusOf(pods) == 200);
  CHECK(gate.StatusOf(pods, "eve") == 403);
  CHECK(gate.StatusOf(pods + "/a") == 403);
  gate.clock.Advance(metrics_api::kVerdictHolds + 1s);
  CHECK(gate.StatusOf(pods) == 403);
}

TEST_CASE("discovery needs no review, and paths outside of the API are not there", "[metrics_api]") {
  Gate gate;
  gate.Reviews(false);
  CHECK(json::parse(gate.Ask("/apis").body)["kind"] == "APIGroupList");
  CHECK(json::parse(gate.Ask("/apis/metrics.smi-spec.io").body)["kind"] == "APIGroup");
  for (const std::string slash : {"", "/"}) {
    const json list = json::parse(gate.Ask(kBase + slash).body);
    CHECK(list["kind"] == "APIResourceList");
    CHECK(list["groupVersion"] == "metrics.smi-spec.io/v1alpha1");
  }
  for (const char* path : {"/", "/openapi/v2", "/openapi/v3", "/apis/metrics.smi-spec.io/v1alpha2/pods",
                           "/apis/metrics.smi-spec.io/v1alpha10/pods", "/apis/other/v1alpha1"}) {
    INFO(path);
    CHECK(gate.StatusOf(path) == 404);
  }
  const auto unknown = gate.Ask(std::string(kBase) + "/gadgets");
  CHECK(unknown.status == 404);
  CHECK(json::parse(unknown.body) == json{{"error", "Unsupported resource: gadgets"}});
  CHECK(gate.StatusOf(std::string(kBase) + "//pods") == 400);
  CHECK(gate.StatusOf(std::string(kBase) + "/pods?watch=true") == 405);
  CHECK(gate.asked.empty());
}

TEST_CASE("window and label selector reach the mesh", "[metrics_api]") {
  Gate gate;
  gate.StatusOf(std::string(kBase) + "/namespaces/shop/pods/?t=1m30s&labelSelector=app%3Dweb");
  CHECK(gate.asked == std::vector<std::string>{"mesh of one /namespaces/shop/pods 1m30s app=web"});
}
