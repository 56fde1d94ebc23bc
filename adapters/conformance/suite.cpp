#include "adapters/conformance/internal/suite.h"

#include "adapters/conformance/objects.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr char kAccessVersion[] = "v0.6.0/v1alpha3";
constexpr char kOtherVersion[] = "v0.6.0/v1alpha4";

/// Writes documents of one namespace.
class Writer {
 public:
  Writer(std::string home, std::string other) : home_(std::move(home)), other_(std::move(other)) {}

  json Object(const char* version, const char* kind, const std::string& name, json spec) const {
    return {{"apiVersion", version},
            {"kind", kind},
            {"metadata", {{"name", name}, {"namespace", home_}}},
            {"spec", std::move(spec)}};
  }

  static json Account(const std::string& name, const std::string& name_space) {
    return {{"kind", "ServiceAccount"}, {"name", name}, {"namespace", name_space}};
  }

  json Target(const std::string& name, const std::string& destination, const json& sources, const json& rules) const {
    return Object("access.smi-spec.io/v1alpha3", "TrafficTarget", name,
                  {{"destination", Account(destination, home_)}, {"sources", sources}, {"rules", rules}});
  }
  json Target(const std::string& name, const std::string& source, const json& rule) const {
    return Target(name, "service-b", json::array({Account(source, home_)}), json::array({rule}));
  }

  json Tcp(const std::string& name, const std::vector<int>& ports) const {
    return Object("specs.smi-spec.io/v1alpha4", "TCPRoute", name, {{"matches", {{"ports", ports}}}});
  }
  json Udp(const std::string& name, const std::vector<int>& ports) const {
    return Object("specs.smi-spec.io/v1alpha4", "UDPRoute", name, {{"matches", {{"ports", ports}}}});
  }
  json Routes(const std::string& name, const json& matches) const {
    return Object("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", name, {{"matches", matches}});
  }
  json Split(const std::map<std::string, int>& weights) const {
    json backends = json::array();
    for (const auto& [service, weight] : weights) backends.push_back({{"service", service}, {"weight", weight}});
    return Object("split.smi-spec.io/v1alpha4", "TrafficSplit", "server-split",
                  {{"service", "app-svc"}, {"backends", backends}});
  }

  static json Rule(const char* kind, const std::string& name) { return {{"kind", kind}, {"name", name}}; }
  static json MatchRule(const std::string& group, const std::vector<std::string>& matches) {
    return {{"kind", "HTTPRouteGroup"}, {"name", group}, {"matches", matches}};
  }
  static json Match(const std::string& name, const std::string& path, const std::vector<std::string>& methods) {
    return {{"name", name}, {"pathRegex", path}, {"methods", methods}};
  }

  /// SMI denies what nobody granted. That app-c may call itself puts its namespace under that rule, and grants nothing
  /// that a case asks for.
  std::vector<json> Baseline() const {
    return {Tcp("baseline-route", {}), Target("baseline", "service-c", json::array({Account("service-c", home_)}),
                                              json::array({Rule("TCPRoute", "baseline-route")}))};
  }
  std::vector<json> WithBaseline(std::vector<json> documents) const {
    for (json& object : Baseline()) documents.push_back(std::move(object));
    return documents;
  }

  const std::string& home() const { return home_; }
  const std::string& other() const { return other_; }

 private:
  const std::string home_, other_;
};

Call Allowed(Call call) {
  return call;
}
Call Denied(Call call) {
  call.allowed = false;
  return call;
}

Step Known(const std::string& id, const char* group, const char* kind, const char* short_name) {
  Step step{id, std::string(kind) + " is known", Step::Kind::kKnown};
  step.smi_group = group;
  step.smi_kind = kind;
  step.short_name = short_name;
  return step;
}
Step Install(const std::string& id) {
  return {id, "The applications answer", Step::Kind::kInstall};
}
Step Apply(const std::string& id, const std::string& title, std::vector<json> documents) {
  return {id, title, Step::Kind::kApply, std::move(documents)};
}
Step Calls(const std::string& id, const std::string& title, std::vector<json> documents, std::vector<Call> calls) {
  return {id, title, Step::Kind::kCalls, std::move(documents), std::move(calls)};
}
Step Shares(const std::string& id, const std::string& title, std::vector<json> documents, std::vector<Share> shares) {
  Step step{id, title, Step::Kind::kShares, std::move(documents)};
  step.shares = std::move(shares);
  return step;
}

Group TrafficAccess(const Writer& w) {
  const std::vector<json> none = w.Baseline();
  const std::vector<json> granted =
      w.WithBaseline({w.Tcp("service-tcp-route", {}),
                      w.Target("service-targets", "service-a", Writer::Rule("TCPRoute", "service-tcp-route"))});
  return {"traffic-access",
          kAccessVersion,
          true,
          {Known("traffic-access-01", "access.smi-spec.io", "TrafficTarget", "tt"), Install("traffic-access-02"),
           Calls("traffic-access-03", "Without a TrafficTarget the request is denied", none, {Denied({})}),
           Apply("traffic-access-04", "A TrafficTarget with a TCPRoute is taken", granted),
           Calls("traffic-access-05", "With the TrafficTarget the request passes", granted, {Allowed({})}),
           Apply("traffic-access-06", "The TrafficTarget is taken back", none),
           Calls("traffic-access-07", "Without the TrafficTarget the request is denied again", none, {Denied({})})}};
}

