#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "adapters/controller/settings.h"
#include "adapters/controller/smi_kinds.h"
#include "adapters/controller/write_gate.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

TEST_CASE("settings survive their ConfigMap, and a damaged one is an error") {
  Settings settings;
  settings.mesh_key = "istio-system/default";
  settings.namespaces = {"a", "b"};
  settings.options = {{"mode", "strict"}};
  settings.grace = milliseconds(5'000);
  settings.events = false;
  json map = ConfigObject(settings, "istio", "istio-system");
  const auto read = ReadSettings(map);
  REQUIRE(read.has_value());
  CHECK(*read == settings);
  CHECK(settings.Covers("a"));
  CHECK_FALSE(settings.Covers("c"));
  CHECK(Settings().Covers("c"));
  for (const char* text :
       {"", "{}", "{\"namespaces\":[1]}", "{\"namespaces\":[],\"options\":{\"a\":1},\"events\":true}",
        "{\"namespaces\":[],\"options\":{},\"events\":true,\"gracePeriodMs\":-1}"}) {
    map["data"]["settings"] = text;
    CHECK(ReadSettings(map).error().reason() == "SMI_CONTROLLER_CONFIG_INVALID");
  }
}

TEST_CASE("our definitions are complete and structural enough to be read back") {
  const std::vector<json> definitions = SmiDefinitions();
  REQUIRE(definitions.size() == SmiKinds().size());
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    const SmiKind& kind = SmiKinds()[i];
    CHECK(kube::NameOf(definitions[i]) == kind.definition());
    const auto served = ServedBy(kind, definitions[i]);
    REQUIRE(served);
    CHECK(served->gvk.version == "v1alpha4");
    CHECK(served->has_status);
    std::size_t stored = 0;
    for (const json& version : definitions[i]["spec"]["versions"]) {
      stored += version["storage"].get<bool>() ? 1 : 0;
      CHECK(version["schema"] == definitions[i]["spec"]["versions"][0]["schema"]);
    }
    CHECK(stored == 1);
    // kubectl explain shows it.
    const std::string text = kube::TextAt(definitions[i], "/spec/versions/0/schema/openAPIV3Schema/description");
    CHECK_FALSE(text.empty());
  }
}

TEST_CASE("the newest version that a cluster serves is the one that is watched") {
  const SmiKind& split = SmiKinds().back();
  json definition = {{"spec",
                      {{"versions", json::array({{{"name", "v1alpha4"}, {"served", false}},
                                                 {{"name", "v1alpha2"}, {"served", true}},
                                                 {{"name", "v1alpha1"}, {"served", true}}})}}}};
  const auto served = ServedBy(split, definition);
  REQUIRE(served);
  CHECK(served->gvk.version == "v1alpha2");
  CHECK_FALSE(served->has_status);
  definition["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  CHECK_FALSE(ServedBy(split, definition));
  CHECK_FALSE(ServedBy(split, json::object()));
}

json Workload(const std::string& image) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", "x"}, {"namespace", "y"}}},
          {"spec", {{"template", {{"spec", {{"containers", json::array({{{"image", image}}})}}}}}}}};
}

TEST_CASE("native consumers are known by their images and by the owners of definitions") {
  for (const char* image : {"docker.io/traefik/mesh:v1.4.8", "openservicemesh/osm-controller:v1.2.4",
                            "docker-registry.nginx.com/nsm/nginx-mesh-api:2.0.0",
                            "cr.l5d.io/linkerd/smi-adaptor:v0.2.1", "deislabs/smi-adapter-istio:latest"}) {
    const json workload = Workload(image);
    CHECK(FindNativeConsumer({&workload}, {}));
  }
  const json harmless = Workload("ghcr.io/fluxcd/flagger:1.38.0");
  CHECK_FALSE(FindNativeConsumer({&harmless}, {}));
  json definition = {{"kind", "CustomResourceDefinition"},
                     {"metadata", {{"name", "trafficsplits.split.smi-spec.io"}}},
                     {"spec", {{"group", "split.smi-spec.io"}}}};
  CHECK_FALSE(FindNativeConsumer({}, {&definition}));
  definition["metadata"]["labels"]["app.kubernetes.io/name"] = "openservicemesh.io";
  CHECK(FindNativeConsumer({}, {&definition})->name == "Open Service Mesh");
  definition["spec"]["group"] = "example.com";
  CHECK_FALSE(FindNativeConsumer({}, {&definition}));
}

TEST_CASE("nothing is written without a lease, while somebody holds the cluster, or by an older look") {
  milliseconds lease{0};
  WriteGate gate([&lease] { return lease; });
  int writes = 0;
  milliseconds given{0};
  const auto write = [&](milliseconds time) -> Status {
    ++writes;
    given = time;
    return {};
  };
  CHECK_FALSE(gate.Allows());
  CHECK(gate.Write(gate.epoch(), write).error().reason() == "SMI_CONTROLLER_PAUSED");
  lease = milliseconds(500);
  CHECK(gate.Write(gate.epoch(), write).has_value());
  CHECK(given == milliseconds(500));
  lease = milliseconds(60'000);
  const std::uint64_t before = gate.epoch();
  {
    const auto hold = gate.HoldWrites();
    CHECK_FALSE(gate.Allows());
    CHECK_FALSE(gate.Write(gate.epoch(), write).has_value());
  }
  CHECK_FALSE(gate.Write(before, write).has_value());
  CHECK(gate.Write(gate.epoch(), write).has_value());
  CHECK(given == milliseconds(9'000));
  CHECK(writes == 2);
}

TEST_CASE("a hold waits for the write under way") {
  WriteGate gate([] { return milliseconds(60'000); });
  std::promise<void> begun, go_on;
  bool ended = false;
  std::thread writer([&] {
    (void)gate.Write(gate.epoch(), [&](milliseconds) -> Status {
      begun.set_value();
      go_on.get_future().wait();
      ended = true;
      return {};
    });
  });
  begun.get_future().wait();
  auto held = std::async(std::launch::async, [&] {
    const auto hold = gate.HoldWrites();
    return ended;
  });
  CHECK(held.wait_for(milliseconds(50)) == std::future_status::timeout);
  go_on.set_value();
  CHECK(held.get());
  writer.join();
}

}  // namespace
}  // namespace meshplay::controller
