#include "adapters/linkerd/emitter/emit.h"

#include "adapters/gamma/split.h"
#include "adapters/linkerd/emitter/internal/access.h"
#include "adapters/linkerd/emitter/internal/profile.h"
#include "adapters/linkerd/emitter/internal/servers.h"
#include "adapters/linkerd/emitter/internal/versions.h"
#include "adapters/translate/translation.h"

namespace meshplay::linkerd {
namespace {

using translate::EmitContext;
using translate::Outcome;

class LinkerdWriter : public translate::MeshWriter {
 public:
  explicit LinkerdWriter(const EmitOptions& options) : options_(options), access_(options.strict) {
    style_.mesh = "Linkerd";
    style_.parent_group = "core";
    style_.regex = gamma::RegexStyle::kWrapped;
    // Linkerd's proxy sends everything to a single backend of weight 0, and fails on several.
    style_.zero_weights = false;
    style_.wave = kSplitWave;
  }

  void Target(EmitContext& /*context*/, const smi::Grant& grant, Outcome& outcome) override {
    access_.Add(grant, outcome);
  }

  void InvalidTarget(EmitContext& /*context*/, const smi::TrafficTarget& target, Outcome& outcome) override {
    access_.AddInvalid(target, outcome);
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    if (options_.profile) {
      EmitProfile(context, split, outcome);
    } else if (!IsOverridden(context, split, outcome)) {
      style_.tcp_routes = ReadsTcpRoutes(context.facts.facts().mesh_version);
      gamma::EmitSplit(context, split, style_, outcome);
    }
  }

  void Finish(EmitContext& context, translate::Outcomes& outcomes) override { access_.Draft(context, outcomes); }

  std::string UdpMessage() const override { return "Linkerd does not carry UDP"; }

 private:
  const EmitOptions& options_;
  gamma::RouteStyle style_;
  AccessWriter access_;
};

}  // namespace

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  if (name == "trustDomain" && value != "cluster.local") {
    return Error(ErrorCode::kUnimplemented, "SMI_OPTION_UNSUPPORTED",
                 "option trustDomain=" + std::string(value) +
                     " is not supported: Linkerd's policies name ServiceAccounts, and its control plane puts its own "
                     "trust domain");
  }
  MP_TRY(const bool known, translate::SetCommonOption(options.common, name, value));
  if (known) return {};
  if (name == "mode") {
    if (value != "scoped" && value != "strict") return translate::OptionInvalid(name, "scoped or strict");
    options.strict = value == "strict";
    return {};
  }
  if (name == "linkerd.profile") return translate::SetFlag(options.profile, name, value);
  return translate::OptionUnknown(name, "Linkerd");
}

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  LinkerdWriter writer(options);
  MP_TRY(translate::Emission emission, translate::Translate(set, facts, options.common, writer));
  // The baseline of a namespace follows from all that is in it, so its parts cannot be translated alone.
  if (options.strict) emission.waves.clear();
  return emission;
}

translate::TranslateEmitter Emitter() {
  return {"linkerd",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          },
          {},
          // Routes keep their names and their order of age; profiles keep what others wrote into them.
          std::set<std::string>{"HTTPRoute", "ServiceProfile"}};
}

}  // namespace meshplay::linkerd
