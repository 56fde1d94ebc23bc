#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "adapters/common/convert.h"
#include "adapters/common/documents.h"
#include "adapters/common/ownership.h"
#include "adapters/common/set_operation.h"
#include "adapters/istio/emitter/emit.h"
#include "adapters/istio/internal/distribution.h"
#include "adapters/istio/internal/smi_controller.h"
#include "adapters/istio/internal/smi_facts.h"
#include "adapters/istio/operations/operations.h"
#include "adapters/translate/drafts.h"
#include "libs/base/json.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "libs/smi/validate.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kApplySchema[] = R"({
  "type": "object", "additionalProperties": false, "required": ["documents"],
  "properties": {
    "documents": {"type": "string", "minLength": 1, "maxLength": 500000, "title": "SMI documents",
                  "description": "TrafficSplit, TrafficTarget, HTTPRouteGroup and TCPRoute as YAML or JSON.",
                  "x-format": "yaml"},
    "namespace": {"type": "string", "format": "dns-label", "default": "default", "title": "Namespace",
                  "description": "For documents that name none."},
    "options": {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}, "default": {},
                "title": "Options of the translation",
                "description": "allowWidening, mode, pathAnchor, lenientDots, allowMissing, selfReference, trustDomain, clusterDomain, istio.mtls, istio.envoyFilter, istio.dataplane."}
  }
})";

constexpr char kDeleteSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "documents": {"type": "string", "maxLength": 500000, "default": "", "title": "SMI documents",
                  "description": "Which of the applied documents to take back (only their kinds and names count). Empty: all of them.",
                  "x-format": "yaml"},
    "namespace": {"type": "string", "format": "dns-label", "default": "default", "title": "Namespace",
                  "description": "For documents that name none."},
    "options": {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}, "default": {},
                "title": "Options of the translation", "description": "Of what stays; as in smi.apply."}
  }
})";

constexpr char kFieldManager[] = "meshplay-smi";

/// Documents by what they are, whatever their version: "group/Kind namespace/name".
using Documents = std::map<std::string, json>;

Result<Documents> ByIdentity(std::vector<json> objects, const std::string& default_namespace) {
  Documents documents;
  for (json& object : objects) {
    if (!smi::IsSmiDocument(object)) {
      const std::string what = kube::RefOf(object).ToString();
      return InvalidArgument("SMI_INVALID", what + " is no SMI object").WithViolation("/documents", what);
    }
    if (kube::NamespaceOf(object).empty()) object["metadata"]["namespace"] = default_namespace;
    const kube::ObjectRef ref = kube::RefOf(object);
    documents[ref.gvk.group + "/" + ref.gvk.kind + " " + ref.name_space + "/" + ref.name] = std::move(object);
  }
  return documents;
}

Documents FromNote(const std::string& note) {
  Documents documents;
  const auto list = ParseJson(note);
  if (!list || !list->is_array()) return documents;
  auto read = ByIdentity(std::vector<json>(list->begin(), list->end()), "default");
  return read ? std::move(*read) : documents;
}

std::string ToNote(const Documents& documents) {
  json list = json::array();
  for (const auto& [identity, document] : documents) list.push_back(document);
  return DumpJson(list);
}

Result<EmitOptions> ReadOptions(const json& parameters, const std::string& owner) {
  EmitOptions options;
  options.owner = owner;
  const json chosen = parameters.value("options", json::object());
  for (const auto& [name, value] : chosen.items()) {
    const std::string text = value.is_boolean() ? (value.get<bool>() ? "true" : "false") : value.get<std::string>();
    MP_CHECK(SetOption(options, name, text));
  }
  return options;
}

std::set<std::string> NamespacesOf(const smi::DocumentSet& set) {
  std::set<std::string> namespaces;
  for (const smi::Head* head : smi::AllHeads(set)) namespaces.insert(head->key.namespace_name);
  for (const smi::TrafficTarget& target : set.targets) {
    namespaces.insert(target.destination.namespace_name);
    for (const smi::Subject& source : target.sources) namespaces.insert(source.namespace_name);
  }
  namespaces.erase("");
  return namespaces;
}

