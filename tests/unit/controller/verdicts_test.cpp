#include <catch2/catch.hpp>

#include "adapters/controller/host.h"
#include "adapters/controller/release.h"
#include "adapters/controller/verdicts.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

constexpr std::int64_t kNow = 1'800'000'000'000;

Verdict VerdictOf(const std::string& state, smi::SupportLevel level) {
  Verdict verdict;
  verdict.object = std::make_shared<const json>(
      json{{"apiVersion", "split.smi-spec.io/v1alpha4"},
           {"kind", "TrafficSplit"},
           {"metadata", {{"name", "canary"}, {"namespace", "shop"}, {"uid", "u1"}, {"generation", 4}}}});
  verdict.ref = kube::RefOf(*verdict.object);
  verdict.state = state;
  verdict.report.level = level;
  verdict.report.explanation = "Traffic is shared.";
  return verdict;
}

Verdict Stored(Verdict verdict, const json& status) {
  json object = *verdict.object;
  object["status"] = status;
  verdict.object = std::make_shared<const json>(std::move(object));
  return verdict;
}

TEST_CASE("a status that did not change is the same document at any time") {
  const Verdict first = VerdictOf("IN_STEP", smi::SupportLevel::kFull);
  const json status = StatusOf(first, "istio", kNow);
  CHECK(status["observedGeneration"] == 4);
  CHECK(status["conditions"][0]["status"] == "True");
  CHECK(StatusOf(Stored(first, status), "istio", kNow + 60'000) == status);
  const Verdict worse = VerdictOf("CONFLICT", smi::SupportLevel::kNone);
  const json changed = StatusOf(Stored(worse, status), "istio", kNow + 60'000);
  CHECK(changed["conditions"][0]["status"] == "False");
  CHECK(changed["conditions"][0]["lastTransitionTime"] == TimeText(kNow + 60'000));
}

TEST_CASE("status and annotation are bounded, whatever there is to say") {
  Verdict verdict = VerdictOf("INVALID", smi::SupportLevel::kNone);
  for (int i = 0; i < 100; ++i) {
    const std::string message = std::string(508, 'x') + "\xC3\xA9\xC3\xA9\xC3\xA9";
    verdict.report.diagnostics.push_back({"CODE", smi::Severity::kError, "/spec", message, ""});
    verdict.report.generated.push_back({"v1", "Kind", "shop", "object-" + std::to_string(i)});
  }
  const json status = StatusOf(verdict, "istio", kNow);
  CHECK(status["diagnostics"].size() == kMaxDiagnostics);
  CHECK(status["generated"].size() == kMaxGenerated);
  CHECK(status["diagnostics"][0]["message"].get<std::string>().size() <= 512);
  CHECK(AnnotationOf(status).size() <= kMaxAnnotationBytes);  // throws when a character was cut in half
  CHECK(json::parse(AnnotationOf(status))["state"] == "INVALID");
}

TEST_CASE("events tell of changes of state, level or diagnostics, under a name that counts repetitions") {
  const Verdict verdict = VerdictOf("IN_STEP", smi::SupportLevel::kFull);
  const json status = StatusOf(verdict, "istio", kNow);
  const auto first = EventFor(*verdict.object, nullptr, status, kNow);
  REQUIRE(first);
  CHECK((*first)["type"] == "Normal");
  CHECK((*first)["reason"] == "InStep");
  CHECK_FALSE(EventFor(*verdict.object, status, status, kNow));
  json worse = status;
  worse["state"] = "DEGRADED";
  const auto degraded = EventFor(*verdict.object, status, worse, kNow);
  REQUIRE(degraded);
  CHECK((*degraded)["type"] == "Warning");
  CHECK((*degraded)["metadata"]["name"] != (*first)["metadata"]["name"]);
  CHECK((*EventFor(*verdict.object, worse, status, kNow + 9'000))["metadata"]["name"] == (*first)["metadata"]["name"]);
}

TEST_CASE("a condition says how a controller does, and nothing when there is none") {
  ControllerReport report;
  CHECK_FALSE(ConditionOf(report));
  report.enabled = true;
  report.summary.objects = report.summary.full = 2;
  CHECK(ConditionOf(report)->reason() == "InStep");
  report.summary.conflicts = 1;
  CHECK(ConditionOf(report)->status() == pb::CONDITION_STATUS_FALSE);
  CHECK(ConditionOf(report)->message() == "2 objects: 2 FULL, 0 PARTIAL, 0 NONE; 1 conflict");
  report.trouble_reason = "NATIVE_CONSUMER";
  CHECK(ConditionOf(report)->reason() == "NotInStep");
}

class ViewProbe final : public sdk::InventoryView {
 public:
  void Replace(const std::vector<pb::InventoryKind>&, std::vector<pb::InventoryItem> items) override {
    for (auto& item : items) Show(std::move(item));
  }
  void Upsert(pb::InventoryItem item) override {
    Show(std::move(item));
    ++upserts;
  }
  void Remove(const pb::ObjectRef&) override {}
  void MarkComplete() override {}
  pb::InventoryItem last;
  std::map<std::string, pb::InventoryItem> shown;  ///< By the name.
  int upserts = 0;

 private:
  void Show(pb::InventoryItem item) {
    last = std::move(item);
    shown[last.ref().key().name()] = last;
  }
};

pb::InventoryItem MeshItem(const std::string& name, const std::string& mesh_key) {
  pb::InventoryItem item;
  item.mutable_ref()->mutable_key()->set_name(name);
  item.mutable_mesh()->set_mesh_key(mesh_key);
  return item;
}

TEST_CASE("the item of a mesh carries the report of its controller, whichever comes first") {
  ViewProbe probe;
  ReportingView view(probe);
  const pb::InventoryItem item = MeshItem("istiod", "istio-system/default");
  view.Upsert(item);
  CHECK(probe.last.conditions_size() == 0);
  ControllerReport report;
  report.enabled = true;
  report.mesh_key = "istio-system/default";
  view.Report(report);
  REQUIRE(probe.last.conditions_size() == 1);
  CHECK(probe.last.conditions(0).type() == "SmiController");
  view.Upsert(item);
  CHECK(probe.last.conditions_size() == 1);
  view.Report({});
  CHECK(probe.last.conditions_size() == 0);
  view.Remove(item.ref());
  const int before = probe.upserts;
  report.mesh_key = "istio-system/default";
  view.Report(report);
  CHECK(probe.upserts == before);
}

TEST_CASE("a report on a mesh that is not there stands at every mesh until it is there") {
  ViewProbe probe;
  ReportingView view(probe);
  const pb::InventoryItem item = MeshItem("istiod", "istio-system/default");
  const pb::InventoryItem other = MeshItem("istiod-next", "istio-system/next");
  view.Upsert(item);
  ControllerReport report;
  report.enabled = true;
  report.mesh_key = "istio-system/next";
  view.Report(report);
  CHECK(probe.last.conditions_size() == 1);
  view.Upsert(other);
  CHECK(probe.shown["istiod"].conditions_size() == 0);
  CHECK(probe.shown["istiod-next"].conditions_size() == 1);
  view.Remove(other.ref());
  CHECK(probe.shown["istiod"].conditions_size() == 1);
  view.Replace({}, {item, other});
  CHECK(probe.shown["istiod"].conditions_size() == 0);
  CHECK(probe.shown["istiod-next"].conditions_size() == 1);
  report.mesh_key.clear();
  view.Report(report);
  CHECK(probe.shown["istiod"].conditions_size() == 1);
  CHECK(probe.shown["istiod-next"].conditions_size() == 1);
  view.Report({});
  CHECK(probe.shown["istiod"].conditions_size() == 0);
  CHECK(probe.shown["istiod-next"].conditions_size() == 0);
}

TEST_CASE("conditions of several parts stand beside each other at a mesh, one of each type") {
  ViewProbe probe;
  ReportingView view(probe);
  const pb::InventoryItem item = MeshItem("istiod", "istio-system/default");
  view.Upsert(item);
  ControllerReport report;
  report.enabled = true;
  report.mesh_key = "istio-system/default";
  view.Report(report);
  pb::Condition other;
  other.set_type("Other");
  other.set_reason("First");
  view.Set("Other", "istio-system/default", other);
  other.set_reason("Second");
  view.Set("Other", "istio-system/default", other);
  REQUIRE(probe.last.conditions_size() == 2);
  CHECK(probe.last.conditions(0).reason() == "Second");
  CHECK(probe.last.conditions(1).type() == "SmiController");
  view.Set("Other", "", std::nullopt);
  REQUIRE(probe.last.conditions_size() == 1);
  CHECK(probe.last.conditions(0).type() == "SmiController");
}

TEST_CASE("what the controller put on an object is taken back, and nothing else") {
  json object = {{"apiVersion", "access.smi-spec.io/v1alpha4"},
                 {"kind", "TrafficTarget"},
                 {"metadata",
                  {{"name", "a"},
                   {"namespace", "shop"},
                   {"resourceVersion", "7"},
                   {"finalizers", {"example.com/other", kFinalizer}},
                   {"annotations", {{kStatusAnnotation, "{}"}, {"mine", "x"}}}}},
                 {"status", {{"meshType", "istio"}, {"state", "IN_STEP"}, {"theirs", 1}}}};
  const auto releases = ReleasesOf({std::make_shared<const json>(object)});
  REQUIRE(releases.size() == 1);
  CHECK(releases[0].patch["metadata"]["finalizers"] == json::array({"example.com/other"}));
  CHECK(releases[0].patch["metadata"]["resourceVersion"] == "7");
  object.merge_patch(releases[0].patch);
  object.merge_patch(releases[0].status_patch);
  CHECK(object["metadata"]["annotations"] == json{{"mine", "x"}});
  CHECK(object["status"] == json{{"theirs", 1}});
  CHECK(ReleasesOf({std::make_shared<const json>(object)}).empty());
}

}  // namespace
}  // namespace meshplay::controller
