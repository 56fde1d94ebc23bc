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
  if (name == "istio.envoyFilter") {
    bool filter = false;
    MP_CHECK(translate::SetFlag(filter, name, value));
    if (!filter) return {};
    return translate::OptionUnsupported(name, value)
        .WithRemediation(
            "Leave it false: a filter beside AuthorizationPolicy only takes away what the policy allows, so the policy "
            "would have to be wider, and open wherever the filter is not taken. Regular expressions are narrowed, or "
            "widened with allowWidening");
  }
  return translate::OptionUnknown(name, "Istio");
}

}  // namespace meshplay::istio
