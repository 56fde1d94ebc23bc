// POST /v1/smi:validate of a running server with documents made to hurt: a clear answer each, and a server that goes
// on.
#include <catch2/catch.hpp>

#include "tests/e2e/doors/server.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using http::Method;
using Json = nlohmann::json;

namespace {

std::string Repeat(const std::string& piece, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += piece;
  return out;
}

std::string AliasBomb() {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  return bomb;
}

}  // namespace

TEST_CASE("hostile SMI documents get a clear answer, and the server goes on") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  Seed seed = Seed::Plant(folder.path() + "/data");
  ServerProcess server(folder.path() + "/data");
  REQUIRE(server.WaitForPorts());
  const auto validate = [&](const std::string& documents) {
    return server.Send(Method::kPost, "/v1/smi:validate", seed.tokens["admin"], Json{{"documents", documents}}.dump());
  };
  const std::string group =
      "{apiVersion: specs.smi-spec.io/v1alpha4, kind: HTTPRouteGroup, metadata: {name: g}, spec: {matches: [";
  struct Case {
    std::string name;
    std::string documents;
    int status;
    std::string reason;  ///< Or the code of the first finding.
  };
  const std::vector<Case> cases = {
      {"more than a body may have", Repeat("- a\n", 1'200'000), 413, "BODY_TOO_LARGE"},
      {"ten times what a body may have", Repeat("- a\n", 10'000'000), 413, "BODY_TOO_LARGE"},
      {"deep nesting", std::string(400'000, '['), 400, "YAML_TOO_DEEP"},
      {"an alias bomb", AliasBomb(), 400, "YAML_TOO_LARGE"},
      {"more values than there may be", "[" + Repeat("1,", 500'000) + "]", 400, "YAML_TOO_LARGE"},
      {"a key given twice", "a: " + std::string(900'000, 'x') + "\na: 1\n", 400, "YAML_DUPLICATE_KEY"},
      {"tens of thousands of faults", group + Repeat("{name: m},", 500'000) + "]}}", 200, "MATCH_NAME_INVALID"},
      {"a huge expression", group + "{name: m, pathRegex: \"" + std::string(900'000, 'a') + "\"}]}}", 200,
       "REGEX_TOO_LONG"},
      {"a long name",
       "{apiVersion: specs.smi-spec.io/v1alpha4, kind: TCPRoute, metadata: {name: " + std::string(900'000, 'a') +
           "}, spec: {}}",
       200, "METADATA_INVALID"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const http::Response response = validate(c.documents);
    REQUIRE(response.status == c.status);
    const Json body = Json::parse(response.body);
    if (c.status != 200) {
      CHECK(body["reason"] == c.reason);
      continue;
    }
    CHECK(body["valid"] == false);
    CHECK(body["findings"][0]["code"] == c.reason);
    CHECK(body["findings"].size() <= 101);
    CHECK(response.body.size() < 200'000);
  }
  CHECK(validate("{apiVersion: specs.smi-spec.io/v1alpha4, kind: TCPRoute, metadata: {name: p}, spec: {}}").status ==
        200);
  CHECK(server.Terminate() == 0);
}
