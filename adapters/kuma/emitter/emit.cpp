#include "adapters/kuma/emitter/emit.h"

#include "adapters/kuma/emitter/internal/access.h"
#include "adapters/kuma/emitter/internal/filtered.h"
#include "adapters/kuma/emitter/internal/split.h"
#include "adapters/translate/mesh_version.h"
#include "adapters/translate/translation.h"

namespace meshplay::kuma {
namespace {

using translate::EmitContext;
using translate::Outcome;

class KumaWriter : public translate::MeshWriter {
 public:
  KumaWriter(const EmitOptions& options, IdentityKind identity)
      : options_(options), identity_(identity), services_(options.mode) {}

  void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) override {
    if (options_.proxy_patch) {
      filtered_.Target(grant);
      return;
    }
    if (identity_ == IdentityKind::kMesh) {
      EmitByMeshIdentity(context, grant, false, outcome);
    } else {
      services_.Add(context, grant.target->head, grant.destination, &grant, outcome);
    }
    Explain(grant, outcome);
  }

  void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) override {
    if (identity_ == IdentityKind::kMesh) return;  // Denies without a policy.
    const smi::Identity destination{target.destination.namespace_name, target.destination.name, ""};
    services_.Add(context, target.head, destination, nullptr, outcome);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    EmitSplit(context, split, outcome);
  }

  void Finish(EmitContext& context, translate::Outcomes& outcomes) override {
    services_.Draft(context);
    filtered_.Draft(context, outcomes);
  }

  std::string UdpMessage() const override { return "Kuma does not carry UDP"; }
  translate::OptOuts PodOptOuts() const override { return {{"kuma.io/sidecar-injection", {"disabled", "false"}}}; }

 private:
  const EmitOptions& options_;
  const IdentityKind identity_;
  ServicePermissions services_;
  FilteredAccess filtered_;
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
  if (name == "kuma.proxyPatch") return translate::SetFlag(options.proxy_patch, name, value);
  return translate::OptionUnknown(name, "Kuma");
}

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  const std::string& version = facts.mesh_version;
  const bool old = translate::IsOlderThan(version, 2, 12);
  const IdentityKind identity = options.identity.value_or(old ? IdentityKind::kService : IdentityKind::kMesh);
  if (old && identity == IdentityKind::kMesh) {
    return translate::OptionUnsupported("kuma.identity", "mesh")
        .WithRemediation("Kuma " + version + " has no MeshIdentity, which came with 2.12: leave the option out");
  }
  if (identity == IdentityKind::kService && !version.empty() && !translate::IsOlderThan(version, 3, 0)) {
    return translate::OptionUnsupported("kuma.identity", "service")
        .WithRemediation("Kuma " + version + " no longer takes permissions by kuma.io/service: leave the option out");
  }
  if (options.proxy_patch && identity == IdentityKind::kService) {
    return translate::OptionUnsupported("kuma.proxyPatch", "true")
        .WithRemediation(
            "Leave it false with kuma.identity=service: tags name inbounds, not the data planes that a MeshProxyPatch "
            "changes as a whole");
  }
  KumaWriter writer(options, identity);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter() {
  return {"kuma",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          },
          {},
          std::set<std::string>{},
          {},
          "2.0"};  // The first with MeshTrafficPermission.
}

}  // namespace meshplay::kuma
