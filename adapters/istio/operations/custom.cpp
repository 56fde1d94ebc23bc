#include <nlohmann/json.hpp>
#include <set>

#include "adapters/common/convert.h"
#include "adapters/common/documents.h"
#include "adapters/common/ownership.h"
#include "adapters/common/set_operation.h"
#include "adapters/istio/operations/operations.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kApplySchema[] = R"({
  "type": "object", "additionalProperties": false, "required": ["documents"],
  "properties": {
    "documents": {"type": "string", "minLength": 1, "maxLength": 900000, "title": "Documents",
                  "description": "Kubernetes objects of any kind as YAML or JSON, separated by ---.", "x-format": "yaml"},
    "name": {"type": "string", "format": "dns-label", "default": "default", "title": "Name of the set",
             "description": "Objects applied under one name belong together and are deleted together."},
    "namespace": {"type": "string", "format": "dns-label", "default": "default", "title": "Namespace",
                  "description": "For namespaced objects that name none."},
    "adopt": {"type": "boolean", "default": false, "title": "Take over",
              "description": "Take over objects that exist already and belong to nobody."},
    "wait": {"type": "boolean", "default": false, "title": "Wait for workloads"}
  }
})";

constexpr char kDeleteSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "documents": {"type": "string", "maxLength": 900000, "default": "", "title": "Documents",
                  "description": "Which objects of the set to delete. Empty: all of them.", "x-format": "yaml"},
    "name": {"type": "string", "format": "dns-label", "default": "default", "title": "Name of the set"},
    "namespace": {"type": "string", "format": "dns-label", "default": "default", "title": "Namespace",
                  "description": "For namespaced objects that name none."}
  }
})";

std::string OwnerOfSet(const Attempt& attempt) {
  return common::LabelValue(attempt.OwnerOr("custom-" + attempt.Text("name", "default")));
}

common::SetName NameOf(const Attempt& attempt, const std::string& home) {
  return {"custom", OwnerOfSet(attempt), attempt.mesh_type(), home, attempt.field_manager()};
}

/// The set's list lives beside its objects, so it goes with nothing else.
std::string HomeOf(const std::vector<json>& objects) {
  for (const json& object : objects) {
    if (!kube::NamespaceOf(object).empty()) return kube::NamespaceOf(object);
  }
  return "default";
}

class CustomApply final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out = Describe("istio.custom.apply", pb::OPERATION_CATEGORY_CUSTOM, "Apply any documents",
                        "Applies Kubernetes objects of any kind by server-side apply and remembers that they are ours.",
                        kApplySchema);
    out.set_inverse_type("istio.custom.delete");
    AddAliases(out, {{"custom", "{}"}});
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    common::SetJob job;
    MP_TRY(job.wish.objects, common::ReadDocuments(attempt.Text("documents")));
    MP_CHECK(
        common::FillNamespaces(attempt.kube(), job.wish.objects, attempt.Text("namespace", "default"), attempt.call()));
    common::SortForApply(job.wish.objects);
    job.name = NameOf(attempt, HomeOf(job.wish.objects));
    job.wish.prune = attempt.task().offer().options().prune() == pb::PRUNE_POLICY_OWNED;
    job.wish.adopt = attempt.Flag("adopt");
    job.wait_until_ready = attempt.Flag("wait");
    return job;
  }
};

class CustomDelete final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("istio.custom.delete", pb::OPERATION_CATEGORY_CUSTOM, "Delete applied documents",
                 "Deletes objects that were applied by istio.custom.apply and still belong to the set.", kDeleteSchema);
    out.set_inverse_type("istio.custom.apply");
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    common::SetJob job;
    job.name = NameOf(attempt, "default");
    job.wish.prune = true;
    const std::string text = attempt.Text("documents");
    if (text.empty()) return job;  // wants nothing: everything of the set goes
    MP_TRY(std::vector<json> going, common::ReadDocuments(text));
    MP_CHECK(common::FillNamespaces(attempt.kube(), going, attempt.Text("namespace", "default"), attempt.call()));
    std::set<kube::ObjectRef> goes;
    for (const json& object : going) goes.insert(kube::RefOf(object));
    MP_TRY(const common::SetInventory inventory, common::ReadInventory(attempt.kube(), job.name, attempt.call()));
    job.wish.note = inventory.note;
    job.wish.prune = false;
    for (const kube::ObjectRef& ref : inventory.objects) {
      if (goes.count(ref) != 0) job.wish.forget.push_back(ref);
    }
    return job;
  }
};

}  // namespace

std::unique_ptr<common::Operation> MakeCustomApply() {
  return std::make_unique<CustomApply>();
}
std::unique_ptr<common::Operation> MakeCustomDelete() {
  return std::make_unique<CustomDelete>();
}

}  // namespace meshplay::istio
