#include "adapters/cilium/emitter/emit.h"

#include <catch2/catch.hpp>

#include "tests/unit/consul_emitter/inputs.h"

namespace cilium = meshplay::cilium;

TEST_CASE("SMI becomes the Cilium objects and reports of the design's cases", "[cilium][emit]") {
  meshplay::testing::CheckCases("cilium.yaml", cilium::Emitter());
}

TEST_CASE("options have their documented names and values", "[cilium][options]") {
  cilium::EmitOptions options;
  CHECK(cilium::SetOption(options, "mode", "strict").has_value());
  CHECK(options.mode == cilium::BaselineMode::kStrict);
  CHECK(cilium::SetOption(options, "mode", "open").error().reason() == "SMI_OPTION_INVALID");
  CHECK(cilium::SetOption(options, "gamma.regex", "never").has_value());
  CHECK_FALSE(options.route_regex);
  CHECK(cilium::SetOption(options, "gamma.regex", "maybe").error().reason() == "SMI_OPTION_INVALID");
  CHECK(cilium::SetOption(options, "trustDomain", "corp.example").has_value());
  CHECK(cilium::SetOption(options, "istio.mtls", "true").error().reason() == "SMI_OPTION_UNKNOWN");
}
