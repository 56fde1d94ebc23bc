#include "adapters/consul/emitter/emit.h"

#include <optional>

#include "adapters/consul/emitter/internal/access.h"
#include "adapters/consul/emitter/internal/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::consul {
namespace {

using translate::EmitContext;
using translate::Outcome;

class ConsulWriter : public translate::MeshWriter {
 public:
  explicit ConsulWriter(const EmitOptions& options) : intentions_(options.mode) {}

  void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) override {
    intentions_.Add(context, CatalogOf(context), grant.target->head, grant.destination, &grant, outcome);
    Explain(grant, outcome);
  }

  void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) override {
    const smi::Identity destination{target.destination.namespace_name, target.destination.name, ""};
    intentions_.Add(context, CatalogOf(context), target.head, destination, nullptr, outcome);
    outcome.explanation = "The object is not valid: it allows nothing, and its destination denies by default.";
  }

  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    splits_.Add(context, CatalogOf(context), split, outcome);
  }

  void Finish(EmitContext& context, translate::Outcomes& outcomes) override {
    const Catalog& catalog = CatalogOf(context);
    splits_.Draft(context, catalog, outcomes);
    intentions_.Draft(context, catalog, outcomes);
  }

  std::string UdpMessage() const override { return "Consul does not carry UDP"; }
  // The last two give pods another name in Consul than that of the Services that select them.
  translate::OptOuts PodOptOuts() const override {
    return {{"consul.hashicorp.com/connect-inject", {"false"}},
            {"consul.hashicorp.com/connect-service", {}},
            {"consul.hashicorp.com/kubernetes-service", {}}};
  }

 private:
  Catalog& CatalogOf(const EmitContext& context) {
    if (!catalog_.has_value()) catalog_.emplace(context);
    return *catalog_;
  }

  std::optional<Catalog> catalog_;
  Intentions intentions_;
  Splits splits_;
};

}  // namespace

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  MP_TRY(const bool known, translate::SetCommonOption(options.common, name, value));
  if (known) return {};
  if (name != "mode") return translate::OptionUnknown(name, "Consul");
  if (value != "scoped" && value != "strict") return translate::OptionInvalid(name, "scoped or strict");
  options.mode = value == "strict" ? BaselineMode::kStrict : BaselineMode::kScoped;
  return {};
}

Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  ConsulWriter writer(options);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter() {
  return {"consul",
          [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
             const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(set, facts, options);
          },
          {},
          std::set<std::string>{}};
}

}  // namespace meshplay::consul
