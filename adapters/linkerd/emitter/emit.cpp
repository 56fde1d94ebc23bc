#include "adapters/linkerd/emitter/emit.h"

#include "adapters/gamma/split.h"
#include "adapters/linkerd/emitter/internal/access.h"
#include "adapters/linkerd/emitter/internal/baseline.h"
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
      ReportHeadless(context, split, outcome);
    } else if (!IsOverridden(context, split, outcome)) {
      style_.tcp_routes = ReadsTcpRoutes(context.facts.facts().mesh_version);
      gamma::EmitSplit(context, split, style_, outcome);
    }
  }

  void Finish(EmitContext& context, translate::Outcomes& outcomes) override { access_.Draft(context, outcomes); }

  std::string UdpMessage() const override { return "Linkerd does not carry UDP"; }
  translate::OptOuts PodOptOuts() const override { return {{"linkerd.io/inject", {"disabled"}}}; }

 private:
  // The proxy finds a profile by the name that the client calls. (A route of a headless root is refused.)
  static void ReportHeadless(const EmitContext& context, const smi::Split& split, Outcome& outcome) {
    const smi::Service* root = context.facts.FindService(split.namespace_name, split.root);
    if (outcome.in_force == 0 || root == nullptr || !root->headless) return;
    outcome.lost = true;
    outcome.Warn("NARROWED", split.split->head.spec_pointer + "/service",
                 "Service " + split.root +
                     " is headless: its clients call single pods, and what goes to a pod's own address is not split",
                 "ServiceProfile");
    outcome.explanation += " Clients that call pods of the headless root by their addresses are not split.";
  }

  const EmitOptions& options_;
  gamma::RouteStyle style_;
  AccessWriter access_;
};

}  // namespace

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
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

namespace {

Result<EmitOptions> OptionsOf(const translate::OptionMap& wanted) {
  EmitOptions options;
  for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
  return options;
}

translate::BaselineEmitter StrictBaseline() {
  translate::BaselineEmitter baseline;
  baseline.applies = [](const translate::OptionMap& wanted) {
    const auto options = OptionsOf(wanted);
    return options.has_value() && options->strict;
  };
  baseline.emit = [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                     const translate::OptionMap& wanted) -> Result<translate::Emission> {
    MP_TRY(EmitOptions options, OptionsOf(wanted));
    options.strict = false;
    return EmitSmi(set, facts, options);
  };
  baseline.rest = [](const translate::BaselineRequest& request, const smi::ClusterFacts& facts,
                     const translate::OptionMap& wanted) -> Result<std::vector<translate::AccountBaseline>> {
    MP_TRY(const EmitOptions options, OptionsOf(wanted));
    const smi::FactsIndex index(facts);
    const EmitContext context{index, options.common, facts.trust_domain, facts.cluster_domain, {}};
    const ClusterView view(index, options.common.owner);
    std::vector<translate::AccountBaseline> out;
    for (const std::string& account : request.accounts) {
      BaselineServers servers = DraftBaseline(context, view, {request.namespace_name, account, ""}, request.owners);
      translate::DraftList drafts;
      for (translate::Draft& draft : servers.drafts) drafts.Add(std::move(draft));
      translate::FinishedDrafts finished = drafts.Finish(options.common);
      translate::AccountBaseline& made = out.emplace_back();
      made.objects = std::move(finished.objects);
      made.waves = std::move(finished.waves);
      if (servers.notice.has_value()) made.notices.push_back(std::move(*servers.notice));
    }
    return out;
  };
  return baseline;
}

}  // namespace

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  LinkerdWriter writer(options);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter() {
  translate::TranslateEmitter emitter;
  emitter.name = "linkerd";
  emitter.emit = [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                    const translate::OptionMap& wanted) -> Result<translate::Emission> {
    MP_TRY(const EmitOptions options, OptionsOf(wanted));
    return EmitSmi(set, facts, options);
  };
  // Routes keep their names and their order of age; profiles keep what others wrote into them.
  emitter.own_kinds = {"HTTPRoute", "ServiceProfile"};
  emitter.baseline = StrictBaseline();
  emitter.oldest_version = "2.12";  // The first that authorises routes.
  return emitter;
}

}  // namespace meshplay::linkerd