Group TrafficSpec(const Writer& w) {
  const auto with = [&w](const json& match) {
    return w.WithBaseline({w.Routes("http-rg", json::array({match})),
                           w.Target("service-targets", "service-a", Writer::MatchRule("http-rg", {"testMatch"}))});
  };
  const std::vector<json> path = with(Writer::Match("testMatch", "/metrics", {"*"}));
  const std::vector<json> method = with(Writer::Match("testMatch", ".*", {"GET"}));
  return {"traffic-spec",
          kOtherVersion,
          true,
          {Known("traffic-spec-01", "specs.smi-spec.io", "HTTPRouteGroup", "htr"), Install("traffic-spec-02"),
           Apply("traffic-spec-03", "An HTTPRouteGroup with a path is taken", path),
           Calls("traffic-spec-04", "Only the path passes", path, {Allowed({.path = "/metrics"}), Denied({})}),
           Apply("traffic-spec-05", "An HTTPRouteGroup with a method is taken", method),
           Calls("traffic-spec-06", "Only the method passes", method, {Allowed({}), Denied({.method = "POST"})})}};
}

Group TrafficSplit(const Writer& w) {
  const std::vector<json> all_b = {w.Split({{"app-b", 1}, {"app-c", 0}})};
  const std::vector<json> all_c = {w.Split({{"app-b", 0}, {"app-c", 1}})};
  const std::vector<json> more_b = {w.Split({{"app-b", 75}, {"app-c", 25}})};
  const std::vector<json> more_c = {w.Split({{"app-b", 25}, {"app-c", 75}})};
  const auto weights = [](double to_b) { return Share{Share::Rule::kWeights, to_b, {}, 0}; };
  return {"traffic-split",
          kOtherVersion,
          true,
          {Known("traffic-split-01", "split.smi-spec.io", "TrafficSplit", "ts"), Install("traffic-split-02"),
           Shares("traffic-split-03", "Without a split both backends get requests", {}, {{Share::Rule::kBoth}}),
           Apply("traffic-split-04", "A split 1:0 is taken", all_b),
           Shares("traffic-split-05", "The first backend gets everything", all_b, {{Share::Rule::kExactly, 1}}),
           Apply("traffic-split-06", "A split 0:1 is taken", all_c),
           Shares("traffic-split-07", "The second backend gets everything", all_c, {{Share::Rule::kExactly, 0}}),
           Apply("traffic-split-08", "A split 75:25 is taken", more_b),
           Shares("traffic-split-09", "The first backend gets three quarters", more_b, {weights(0.75)}),
           Apply("traffic-split-10", "A split 25:75 is taken", more_c),
           Shares("traffic-split-11", "The second backend gets three quarters", more_c, {weights(0.25)})}};
}

Group One(Step step, const char* smi_version) {
  const std::string name = step.id;
  return {name, smi_version, false, {std::move(step)}};
}

void AddSpecs(const Writer& w, std::vector<Group>& suite) {
  const auto granted = [&w](const json& matches, const json& rule) {
    return w.WithBaseline({w.Routes("http-rg", matches), w.Target("service-targets", "service-a", rule)});
  };
  const json tier = json::array({{{"name", "tier"}, {"headers", json::array({{{"x-tier", "gold|silver"}}})}}});
  suite.push_back(One(Calls("spec-headers", "A header's value is a regular expression",
                            granted(tier, Writer::MatchRule("http-rg", {"tier"})),
                            {Allowed({.headers = {{"x-tier", "gold"}}}), Allowed({.headers = {{"x-tier", "silver"}}}),
                             Denied({.headers = {{"x-tier", "bronze"}}}), Denied({})}),
                      kOtherVersion));
  const json two =
      json::array({Writer::Match("metrics", "/metrics", {"GET"}), Writer::Match("echo", "/echo", {"GET"})});
  const std::vector<Call> both = {Allowed({.path = "/metrics"}), Allowed({}), Denied({.method = "POST"}),
                                  Denied({.path = "/other"})};
  suite.push_back(One(Calls("spec-matches-union", "Matches of a rule add up",
                            granted(two, Writer::MatchRule("http-rg", {"metrics", "echo"})), both),
                      kOtherVersion));
  suite.push_back(One(Calls("spec-empty-matches", "A rule without matches means all of them",
                            granted(two, Writer::Rule("HTTPRouteGroup", "http-rg")), both),
                      kOtherVersion));
  const json prefix = json::array({Writer::Match("metrics", "/metrics", {"*"})});
  suite.push_back(One(Calls("spec-prefix-anchor", "A path is anchored at its beginning and open at its end",
                            granted(prefix, Writer::MatchRule("http-rg", {"metrics"})),
                            {Allowed({.path = "/metrics"}), Allowed({.path = "/metricsx"}),
                             Allowed({.path = "/metrics?a=1"}), Denied({.path = "/x/metrics"})}),
                      kOtherVersion));
}

