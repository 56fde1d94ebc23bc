#include "server/hub/convert_inventory.h"

#include <catch2/catch.hpp>

using namespace meshplay;
using namespace meshplay::hub;

TEST_CASE("conditions take the form of the rows", "[hub]") {
  pb::TargetReport report;
  report.mutable_target()->set_cluster_uid("uid");
  CHECK(FromProto(report).conditions_json.empty());
  pb::Condition& condition = *report.add_conditions();
  condition.set_type("Reachable");
  condition.set_status(pb::CONDITION_STATUS_FALSE);
  condition.set_reason("Timeout");
  condition.set_message("no answer");
  report.add_conditions()->set_reason("NoType");
  pb::Condition& foreign = *report.add_conditions();
  foreign.set_type("Other");
  foreign.set_status(static_cast<pb::ConditionStatus>(99));

  const inventory::Claim claim = FromProto(report);

  CHECK(claim.cluster_uid == "uid");
  CHECK(claim.conditions_json == R"([{"message":"no answer","reason":"Timeout","status":"False","type":"Reachable"},)"
                                 R"({"reason":"","status":"Unknown","type":"Other"}])");
}

TEST_CASE("items keep their key, facts and body", "[hub]") {
  pb::InventoryItem item;
  CHECK(FromProto(item)->facts_kind.empty());
  CHECK(FromProto(item)->health == "UNKNOWN");
  item.mutable_ref()->mutable_key()->set_kind("Deployment");
  item.mutable_ref()->mutable_key()->set_namespace_("istio-system");
  item.mutable_ref()->set_uid("u");
  item.set_digest("d");
  item.set_body_json(R"({"spec":{}})");
  item.set_health(pb::HEALTH_HEALTHY);

  item.mutable_mesh()->set_mesh_key("k");
  item.mutable_mesh()->set_managed(true);
  CHECK(FromProto(item)->facts_kind == "mesh");
  CHECK(FromProto(item)->facts_json == R"({"mesh_key":"k","managed":true})");
  CHECK(FromProto(item)->namespace_name == "istio-system");
  CHECK(FromProto(item)->body_json == R"({"spec":{}})");
  CHECK(FromProto(item)->health == "HEALTHY");
  item.mutable_workload()->set_pods(3);
  CHECK(FromProto(item)->facts_kind == "workload");
  item.mutable_certificate()->set_role("root");
  CHECK(FromProto(item)->facts_json == R"({"role":"root"})");
  item.set_body_json("{");
  CHECK(FromProto(item).error().reason() == "INVENTORY_ITEM_INVALID");

  const inventory::Item removal = RemovalFromProto(item.ref());
  CHECK(removal.removed);
  CHECK(removal.kind == "Deployment");
}

TEST_CASE("a claim keeps what people read", "[hub]") {
  pb::TargetClaim wire;
  wire.mutable_target()->set_cluster_uid("uid");
  wire.set_display_name("kind-dev");
  wire.set_server_host("10.0.0.1");
  wire.set_kubernetes_version("v1.31.0");

  const inventory::Claim claim = FromProto(wire);

  CHECK(claim.cluster_uid == "uid");
  CHECK(claim.display_name == "kind-dev");
  CHECK(claim.server_host == "10.0.0.1");
  CHECK(claim.kubernetes_version == "v1.31.0");
}
