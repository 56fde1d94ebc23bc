#include "adapters/kuma/emitter/emit.h"

#include "adapters/kuma/emitter/internal/access.h"
#include "adapters/kuma/emitter/internal/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::kuma {
namespace {

using translate::EmitContext;
using translate::Outcome;

class KumaWriter : public translate::MeshWriter {
 public:
  explicit KumaWriter(const EmitOptions& options) : options_(options), services_(options.mode) {}

  void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) override {
    if (options_.identity == IdentityKind::kMesh) {
      EmitByMeshIdentity(context, grant, outcome);
    } else {
      services_.Add(context, grant.target->head, grant.destination, &grant, outcome);
    }
    Explain(grant, outcome);
  }

  void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) override {
    if (options_.identity == IdentityKind::kMesh) return;  // Denies without a policy.
    const smi::Identity destination{target.destination.namespace_name, target.destination.name, ""};
    services_.Add(context, target.head, destination, nullptr, outcome);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    EmitSplit(context, split, outcome);
  }

  void Finish(EmitContext& context, translate::Outcomes& /*outcomes*/) override { services_.Draft(context); }

  std::string UdpMessage() const override { return "Kuma does not carry UDP"; }

 private:
  const EmitOptions& options_;
  ServicePermissions services_;
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
  if (name == "kuma.identity") {
    if (value != "mesh" && value != "service") return translate::OptionInvalid(name, "mesh or service");
    options.identity = value == "mesh" ? IdentityKind::kMesh : IdentityKind::kService;
    return {};
  }
  if (name == "kuma.proxyPatch") {
    bool patch = false;
    MP_CHECK(translate::SetFlag(patch, name, value));
    if (!patch) return {};
    return translate::OptionUnsupported(name, value)
        .WithRemediation(
            "Leave it false: a filter of Envoy that a MeshProxyPatch inserts is no stable API of Kuma, and one that is "
            "not taken leaves the inbound open. Targets with HTTPRouteGroups allow nothing, or everything on their "
            "ports "
            "with allowWidening");
  }
  return translate::OptionUnknown(name, "Kuma");
}

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  KumaWriter writer(options);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter() {
  return {"kuma",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          }};
}

}  // namespace meshplay::kuma
