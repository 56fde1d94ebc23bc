#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "adapters/controller/state.h"

namespace meshplay::controller {
namespace {

TEST_CASE("a state survives being written down") {
  State state;
  state.objects = {{{"security.istio.io", "v1", "AuthorizationPolicy"}, "shop", "smi-a"}};
  SourceRecord& record = state.sources["TrafficTarget/shop/a"];
  record = {"uid", 3, {{"TCPRoute/shop/t", "0011"}}, {"PENDING /spec"}, "PARTIAL", 1'800'000'000'123};
  CHECK(ReadState(PrintState(state)) == state);
}

TEST_CASE("a state that cannot be read is empty") {
  for (const char* text : {"", "[]", "{\"objects\": 3}", "{\"objects\": [[1,2,3,4]], \"sources\": []}", "{"}) {
    CHECK(ReadState(text) == State());
  }
}

TEST_CASE("the sources of an object are those of its annotation") {
  const nlohmann::json object = {
      {"metadata", {{"annotations", {{kSourcesAnnotation, "TrafficTarget/a/b,,TrafficSplit/a/c"}}}}}};
  CHECK(SourcesOf(object) == std::vector<std::string>{"TrafficTarget/a/b", "TrafficSplit/a/c"});
  CHECK(SourcesOf(nlohmann::json::object()).empty());
}

}  // namespace
}  // namespace meshplay::controller
