#include <catch2/catch.hpp>

#include "adapters/common/documents.h"
#include "adapters/common/object_set.h"
#include "adapters/common/ownership.h"
#include "adapters/common/plan_objects.h"
#include "adapters/common/preflight.h"
#include "adapters/common/sample_app.h"

using namespace meshplay::common;
using nlohmann::json;
namespace kube = meshplay::kube;

namespace {

json Object(const std::string& kind, const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", name}}}};
}

}  // namespace

TEST_CASE("any text becomes a legal label value, equal texts equal ones", "[common]") {
  CHECK(LabelValue("smi") == "smi");
  const std::vector<std::string> texts = {"", "-", "a/b", "ends-", std::string(100, 'x'), "ä"};
  for (const std::string& text : texts) {
    const std::string value = LabelValue(text);
    INFO(text << " -> " << value);
    CHECK_FALSE(value.empty());
    CHECK(value.size() <= 63);
    CHECK(std::isalnum(static_cast<unsigned char>(value.front())) != 0);
    CHECK(std::isalnum(static_cast<unsigned char>(value.back())) != 0);
    CHECK(LabelValue(text) == value);
  }
  CHECK(LabelValue("a/b") != LabelValue("a-b"));
}

TEST_CASE("an owner counts only on objects that Meshplay manages", "[common]") {
  json object = Object("ConfigMap", "a");
  object["metadata"]["labels"] = {{kOwnerLabel, "somebody"}};
  CHECK(OwnerOf(object).empty());
  SetOwnership(object, "me", "istio");
  CHECK(OwnerOf(object) == "me");
  CHECK(IsOurs(object, "istio"));
  CHECK_FALSE(IsOurs(object, "linkerd"));
}

TEST_CASE("objects are sorted the way a cluster needs them, webhooks last", "[common]") {
  std::vector<json> objects;
  for (const char* kind : {"ValidatingWebhookConfiguration", "Deployment", "VirtualService", "Service", "ConfigMap",
                           "ServiceAccount", "CustomResourceDefinition", "Namespace"}) {
    objects.push_back(Object(kind, "a"));
  }
  SortForApply(objects);
  std::vector<std::string> kinds;
  for (const json& object : objects) kinds.push_back(object["kind"]);
  CHECK(kinds == std::vector<std::string>{"Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap",
                                          "Service", "Deployment", "VirtualService", "ValidatingWebhookConfiguration"});
}

TEST_CASE("documents are opened, and what is no object is named with its line", "[common]") {
  const auto read = ReadDocuments(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: List\nitems:\n"
      "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n");
  REQUIRE(read.has_value());
  CHECK(read->size() == 2);
  for (const char* text : {"", "just text", "kind: ConfigMap\nmetadata: {name: a}", "apiVersion: v1\nkind: ConfigMap",
                           "a: [", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]"}) {
    INFO(text);
    const auto refused = ReadDocuments(text);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().reason() == "PARAMETERS_INVALID");
    REQUIRE_FALSE(refused.error().violations().empty());
    CHECK(refused.error().violations().front().pointer == "/documents");
  }
}

TEST_CASE("a plan shows patches, masks secrets, leaves large bodies out, and its digest is over the content",
          "[common]") {
  PlannedObject secret;
  secret.ref = {{"", "v1", "Secret"}, "default", "key"};
  secret.action = pb::CHANGE_ACTION_UPDATE;
  secret.before = Object("Secret", "key");
  secret.before["data"] = {{"password", "b2xk"}};
  secret.after = secret.before;
  secret.after["data"]["password"] = "bmV3";
  secret.after["type"] = "Opaque";
  const pb::PlannedChange change = ToPlannedChange(secret);
  CHECK(change.before_json().find("b2xk") == std::string::npos);
  CHECK(change.after_json().find("bmV3") == std::string::npos);
  CHECK(change.json_patch() == R"([{"op":"add","path":"/type","value":"Opaque"}])");

  PlannedObject large = secret;
  large.ref.gvk.kind = "ConfigMap";
  large.after = Object("ConfigMap", "key");
  large.after["data"] = {{"a", std::string(40'000, 'x')}};
  CHECK(ToPlannedChange(large).bodies_omitted());
  CHECK(ToPlannedChange(large).after_json().empty());

  pb::Plan one, two;
  AddChanges(one, {secret});
  AddChanges(two, {secret});
  CHECK(DigestOf(one, "x", {{"a", 1}}) == DigestOf(two, "x", {{"a", 1}}));
  CHECK(DigestOf(one, "x", {{"a", 1}}) != DigestOf(two, "x", {{"a", 2}}));
  secret.after["type"] = "Other";
  pb::Plan three;
  AddChanges(three, {secret});
  CHECK(DigestOf(one, "x", {}) != DigestOf(three, "x", {}));
}

TEST_CASE("an inspection is NONE, PARTIAL or COMPLETE by what is left to do", "[common]") {
  PlannedObject done, open;
  done.action = pb::CHANGE_ACTION_NOOP;
  open.action = pb::CHANGE_ACTION_CREATE;
  CHECK(InspectionOf({done, done}, {}).effect() == pb::EFFECT_COMPLETE);
  CHECK(InspectionOf({done, open}, {}).effect() == pb::EFFECT_PARTIAL);
  CHECK(InspectionOf({open, open}, {}).effect() == pb::EFFECT_NONE);
  CHECK(InspectionOf({}, {}).effect() == pb::EFFECT_COMPLETE);
  CHECK(InspectionOf({done}, {open}).effect() == pb::EFFECT_PARTIAL);
}

TEST_CASE("Kubernetes too old blocks, too new warns", "[common]") {
  Preflight fine, old, newer;
  CheckKubernetes(fine, "v1.33.1", 32, 37);
  CHECK(fine.diagnostics.empty());
  CheckKubernetes(old, "v1.27.9-gke.1", 32, 37);
  REQUIRE(old.blocker);
  CHECK(old.blocker->reason() == "PREREQUISITE_MISSING");
  CheckKubernetes(newer, "v1.40.0", 32, 37);
  CHECK_FALSE(newer.blocker);
  REQUIRE(newer.diagnostics.size() == 1);
  CHECK(newer.diagnostics[0].code() == "KUBERNETES_UNTESTED");
}

TEST_CASE("the sample application has a Service and an account for each part and one for each version", "[common]") {
  SampleAppOptions options;
  options.name_space = "shop";
  options.image = "img";
  options.load_image = "load";
  options.pod_labels = {{"x", "y"}};
  std::set<std::string> names;
  for (const json& object : SampleAppObjects(options)) {
    const kube::ObjectRef ref = kube::RefOf(object);
    CHECK(ref.name_space == "shop");
    names.insert(ref.gvk.kind + "/" + ref.name);
    if (ref.gvk.kind == "Deployment") CHECK(object["spec"]["template"]["metadata"]["labels"]["x"] == "y");
  }
  for (const char* name : {"ServiceAccount/front", "Service/front", "Service/mid", "Service/mid-v1", "Service/mid-v3",
                           "Service/store", "Deployment/front", "Deployment/mid-v2", "Deployment/loadgen"}) {
    INFO(name);
    CHECK(names.count(name) == 1);
  }
}
