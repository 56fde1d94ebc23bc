#include "server/hub/convert_inventory.h"

#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/hub/internal/proto_json.h"

namespace meshplay::hub {
namespace {

using nlohmann::json;

const char* StatusWord(pb::ConditionStatus status) {
  if (status == pb::CONDITION_STATUS_TRUE) return "True";
  if (status == pb::CONDITION_STATUS_FALSE) return "False";
  return "Unknown";
}

void TakeKey(const pb::ObjectRef& ref, inventory::Item& item) {
  item.api_version = ref.key().api_version();
  item.kind = ref.key().kind();
  item.namespace_name = ref.key().namespace_();
  item.name = ref.key().name();
  item.uid = ref.uid();
  item.resource_version = ref.resource_version();
}

}  // namespace

std::string ConditionsJson(const google::protobuf::RepeatedPtrField<pb::Condition>& conditions) {
  json list = json::array();
  for (const pb::Condition& condition : conditions) {
    if (condition.type().empty()) continue;
    json entry = {
        {"type", condition.type()}, {"status", StatusWord(condition.status())}, {"reason", condition.reason()}};
    if (!condition.message().empty()) entry["message"] = condition.message();
    list.push_back(std::move(entry));
  }
  return list.empty() ? std::string() : CanonicalJson(list);
}

inventory::Claim FromProto(const pb::TargetClaim& claim) {
  return {claim.target().cluster_uid(), claim.display_name(), claim.server_host(), claim.kubernetes_version(),
          ConditionsJson(claim.conditions())};
}

inventory::Claim FromProto(const pb::TargetReport& report) {
  return {report.target().cluster_uid(), "", "", "", ConditionsJson(report.conditions())};
}

Result<inventory::Item> FromProto(const pb::InventoryItem& wire) {
  inventory::Item item;
  TakeKey(wire.ref(), item);
  item.digest = wire.digest();
  if (!wire.body_json().empty()) {
    const Status checked = CheckJson(wire.body_json());
    if (!checked) {
      return InvalidArgument("INVENTORY_ITEM_INVALID",
                             "the body of " + item.kind + "/" + item.name + " is not valid JSON")
          .WithViolation("/body_json", checked.error().reason());
    }
    item.body_json = wire.body_json();
  }
  item.health = BareName(pb::Health_descriptor(), wire.health(), "HEALTH_", "UNKNOWN");
  item.conditions_json = ConditionsJson(wire.conditions());
  switch (wire.facts_case()) {
    case pb::InventoryItem::kMesh: {
      item.facts_kind = "mesh";
      MP_TRY(item.facts_json, ToJson(wire.mesh()));
      break;
    }
    case pb::InventoryItem::kWorkload: {
      item.facts_kind = "workload";
      MP_TRY(item.facts_json, ToJson(wire.workload()));
      break;
    }
    case pb::InventoryItem::kCertificate: {
      item.facts_kind = "certificate";
      MP_TRY(item.facts_json, ToJson(wire.certificate()));
      break;
    }
    case pb::InventoryItem::FACTS_NOT_SET:
      break;
  }
  return item;
}

inventory::Item RemovalFromProto(const pb::ObjectRef& ref) {
  inventory::Item item;
  TakeKey(ref, item);
  item.removed = true;
  return item;
}

}  // namespace meshplay::hub
