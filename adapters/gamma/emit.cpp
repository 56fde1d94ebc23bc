#include "adapters/gamma/emit.h"

#include <algorithm>
#include <array>

#include "adapters/gamma/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::gamma {
namespace {

using translate::EmitContext;
using translate::Outcome;

// Implementations whose regular expressions are known to be a full match of RE2's syntax, or are wrapped to be one.
bool ReadsRegexes(const std::string& implementation) {
  constexpr std::array kKnown = {"istio", "kuma", "cilium", "linkerd"};
  return std::find(kKnown.begin(), kKnown.end(), implementation) != kKnown.end();
}

class GammaWriter : public translate::MeshWriter {
 public:
  explicit GammaWriter(const EmitOptions& options) : cilium_(options.implementation == "cilium") {
    style_.regex = options.implementation == "linkerd" ? RegexStyle::kWrapped : RegexStyle::kPlain;
    style_.zero_weights = options.implementation != "linkerd" && !cilium_;
    style_.headless_roots = options.implementation == "istio";
    style_.regex_allowed = options.regex != RegexUse::kNever;
    style_.regex_last = options.implementation == "istio" || options.implementation == "kuma";
    style_.regex_known = options.regex == RegexUse::kAlways || ReadsRegexes(options.implementation);
  }

  void Target(EmitContext& /*context*/, const smi::Grant& grant, Outcome& outcome) override {
    Unsupported(grant.target->head, outcome);
  }
  void InvalidTarget(EmitContext& /*context*/, const smi::TrafficTarget& target, Outcome& outcome) override {
    Unsupported(target.head, outcome);
  }
  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    if (cilium_) ReadCiliumVersion(context.facts.facts().mesh_version, style_);
    EmitSplit(context, split, style_, outcome);
  }
  void Finish(EmitContext& /*context*/, translate::Outcomes& /*outcomes*/) override {}
  std::string UdpMessage() const override { return "the Gateway API form has no access control and no UDP splits"; }

 private:
  static void Unsupported(const smi::Head& head, Outcome& outcome) {
    outcome.Warn("ACCESS_UNSUPPORTED", head.spec_pointer, "the Gateway API has no access control between workloads",
                 "AuthorizationPolicy");
    outcome.explanation = "Not applied: the Gateway API cannot say who may call whom.";
  }

  bool cilium_;
  RouteStyle style_;
};

}  // namespace

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  MP_TRY(const bool known, translate::SetCommonOption(options.common, name, value));
  if (known) return {};
  if (name == "mode") {
    if (value != "scoped" && value != "strict") return translate::OptionInvalid(name, "scoped or strict");
    return {};
  }
  if (name == "gamma.regex") {
    if (value == "allowed-list") {
      options.regex = RegexUse::kAllowedList;
    } else if (value == "always") {
      options.regex = RegexUse::kAlways;
    } else if (value == "never") {
      options.regex = RegexUse::kNever;
    } else {
      return translate::OptionInvalid(name, "allowed-list, always or never");
    }
    return {};
  }
  return translate::OptionUnknown(name, "the Gateway API form");
}

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  GammaWriter writer(options);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter(const std::string& implementation) {
  return {"gamma",
          [implementation](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                           const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            options.implementation = implementation;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          },
          {},
          std::set<std::string>{}};
}

}  // namespace meshplay::gamma
