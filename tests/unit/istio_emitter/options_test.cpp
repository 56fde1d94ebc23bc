#include "adapters/istio/emitter/options.h"

#include <catch2/catch.hpp>

#include "adapters/istio/emitter/emit.h"

namespace istio = meshplay::istio;

TEST_CASE("options are set by their documented names", "[istio][options]") {
  istio::EmitOptions options;

  CHECK(istio::SetOption(options, "allowWidening", "true").has_value());
  CHECK(istio::SetOption(options, "mode", "strict").has_value());
  CHECK(istio::SetOption(options, "pathAnchor", "full").has_value());
  CHECK(istio::SetOption(options, "selfReference", "reject").has_value());
  CHECK(istio::SetOption(options, "istio.mtls", "false").has_value());
  CHECK(istio::SetOption(options, "istio.dataplane", "ambient").has_value());
  CHECK(istio::SetOption(options, "trustDomain", "corp.example").has_value());

  CHECK(options.allow_widening);
  CHECK(options.mode == istio::BaselineMode::kStrict);
  CHECK(options.path_anchor == meshplay::smi::PathAnchor::kFull);
  CHECK(options.self_reference == meshplay::smi::SelfReference::kReject);
  CHECK_FALSE(options.mtls);
  CHECK(options.dataplane == istio::Dataplane::kAmbient);
  CHECK(options.trust_domain == "corp.example");
}

TEST_CASE("unknown options and values are refused", "[istio][options]") {
  istio::EmitOptions options;

  CHECK(istio::SetOption(options, "allowwidening", "true").error().reason() == "SMI_OPTION_UNKNOWN");
  CHECK(istio::SetOption(options, "allowWidening", "yes").error().reason() == "SMI_OPTION_INVALID");
  CHECK(istio::SetOption(options, "mode", "").error().reason() == "SMI_OPTION_INVALID");
  CHECK(istio::SetOption(options, "istio.envoyFilter", "on").error().reason() == "SMI_OPTION_INVALID");
  CHECK(istio::SetOption(options, "trustDomain", "*").error().reason() == "SMI_OPTION_INVALID");
  CHECK(istio::SetOption(options, "istio.dataplane", "node").error().reason() == "SMI_OPTION_INVALID");
}

TEST_CASE("filters of Envoy are for sidecars only", "[istio][options]") {
  istio::EmitOptions options;
  CHECK(istio::SetOption(options, "istio.envoyFilter", "true").has_value());
  CHECK(istio::EmitSmi({}, {}, options).has_value());
  options.dataplane = istio::Dataplane::kAmbient;
  const auto emission = istio::EmitSmi({}, {}, options);
  REQUIRE_FALSE(emission.has_value());
  CHECK(emission.error().reason() == "SMI_OPTION_UNSUPPORTED");
}

TEST_CASE("an owner that is no label value is refused before anything is made", "[istio][options]") {
  for (const std::string& owner : {std::string(), std::string(64, 'a'), std::string("a b"), std::string("-a")}) {
    istio::EmitOptions options;
    options.owner = owner;
    const auto emission = istio::EmitSmi({}, {}, options);
    REQUIRE_FALSE(emission.has_value());
    CHECK(emission.error().reason() == "SMI_OPTION_INVALID");
  }
}
