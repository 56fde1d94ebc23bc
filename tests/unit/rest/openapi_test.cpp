#include "server/rest/openapi.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "meshplay/api/annotations.pb.h"

using namespace meshplay;
using Json = nlohmann::ordered_json;

namespace {

void CheckReferences(const Json& node, const Json& document) {
  if (node.is_object() && node.contains("$ref") && node["$ref"].is_string()) {
    const std::string ref = node["$ref"];
    CAPTURE(ref);
    REQUIRE(ref.starts_with("#/components/schemas/"));
    CHECK(document["components"]["schemas"].contains(ref.substr(21)));
  }
  if (node.is_structured()) {
    for (const auto& item : node) CheckReferences(item, document);
  }
}

const Json& Document() {
  static const Json document = rest::BuildOpenApi(
      rest::PublicMethods(),
      {nlohmann::json::parse(
          R"({"mesh_type":"istio","operations":[{"type":"istio.install","title":"Install","parameters_schema":"{\"type\":\"object\"}"}]})")},
      "1.2.3");
  return document;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

TEST_CASE("every method is in the document with summary, errors and a described answer") {
  std::size_t operations = 0;
  for (const auto& [path, item] : Document()["paths"].items()) operations += item.size();
  CHECK(operations == rest::PublicMethods().size());
  for (const auto* method : rest::PublicMethods()) {
    CAPTURE(method->full_name());
    const auto& route = method->options().GetExtension(api::route);
    const Json& item = Document()["paths"][route.path()][Lower(route.method())];
    CHECK(item["operationId"] == method->name());
    CHECK_FALSE(item["summary"].get<std::string>().empty());
    CHECK(item["responses"].contains("default"));
    CHECK(item["responses"].contains(std::to_string(route.success_status() == 0 ? 200 : route.success_status())));
    CHECK(item.contains("requestBody") == !route.body().empty());
  }
}

TEST_CASE("every path variable is a declared, required parameter") {
  for (const auto& [path, item] : Document()["paths"].items()) {
    for (const auto& [verb, operation] : item.items()) {
      CAPTURE(path, verb);
      for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
        const std::string name = path.substr(at + 1, path.find('}', at) - at - 1);
        bool found = false;
        for (const auto& parameter : operation["parameters"]) {
          found = found || (parameter["name"] == name && parameter["in"] == "path" && parameter["required"] == true);
        }
        CHECK(found);
      }
    }
  }
}

TEST_CASE("every reference resolves and examples are JSON") {
  CheckReferences(Document(), Document());
  CHECK(Document().dump().find("<discarded>") == std::string::npos);
}

TEST_CASE("operation schemas of manifests are part of the document") {
  CHECK(Document()["components"]["schemas"]["Parameters.istio.install"]["type"] == "object");
  CHECK(Document()["x-operation-types"][0]["parameters"]["$ref"] == "#/components/schemas/Parameters.istio.install");
  CHECK(Document()["info"]["version"] == "1.2.3");
}

TEST_CASE("the same input gives the same bytes") {
  CHECK(rest::BuildOpenApi(rest::PublicMethods(), {}, "1").dump() ==
        rest::BuildOpenApi(rest::PublicMethods(), {}, "1").dump());
}
