#include "adapters/serve/translate_answer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/gamma/emit.h"
#include "adapters/kuma/emitter/emit.h"
#include "adapters/serve/translator.h"

using nlohmann::json;
namespace serve = meshplay::serve;
namespace pb = meshplay::adapter::v1;

namespace {

constexpr const char* kDocuments = R"(
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: web}
spec:
  service: web
  backends: [{service: web-v1, weight: 90}, {service: web-v2, weight: 10}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-v1}
spec: {selector: {app: web, v: "1"}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-v2}
spec: {selector: {app: web, v: "2"}, ports: [{port: 80}]}
)";

std::vector<meshplay::translate::TranslateEmitter> Emitters() {
  return {meshplay::kuma::Emitter(), meshplay::gamma::Emitter("kuma")};
}

pb::TaskResult Ask(const json& parameters) {
  return serve::AnswerTranslate(Emitters(), parameters.dump());
}

std::string KindOfFirst(const pb::TaskResult& result) {
  REQUIRE(result.outcome() == pb::OUTCOME_SUCCEEDED);
  return json::parse(result.output_json()).at("objects").at(0).at("kind");
}

}  // namespace

TEST_CASE("a question to translate is answered with objects and reports", "[serve]") {
  const pb::TaskResult native = Ask({{"documents", kDocuments}, {"namespace", "shop"}});
  CHECK(KindOfFirst(native) == "MeshHTTPRoute");
  const json output = json::parse(native.output_json());
  CHECK(output.at("level") == "FULL");
  REQUIRE(output.at("reports").size() == 1);
  CHECK(output.at("reports").at(0).at("source").at("namespace") == "shop");
  CHECK(KindOfFirst(Ask({{"documents", kDocuments}, {"form", "gamma"}})) == "HTTPRoute");
}

TEST_CASE("a list may hold SMI objects beside others", "[serve]") {
  const json split = {{"apiVersion", "split.smi-spec.io/v1alpha4"},
                      {"kind", "TrafficSplit"},
                      {"metadata", {{"name", "web"}}},
                      {"spec", {{"service", "web"}, {"backends", {{{"service", "web-v1"}, {"weight", 1}}}}}}};
  json items = {7, split};
  for (const char* name : {"web", "web-v1"}) {
    items.push_back({{"apiVersion", "v1"},
                     {"kind", "Service"},
                     {"metadata", {{"name", name}}},
                     {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"port", 80}}}}}}});
  }
  const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}};
  CHECK(KindOfFirst(Ask({{"documents", list.dump()}})) == "MeshHTTPRoute");
}

TEST_CASE("a question to translate that cannot be used says what is wrong with it", "[serve]") {
  const auto reason = [](const json& parameters) { return Ask(parameters).error().reason(); };
  CHECK(reason({{"documents", 7}}) == "PARAMETERS_INVALID");
  CHECK(reason({{"documents", kDocuments}, {"form", "smi"}}) == "PARAMETERS_INVALID");
  CHECK(reason({{"documents", kDocuments}, {"options", {{"noSuch", "true"}}}}) == "SMI_OPTION_UNKNOWN");
  CHECK(reason({{"documents", "a: ["}}) == "YAML_INVALID");
  CHECK(Ask({{"documents", "a: ["}}).error().error_class() == pb::ERROR_CLASS_INVALID);
  CHECK(serve::AnswerTranslate(Emitters(), "[]").error().reason() == "PARAMETERS_INVALID");
}

TEST_CASE("a translation too large for a frame is refused, not cut", "[serve]") {
  std::string documents;
  for (int i = 0; i < 900; ++i) {
    const std::string number = std::to_string(i);
    std::string backends;
    for (const char* part : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
      backends += std::string("{service: ") + part + std::string(40, 'x') + number + ", weight: 1}, ";
    }
    documents +=
        "---\napiVersion: split.smi-spec.io/v1alpha4\nkind: TrafficSplit\nmetadata: {name: " + std::string(200, 'x') +
        number + "}\nspec: {service: w" + number + ", backends: [" + backends + "]}\n";
  }
  const pb::TaskResult result = Ask({{"documents", documents}, {"options", {{"allowMissing", "true"}}}});
  CHECK(result.error().reason() == "ANSWER_TOO_LARGE");
  CHECK_FALSE(result.error().remediation().empty());
}

TEST_CASE("the manifest of an adapter that only translates is complete and claims nothing", "[serve]") {
  serve::TranslatorAdapter adapter({"kuma", "Kuma", Emitters()});
  const pb::Capabilities manifest = adapter.capabilities();
  CHECK(manifest.mesh_type() == "kuma");
  REQUIRE(manifest.operations_size() == 1);
  CHECK(manifest.operations(0).type() == "smi.translate");
  CHECK(manifest.operations(0).category() == pb::OPERATION_CATEGORY_QUERY);
  CHECK(json::accept(manifest.operations(0).parameters_schema()));
  CHECK(adapter.Targets().empty());
}
