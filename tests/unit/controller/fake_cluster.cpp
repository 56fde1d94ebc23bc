#include "tests/unit/controller/fake_cluster.h"

#include <catch2/catch.hpp>
#include <set>

#include "adapters/istio/emitter/emit.h"
#include "libs/base/yaml.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"

namespace meshplay::test {
namespace {

using nlohmann::json;

std::string NameOf(const json& object) {
  return kube::GvkOf(object).kind + "/" + kube::NamespaceOf(object) + "/" + kube::NameOf(object);
}

constexpr char kShop[] = R"(
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {serviceAccountName: api, containers: [{name: api, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: api, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: api-v1, namespace: shop}
spec: {selector: {app: api, version: v1}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: api-v2, namespace: shop}
spec: {selector: {app: api, version: v2}, ports: [{name: http, port: 8080}]}
)";

}  // namespace

FakeCluster::FakeCluster() {
  Put(kShop);
}

void FakeCluster::Put(const std::string& yaml) {
  const auto documents = ParseYaml(yaml);
  REQUIRE(documents.has_value());
  for (const auto& document : *documents) Apply(document.value);
}

void FakeCluster::Apply(const json& object) {
  const std::string name = NameOf(object);
  const auto before = objects_.find(name);
  json stored = object;
  json& metadata = stored["metadata"];
  const bool there = before != objects_.end();
  metadata["uid"] = there ? kube::UidOf(before->second) : "uid-" + std::to_string(next_uid_++);
  long long generation = there ? kube::NumberAt(before->second, "/metadata/generation") : 1;
  if (there && before->second["spec"] != stored["spec"]) ++generation;
  metadata["generation"] = generation;
  if (there && before->second["metadata"].contains("finalizers")) {
    metadata["finalizers"] = before->second["metadata"]["finalizers"];
  }
  objects_[name] = std::move(stored);
}

void FakeCluster::Remove(const std::string& name) {
  json& object = objects_.at(name);
  if (object["metadata"].contains("finalizers")) {
    object["metadata"]["deletionTimestamp"] = "2027-01-01T00:00:00Z";
  } else {
    objects_.erase(name);
  }
}

std::vector<std::string> FakeCluster::Names(const std::string& kind) const {
  std::vector<std::string> names;
  for (const auto& [name, object] : objects_) {
    if (name.rfind(kind + "/", 0) == 0) names.push_back(name.substr(kind.size() + 1));
  }
  return names;
}

std::vector<std::string> FakeCluster::Round() {
  std::vector<json> cluster, counting;
  controller::StoredObjects all, smi_objects, mesh_objects;
  for (const auto& [name, object] : objects_) {
    const auto shared = std::make_shared<const json>(object);
    if (smi::IsSmiDocument(object)) {
      smi_objects.push_back(shared);
      if (!kube::IsBeingDeleted(object)) counting.push_back(object);
      continue;
    }
    const bool of_mesh = kube::GvkOf(object).group.find("istio.io") != std::string::npos;
    if (of_mesh) mesh_objects.push_back(shared);
    if (!of_mesh || !blind_translation) cluster.push_back(object);
  }
  const smi::DocumentSet set = smi::ParseDocuments(counting);
  istio::EmitOptions options;
  options.owner = controller::kOwner;
  options.owner_references = true;
  auto emission = istio::EmitSmi(set, facts::FactsFromObjects(cluster), options);
  REQUIRE(emission.has_value());
  const controller::Picture picture{std::move(smi_objects), set, std::move(*emission), std::move(mesh_objects), now_ms};
  last = controller::Reconcile(picture, state, written_, {"istio", std::chrono::seconds(60)});
  state = controller::ReadState(controller::PrintState(last.state));
  REQUIRE(state == last.state);
  std::vector<std::string> done;
  std::set<std::string> failed;
  for (const controller::Step& step : last.steps) {
    bool waits = false;
    for (const std::string& source : step.sources) waits = waits || failed.count(source) != 0;
    if (!waits && !Do(step, done)) failed.insert(step.sources.begin(), step.sources.end());
  }
  return done;
}

bool FakeCluster::Do(const controller::Step& step, std::vector<std::string>& done) {
  static const char* const kWords[] = {"guard", "apply", "delete", "release"};
  const std::string name = step.ref.gvk.kind + "/" + step.ref.name_space + "/" + step.ref.name;
  done.push_back(std::string(kWords[static_cast<int>(step.kind)]) + " " + name);
  if (!broken.empty() && done.back().find(broken) != std::string::npos) return false;
  switch (step.kind) {
    case controller::StepKind::kApply: {
      Apply(step.object);
      const auto known = written_.find(step.ref);
      written_[step.ref] = controller::AfterWrite(known == written_.end() ? nullptr : &known->second, step.object,
                                                  objects_.at(name), now_ms);
      break;
    }
    case controller::StepKind::kDelete:
      REQUIRE(kube::UidOf(objects_.at(name)) == step.uid);
      objects_.erase(name);
      break;
    default:
      objects_.at(name)["metadata"]["finalizers"] = step.object;
      if (step.object.empty()) {
        objects_.at(name)["metadata"].erase("finalizers");
        if (kube::IsBeingDeleted(objects_.at(name))) objects_.erase(name);
      }
  }
  return true;
}

std::vector<std::string> FakeCluster::Settle() {
  std::vector<std::string> all;
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::string> done = Round();
    if (done.empty()) return all;
    all.insert(all.end(), done.begin(), done.end());
  }
  FAIL("it does not settle: " << all.back());
  return all;
}

const controller::Verdict& FakeCluster::VerdictOf(const std::string& name) const {
  for (const controller::Verdict& verdict : last.verdicts) {
    if (NameOf(*verdict.object) == name) return verdict;
  }
  FAIL("nothing is said of " << name);
  return last.verdicts.front();
}

void FakeCluster::Restart() {
  written_.clear();
  state = controller::ReadState(controller::PrintState(state));
}

}  // namespace meshplay::test
