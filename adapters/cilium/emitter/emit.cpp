#include "adapters/cilium/emitter/emit.h"

#include <algorithm>

#include "adapters/cilium/emitter/internal/access.h"
#include "adapters/gamma/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::cilium {
namespace {

using translate::EmitContext;
using translate::Outcome;

class CiliumWriter : public translate::MeshWriter {
 public:
  explicit CiliumWriter(const EmitOptions& options) : options_(options) {
    style_.mesh = "Cilium";
    style_.regex_allowed = options.route_regex;
    style_.tcp_routes = false;
    style_.wave = kRouteWave;
  }

  void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) override {
    EmitTarget(context, grant, options_.mode, outcome);
  }

  void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) override {
    EmitBaseline(context, target, options_.mode, outcome);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    const auto& backends = split.split->backends;
    // Envoy refuses clusters whose weights are all zero, and with them the whole listener. Validation has said so.
    if (std::all_of(backends.begin(), backends.end(), [](const auto& b) { return b.weight == 0; })) {
      outcome.explanation = "Not applied: no backend has a weight.";
      return;
    }
    gamma::ReadCiliumVersion(context.facts.facts().mesh_version, style_);
    gamma::EmitSplit(context, split, style_, outcome);
  }

  void Finish(EmitContext& /*context*/, translate::Outcomes& /*outcomes*/) override {}

  std::string UdpMessage() const override { return ""; }

 private:
  const EmitOptions& options_;
  gamma::RouteStyle style_;
};

}  // namespace

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  MP_TRY(const bool known, translate::SetCommonOption(options.common, name, value));
  if (known) return {};
  if (name == "mode") {
    if (value != "scoped" && value != "strict") return translate::OptionInvalid(name, "scoped or strict");
    options.mode = value == "strict" ? BaselineMode::kStrict : BaselineMode::kScoped;
    return {};
  }
  if (name == "gamma.regex") {
    // Cilium is on the list of implementations whose expressions are known.
    if (value != "allowed-list" && value != "always" && value != "never") {
      return translate::OptionInvalid(name, "allowed-list, always or never");
    }
    options.route_regex = value != "never";
    return {};
  }
  return translate::OptionUnknown(name, "Cilium");
}

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  CiliumWriter writer(options);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter() {
  return {"cilium",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          },
          {},
          std::set<std::string>{}};
}

}  // namespace meshplay::cilium
