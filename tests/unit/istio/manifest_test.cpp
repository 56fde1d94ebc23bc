#include <catch2/catch.hpp>

#include <set>

#include "adapters/istio/adapter.h"
#include "adapters/istio/internal/install_wish.h"
#include "adapters/istio/internal/versions.h"
#include "libs/base/json.h"
#include "libs/base/json_schema.h"

using namespace meshplay::istio;
using meshplay::JsonSchema;
using nlohmann::json;

namespace {

meshplay::sdk::pb::Capabilities Manifest() {
  auto adapter = IstioAdapter::Create({});
  REQUIRE(adapter.has_value());
  return (*adapter)->capabilities();
}

}  // namespace

TEST_CASE("the manifest is the same each time", "[istio]") {
  CHECK(Manifest().SerializeAsString() == Manifest().SerializeAsString());
}

TEST_CASE("every operation has a usable schema, titles, and names of its own", "[istio]") {
  const auto manifest = Manifest();
  CHECK(manifest.mesh_type() == "istio");
  std::set<std::string> types, names;
  for (const auto& operation : manifest.operations()) types.insert(operation.type());
  CHECK(types == std::set<std::string>{"istio.install", "istio.uninstall", "istio.injection.set", "istio.mtls.set",
                                       "istio.metrics.set", "smi.metrics", "istio.sampleapp.install",
                                       "istio.sampleapp.remove", "istio.custom.apply", "istio.custom.delete",
                                       "smi.apply", "smi.delete", "smi.translate", "smi.conformance",
                                       "smi.controller.enable", "smi.controller.disable", "smi.metricsApi.enable",
                                       "smi.metricsApi.disable"});
  for (const auto& operation : manifest.operations()) {
    INFO(operation.type());
    const auto document = meshplay::ParseJson(operation.parameters_schema());
    REQUIRE(document.has_value());
    const auto schema = JsonSchema::Compile(*document);
    CHECK(schema.has_value());
    CHECK_FALSE(operation.title().empty());
    CHECK_FALSE(operation.description().empty());
    CHECK(operation.idempotency() == pb::IDEMPOTENCY_NATURAL);
    if (operation.category() != pb::OPERATION_CATEGORY_QUERY) {
      CHECK(operation.cancellation() == pb::CANCELLATION_BETWEEN_STEPS);
    }
    if (!operation.inverse_type().empty()) CHECK(types.count(operation.inverse_type()) == 1);
    for (const auto& alias : operation.aliases()) {
      INFO(alias.id());
      CHECK(names.insert(alias.id()).second);
      CHECK(types.count(alias.id()) == 0);
      CHECK(meshplay::ParseJson(alias.parameters_json()).has_value());
    }
  }
  for (const char* old :
       {"istio", "label-namespace", "strict-mtls-policy-operation", "bookinfo", "custom", "smi_conformance"}) {
    INFO(old);
    CHECK(names.count(old) == 1);
  }
}

TEST_CASE("the defaults of istio.install fit its own schema", "[istio]") {
  const auto manifest = Manifest();
  for (const auto& operation : manifest.operations()) {
    if (operation.type() != "istio.install") continue;
    const auto document = meshplay::ParseJson(operation.parameters_schema());
    const auto schema = JsonSchema::Compile(*document);
    const json complete = schema->WithDefaults(json::object());
    CHECK(complete["version"] == kDefaultVersion);
    CHECK(complete["namespace"] == "istio-system");
    CHECK(schema->Validate(complete).has_value());
    CHECK_FALSE(schema->Validate({{"chart_source", "dir:/etc"}}).has_value());
    CHECK_FALSE(schema->Validate({{"revision", "Bad_Name"}}).has_value());
  }
}

TEST_CASE("versions are compared number by number", "[istio]") {
  CHECK(IsOlder("1.9.0", "1.30.3"));
  CHECK(IsOlder("1.30.2", "1.30.3"));
  CHECK_FALSE(IsOlder("1.30.3", "1.30.3"));
  CHECK_FALSE(IsOlder("2.0.0", "1.30.3"));
  CHECK_FALSE(IsOlder("1.30.3", ""));
  CHECK(LeastKubernetesMinor("1.30.9") == 32);
  CHECK(LeastKubernetesMinor("1.29.0") == 31);
  CHECK(LeastKubernetesMinor("1.20.0") == 30);
}
