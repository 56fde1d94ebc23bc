#include "adapters/istio/emitter/emit.h"

#include "adapters/istio/emitter/internal/access.h"
#include "adapters/istio/emitter/internal/ambient.h"
#include "adapters/istio/emitter/internal/filtered.h"
#include "adapters/istio/emitter/internal/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::istio {
namespace {

using translate::EmitContext;
using translate::Outcome;

class SidecarWriter : public translate::MeshWriter {
 public:
  explicit SidecarWriter(const EmitOptions& options) : options_(options), filtered_(options) {}

  void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) override {
    if (options_.envoy_filter) {
      filtered_.Target(grant);
    } else {
      EmitTarget(context, options_, grant, false, outcome);
    }
  }

  void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) override {
    EmitBaseline(context, options_, target, outcome);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    EmitSplit(context, split, outcome);
  }

  void Finish(EmitContext& context, translate::Outcomes& outcomes) override { filtered_.Draft(context, outcomes); }

  std::string UdpMessage() const override { return "Istio's sidecars do not carry UDP"; }
  translate::OptOuts PodOptOuts() const override { return {{"sidecar.istio.io/inject", {"false"}}}; }

 private:
  const EmitOptions& options_;
  FilteredAccess filtered_;
};

class AmbientWriter : public translate::MeshWriter {
 public:
  explicit AmbientWriter(const EmitOptions& options) : mode_(options) {}

  void Target(EmitContext& /*context*/, const smi::Grant& grant, Outcome& /*outcome*/) override {
    mode_.Target(grant.target->head, grant.destination, &grant);
  }

  void InvalidTarget(EmitContext& /*context*/, const smi::TrafficTarget& target, Outcome& /*outcome*/) override {
    mode_.Target(target.head, {target.destination.namespace_name, target.destination.name, ""}, nullptr);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    mode_.Split(context, split, outcome);
  }

  void Finish(EmitContext& context, translate::Outcomes& outcomes) override { mode_.Draft(context, outcomes); }

  std::string UdpMessage() const override { return "Istio's ztunnel does not carry UDP"; }
  translate::OptOuts PodOptOuts() const override { return {{"istio.io/dataplane-mode", {"none"}}}; }

 private:
  AmbientMode mode_;
};

}  // namespace

Result<Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const EmitOptions& options) {
  if (options.dataplane == Dataplane::kAmbient) {
    if (options.envoy_filter) {
      return translate::OptionUnsupported("istio.envoyFilter", "true")
          .WithRemediation("Leave it false with istio.dataplane=ambient: ztunnel and waypoints take no EnvoyFilter");
    }
    AmbientWriter ambient(options);
    return translate::Translate(set, facts, options, ambient);
  }
  SidecarWriter writer(options);
  return translate::Translate(set, facts, options, writer);
}

translate::TranslateEmitter Emitter() {
  return {"istio",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          },
          // Waypoints check access where a split's requests enter, so splits and targets depend on each other.
          [](const translate::OptionMap& wanted) {
            const auto it = wanted.find("istio.dataplane");
            return it != wanted.end() && it->second == "ambient";
          },
          // Waypoints are Gateways.
          std::set<std::string>{"Gateway"},
          {},
          "1.22"};  // The first with version v1 of the kinds written here.
}

}  // namespace meshplay::istio