/// Translates the whole set of an owner into a job. Documents that break the rules refuse the whole.
Status Translate(Attempt& attempt, const ControlPlane& plane, const Documents& documents, common::SetJob& job) {
  std::vector<json> list;
  for (const auto& [identity, document] : documents) list.push_back(document);
  const smi::DocumentSet set = smi::ParseDocuments(list);
  const std::set<std::string> namespaces = NamespacesOf(set);
  MP_TRY(const smi::ClusterFacts facts, ReadSmiFacts(attempt.kube(), plane, namespaces, attempt.call()));
  MP_TRY(const EmitOptions options, ReadOptions(attempt.parameters(), job.name.owner));
  const smi::FactsIndex index(facts);
  smi::ValidateOptions rules;
  rules.self_reference = options.self_reference;
  MP_CHECK(smi::ToStatus(smi::Validate(set, &index, rules)));
  MP_TRY(Emission emission, EmitSmi(set, facts, options));
  job.wish.objects = std::move(emission.objects);
  job.wish.before_write = GateOfAttempt(attempt, plane, namespaces);
  job.reports = std::move(emission.reports);
  return {};
}

/// The documents given are all of the owner: what else carries the owner's labels goes, listed or not.
void PruneByLabels(common::SetJob& job) {
  job.wish.kinds = SmiTraits().kinds;
  job.wish.label = translate::kSourcesLabel;
}

common::SetJob NewJob(const Attempt& attempt, const ControlPlane& plane) {
  common::SetJob job;
  job.name = {"smi", common::LabelValue(attempt.OwnerOr("smi")), attempt.mesh_type(), plane.name_space, kFieldManager};
  // The objects of an owner are always the translation of all its documents: what no longer comes out of them goes.
  job.wish.prune = true;
  job.output["mesh_key"] = plane.key();
  return job;
}

class SmiApply final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("smi.apply", pb::OPERATION_CATEGORY_SMI_APPLY, "Apply SMI policy",
                 "Translates SMI documents to Istio's objects and applies them, with a report for each document. "
                 "Documents of the same owner add up; with prune OWNED the given ones are all.",
                 kApplySchema);
    out.set_inverse_type("smi.delete");
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    MP_TRY(std::vector<json> given, common::ReadDocuments(attempt.Text("documents")));
    MP_TRY(Documents documents, ByIdentity(std::move(given), attempt.Text("namespace", "default")));
    MP_TRY(const ControlPlane plane, TargetPlane(attempt));
    common::SetJob job = NewJob(attempt, plane);
    if (attempt.task().offer().options().prune() != pb::PRUNE_POLICY_OWNED) {
      MP_TRY(const common::SetInventory before, common::ReadInventory(attempt.kube(), job.name, attempt.call()));
      documents.merge(FromNote(before.note));  // the given ones win
    } else {
      PruneByLabels(job);
    }
    job.wish.note = ToNote(documents);
    MP_CHECK(Translate(attempt, plane, documents, job));
    return job;
  }
};

class SmiDelete final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out = Describe("smi.delete", pb::OPERATION_CATEGORY_SMI_DELETE, "Delete SMI policy",
                        "Takes SMI documents back: their Istio objects go, those of the owner's other documents stay.",
                        kDeleteSchema);
    out.set_inverse_type("smi.apply");
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    const std::string text = attempt.Text("documents");
    Documents remaining, going;
    if (!text.empty()) {
      MP_TRY(std::vector<json> given, common::ReadDocuments(text));
      MP_TRY(going, ByIdentity(std::move(given), attempt.Text("namespace", "default")));
    }
    MP_TRY(const ControlPlane plane, TargetPlane(attempt));
    common::SetJob job = NewJob(attempt, plane);
    if (text.empty()) {
      PruneByLabels(job);
    } else {
      MP_TRY(const common::SetInventory before, common::ReadInventory(attempt.kube(), job.name, attempt.call()));
      remaining = FromNote(before.note);
      for (const auto& [identity, document] : going) remaining.erase(identity);
    }
    job.output["remaining_documents"] = remaining.size();
    if (remaining.empty()) return job;
    job.wish.note = ToNote(remaining);
    MP_CHECK(Translate(attempt, plane, remaining, job));
    return job;
  }
};

}  // namespace

std::unique_ptr<common::Operation> MakeSmiApply() {
  return std::make_unique<SmiApply>();
}
std::unique_ptr<common::Operation> MakeSmiDelete() {
  return std::make_unique<SmiDelete>();
}

}  // namespace meshplay::istio
