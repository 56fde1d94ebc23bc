#include "adapters/consul/emitter/emit.h"

#include <catch2/catch.hpp>

#include "tests/unit/consul_emitter/inputs.h"

namespace consul = meshplay::consul;

TEST_CASE("SMI becomes the Consul objects and reports of the design's cases", "[consul][emit]") {
  meshplay::testing::CheckCases("consul.yaml", consul::Emitter());
}

TEST_CASE("options have their documented names and values", "[consul][options]") {
  consul::EmitOptions options;
  CHECK(consul::SetOption(options, "mode", "strict").has_value());
  CHECK(options.mode == consul::BaselineMode::kStrict);
  CHECK(consul::SetOption(options, "mode", "open").error().reason() == "SMI_OPTION_INVALID");
  CHECK(consul::SetOption(options, "allowMissing", "true").has_value());
  CHECK(options.common.allow_missing);
  CHECK(consul::SetOption(options, "trustDomain", "corp.example").has_value());
  CHECK(consul::SetOption(options, "gamma.regex", "never").error().reason() == "SMI_OPTION_UNKNOWN");
}
