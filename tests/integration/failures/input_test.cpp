// Bad input: refused before anything is read from, or written to, a cluster.
#include <catch2/catch.hpp>

#include "tests/integration/failures/bench.h"

using namespace meshplay::test;
using meshplay::http::Method;
using nlohmann::json;

namespace {

json Request(Bench& bench, const std::string& type, const json& parameters) {
  return {{"type", type},
          {"target", {{"cluster", bench.stack().cluster_id()}, {"mesh_type", "istio"}}},
          {"parameters", parameters}};
}

/// Parameters that the schema refuses: no operation comes into being, and every wrong place is named.
void RefusesAgainstSchema(Bench& bench) {
  const json before = bench.stack().Get("/v1/operations").at("operations");
  const json wrong = {
      {"version", 3}, {"profile", "none"}, {"gateway", {{"service_type", "Wrong"}}}, {"surprise", true}};
  const auto answer = bench.Call(Method::kPost, "/v1/operations", Request(bench, "istio.install", wrong));
  INFO(answer.body.dump(1));
  CHECK(answer.status == 400);
  CHECK(answer.body.at("reason") == "PARAMETERS_INVALID");
  for (const char* pointer : {"/version", "/profile", "/gateway/service_type", "/surprise"}) {
    INFO(pointer);
    CHECK(answer.body.dump().find(pointer) != std::string::npos);
  }
  CHECK(bench.stack().Get("/v1/operations").at("operations") == before);
}

void RefusesDocuments(Bench& bench) {
  struct Case {
    const char* type;
    const char* documents;
    const char* reason;
    const char* told;
  };
  const Case cases[] = {
      {"istio.custom.apply", "kind: [unclosed", "PARAMETERS_INVALID", "/documents"},
      {"istio.custom.apply", "just a sentence", "PARAMETERS_INVALID", "line 1"},
      {"istio.custom.apply", "kind: ConfigMap\n---\nkind: ConfigMap\n", "PARAMETERS_INVALID", "apiVersion"},
      {"istio.custom.apply", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: {b: c}}\n",
       "OBJECT_INVALID", ""},
      {"smi.apply", "kind: [unclosed", "PARAMETERS_INVALID", "/documents"},
      {"smi.apply", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "SMI_INVALID", "ConfigMap"},
  };
  for (const Case& one : cases) {
    INFO(one.type << ": " << one.documents);
    const json operation = bench.Run(one.type, {{"documents", one.documents}});
    CheckFailed(bench, operation, {one.reason, "INVALID", "NONE"});
    CHECK(operation["error"].dump().find(one.told) != std::string::npos);
    bench.CheckFree();
  }
}

void RefusesUnknownKinds(Bench& bench) {
  const std::string gadget =
      "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: x, namespace: default}\nspec: {}\n";
  const json operation = bench.Run("istio.custom.apply", {{"documents", gadget}});
  CheckFailed(bench, operation, {"PREREQUISITE_MISSING", "PRECONDITION", "NONE"});
  CHECK(operation["error"]["metadata"]["cause_reason"] == "KIND_UNKNOWN");
  CHECK(operation["error"].dump().find("Gadget") != std::string::npos);
  bench.Put(R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
)yaml");
  bench.Succeeds("istio.custom.apply", {{"documents", gadget}});
}

}  // namespace

TEST_CASE("bad input names its places and changes nothing", "[failures]") {
  auto bench = Bench::Up("failures-input");
  if (!bench) return;
  RefusesAgainstSchema(*bench);
  RefusesDocuments(*bench);
  RefusesUnknownKinds(*bench);
  bench->CheckNoHole();
}
