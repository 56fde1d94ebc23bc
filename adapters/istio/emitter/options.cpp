#include "adapters/istio/emitter/options.h"

namespace meshplay::istio {

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  MP_TRY(const bool known, translate::SetCommonOption(options, name, value));
  if (known) return {};
  if (name == "istio.mtls") return translate::SetFlag(options.mtls, name, value);
  if (name == "mode") {
    if (value != "scoped" && value != "strict") return translate::OptionInvalid(name, "scoped or strict");
    options.mode = value == "strict" ? BaselineMode::kStrict : BaselineMode::kScoped;
    return {};
  }
  if (name == "istio.dataplane") {
    if (value != "sidecar" && value != "ambient") return translate::OptionInvalid(name, "sidecar or ambient");
    options.dataplane = value == "ambient" ? Dataplane::kAmbient : Dataplane::kSidecar;
    return {};
  }
  if (name == "istio.envoyFilter") return translate::SetFlag(options.envoy_filter, name, value);
  return translate::OptionUnknown(name, "Istio");
}

}  // namespace meshplay::istio
