#include "adapters/legacy/emitter/emit.h"

#include <optional>

#include "adapters/legacy/emitter/internal/access.h"
#include "adapters/legacy/emitter/internal/preflight.h"
#include "adapters/legacy/emitter/internal/split.h"
#include "adapters/translate/translation.h"

namespace meshplay::legacy {
namespace {

using translate::EmitContext;
using translate::Outcome;

class LegacyWriter : public translate::MeshWriter {
 public:
  LegacyWriter(Mesh mesh, const smi::FactsIndex& facts)
      : mesh_(mesh), preflight_(Check(mesh, facts)), access_(mesh, preflight_) {}

  void Target(EmitContext& /*context*/, const smi::Grant& grant, Outcome& /*outcome*/) override { access_.Add(grant); }
  void InvalidTarget(EmitContext& /*context*/, const smi::TrafficTarget& target, Outcome& /*outcome*/) override {
    access_.AddInvalid(target);
  }
  void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) override {
    EmitSplit(mesh_, preflight_, context, split, groups_, outcome);
  }
  void Finish(EmitContext& context, translate::Outcomes& outcomes) override {
    access_.Finish(context, outcomes, groups_);
    groups_.Draft(mesh_, context);
  }
  std::string UdpMessage() const override {
    return std::string(DialectOf(mesh_).title) + " has no access control for UDP";
  }
  translate::OptOuts PodOptOuts() const override {
    if (mesh_ == Mesh::kOsm) return {{"openservicemesh.io/sidecar-injection", {"disabled", "false", "no"}}};
    if (mesh_ == Mesh::kNginx) return {{"injector.nsm.nginx.com/auto-inject", {"false"}}};
    return {};
  }
  // Traefik Mesh's proxies are one for each node, not in the pods.
  bool NeedsPodNetwork() const override { return mesh_ != Mesh::kTraefik; }

 private:
  Mesh mesh_;
  Preflight preflight_;
  AccessWriter access_;
  GroupList groups_;
};

}  // namespace

std::optional<Mesh> MeshOf(std::string_view name) {
  for (const Mesh mesh : {Mesh::kTraefik, Mesh::kOsm, Mesh::kNginx}) {
    if (NameOf(mesh) == name) return mesh;
  }
  return std::nullopt;
}

std::string_view NameOf(Mesh mesh) {
  return mesh == Mesh::kTraefik ? "traefik-mesh" : mesh == Mesh::kOsm ? "osm" : "nginx-service-mesh";
}

std::string_view TitleOf(Mesh mesh) {
  return DialectOf(mesh).title;
}

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  MP_TRY(const bool known, translate::SetCommonOption(options.common, name, value));
  if (known) return {};
  if (name != "mode") return translate::OptionUnknown(name, "a mesh that reads SMI itself");
  if (value != "scoped" && value != "strict") return translate::OptionInvalid(name, "scoped or strict");
  return value == "scoped" ? Status() : Status(translate::OptionUnsupported(name, value));
}

Result<translate::Emission> EmitSmi(Mesh mesh, const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options) {
  const smi::FactsIndex index(facts);
  LegacyWriter writer(mesh, index);
  return translate::Translate(set, facts, options.common, writer);
}

translate::TranslateEmitter Emitter(Mesh mesh) {
  return {std::string(NameOf(mesh)),
          [mesh](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                 const translate::OptionMap& wanted) -> Result<translate::Emission> {
            EmitOptions options;
            for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
            return EmitSmi(mesh, set, facts, options);
          },
          // OSM says in its MeshConfig whether it guards anything.
          {},
          std::set<std::string>{"MeshConfig"}};
}

}  // namespace meshplay::legacy
