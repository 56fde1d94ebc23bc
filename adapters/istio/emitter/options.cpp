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
  if (name == "istio.dataplane" || name == "istio.envoyFilter") {
    const bool is_default = value == (name == "istio.dataplane" ? "sidecar" : "false");
    return is_default ? Status() : Status(translate::OptionUnsupported(name, value));
  }
  return translate::OptionUnknown(name, "Istio");
}

}  // namespace meshplay::istio
