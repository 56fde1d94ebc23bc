#pragma once

#include <string>

#include "libs/base/result.h"
#include "meshplay/adapter/v1/adapter.pb.h"
#include "server/inventory/inventory.h"

/// Between the wire and the inventory's words. An unknown enum value becomes the unspecified one. Pure; any thread.
namespace meshplay::hub {

namespace pb = meshplay::adapter::v1;

/// The form of conditions columns (server/inventory/inventory.h); "" for none.
std::string ConditionsJson(const google::protobuf::RepeatedPtrField<pb::Condition>& conditions);

inventory::Claim FromProto(const pb::TargetClaim& claim);
inventory::Claim FromProto(const pb::TargetReport& report);

/// Errors: kInvalidArgument INVENTORY_ITEM_INVALID when the body is no JSON.
Result<inventory::Item> FromProto(const pb::InventoryItem& item);
inventory::Item RemovalFromProto(const pb::ObjectRef& ref);

}  // namespace meshplay::hub
