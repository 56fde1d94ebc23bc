#include "adapters/istio/emitter/emit.h"

#include "adapters/istio/emitter/internal/access.h"
#include "adapters/istio/emitter/internal/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::istio {
namespace {

using translate::EmitContext;
using translate::Outcome;

class IstioWriter : public translate::MeshWriter {
 public:
  explicit IstioWriter(const EmitOptions& options) : options_(options) {}

  void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) override {
    EmitTarget(context, options_, grant, outcome);
  }

  void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) override {
    EmitBaseline(context, options_, target, outcome);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    EmitSplit(context, split, outcome);
  }

  void Finish(EmitContext& /*context*/, translate::Outcomes& /*outcomes*/) override {}

  std::string UdpMessage() const override { return "Istio's sidecars do not carry UDP"; }

 private:
  const EmitOptions& options_;
};

}  // namespace

Result<Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const EmitOptions& options) {
  IstioWriter writer(options);
  return translate::Translate(set, facts, options, writer);
}

translate::TranslateEmitter Emitter() {
  return {"istio",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          }};
}

}  // namespace meshplay::istio