void AddAccess(const Writer& w, std::vector<Group>& suite) {
  const json read = json::array({Writer::Match("read", "/echo", {"GET"})});
  const json all = json::array({Writer::Match("all", "/echo", {"*"})});
  suite.push_back(
      One(Calls("access-multi-target", "Overlapping TrafficTargets of one destination add up",
                {w.Routes("read-rg", read), w.Routes("all-rg", all),
                 w.Target("first", "service-a", Writer::MatchRule("read-rg", {"read"})),
                 w.Target("second", "service-c", Writer::MatchRule("all-rg", {"all"}))},
                {Allowed({}), Denied({.method = "POST"}), Allowed({.from = "app-c"}),
                 Allowed({.from = "app-c", .method = "POST"}), Denied({.from = "app-c", .path = "/other"})}),
          kAccessVersion));
  const json elsewhere = json::array({Writer::Account("service-d", w.other())});
  suite.push_back(One(Calls("access-cross-namespace", "A source of another namespace passes, others do not",
                            {w.Tcp("tcp", {}), w.Target("service-targets", "service-b", elsewhere,
                                                        json::array({Writer::Rule("TCPRoute", "tcp")}))},
                            {Allowed({.from = "app-d"}), Denied({})}),
                      kAccessVersion));
  suite.push_back(
      One(Calls("access-tcp-port", "A TCPRoute with a port opens that port only",
                {w.Tcp("tcp", {kPort}), w.Target("service-targets", "service-a", Writer::Rule("TCPRoute", "tcp"))},
                {Allowed({}), Denied({.port = kSecondPort})}),
          kAccessVersion));
  suite.push_back(
      One(Calls("access-udp", "A UDPRoute opens its port and nothing of TCP",
                {w.Udp("udp", {kUdpPort}), w.Target("service-targets", "service-a", Writer::Rule("UDPRoute", "udp"))},
                {Allowed({.method = "SEND", .port = kUdpPort, .scheme = "udp"}), Denied({})}),
          kAccessVersion));
}

void AddSplits(const Writer& w, std::vector<Group>& suite) {
  suite.push_back(One(Shares("split-zero-sum", "With weights of 0 alone no backend gets a request",
                             {w.Split({{"app-b", 0}, {"app-c", 0}})}, {{Share::Rule::kNoBackend}}),
                      kOtherVersion));
  suite.push_back(
      One(Shares("split-self-ref", "The root among the backends means its own endpoints",
                 {w.Split({{"app-b", 1}, {"app-svc", 1}})}, {{.rule = Share::Rule::kMoreAtB, .requests = 200}}),
          kOtherVersion));
  suite.push_back(One(Shares("split-port-mismatch", "A backend without the root's port gets nothing",
                             {w.Split({{"app-b", 1}, {"app-c-elsewhere", 1}})}, {{Share::Rule::kExactly, 1}}),
                      kOtherVersion));
  json chosen = w.Split({{"app-b", 0}, {"app-c", 1}});
  chosen["spec"]["matches"] = json::array({{{"kind", "HTTPRouteGroup"}, {"name", "beta"}}});
  const json beta = json::array({{{"name", "beta"}, {"headers", json::array({{{"x-group", "beta"}}})}}});
  suite.push_back(One(
      Shares("split-matches", "Requests that match are split, others go to the root", {w.Routes("beta", beta), chosen},
             {{Share::Rule::kExactly, 0, {{"x-group", "beta"}}}, {Share::Rule::kBoth}}),
      kOtherVersion));
  suite.push_back({"split-delete",
                   kOtherVersion,
                   false,
                   {Shares("split-delete-01", "The split is in force", {w.Split({{"app-b", 1}, {"app-c", 0}})},
                           {{Share::Rule::kExactly, 1}}),
                    Shares("split-delete-02", "Without the split the root serves again", {}, {{Share::Rule::kBoth}})}});
}

void AddMetrics(std::vector<Group>& suite) {
  // No other case calls app-a, so nothing else counts there.
  const Call call{.from = "app-c", .service = "app-a", .server = "app-a"};
  const std::string one = "deployments/" + DeploymentOf(call.server);
  for (const auto& [id, title, resource] :
       {std::tuple("metrics-list", "TrafficMetrics lists the workloads", std::string("deployments")),
        std::tuple("metrics-get", "TrafficMetrics tells of one workload", one),
        std::tuple("metrics-edges", "TrafficMetrics tells who calls a workload", one + "/edges")}) {
    Step step{id, title, Step::Kind::kMetrics};
    step.resource = resource;
    step.calls = {call};
    suite.push_back(One(std::move(step), "v0.6.0/v1alpha1"));
  }
}

}  // namespace

std::vector<Group> MakeSuite(const std::string& home, const std::string& other) {
  const Writer writer(home, other);
  std::vector<Group> suite = {TrafficAccess(writer), TrafficSpec(writer), TrafficSplit(writer)};
  AddSpecs(writer, suite);
  AddAccess(writer, suite);
  AddSplits(writer, suite);
  AddMetrics(suite);
  return suite;
}

}  // namespace meshplay::conformance
