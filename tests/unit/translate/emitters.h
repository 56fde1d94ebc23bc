#pragma once

#include <vector>

#include "adapters/cilium/emitter/emit.h"
#include "adapters/consul/emitter/emit.h"
#include "adapters/gamma/emit.h"
#include "adapters/istio/emitter/emit.h"
#include "adapters/kuma/emitter/emit.h"
#include "adapters/legacy/emitter/emit.h"
#include "adapters/linkerd/emitter/emit.h"
#include "adapters/translate/emitter.h"

namespace meshplay::testing {

/// Every emitter there is, each in all its modes.
struct TriedEmitter {
  translate::TranslateEmitter emitter;
  std::vector<translate::OptionMap> options;
};

/// Istio's, as an adapter calls it for SMI objects of the same cluster.
inline translate::TranslateEmitter IstioWithOwnerReferences() {
  translate::TranslateEmitter emitter = istio::Emitter();
  emitter.name = "istio for a cluster's own objects";
  emitter.emit = [](const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                    const translate::OptionMap& wanted) -> Result<translate::Emission> {
    istio::EmitOptions options;
    for (const auto& [name, value] : wanted) MP_CHECK(istio::SetOption(options, name, value));
    options.owner = "controller";
    options.owner_references = true;
    return istio::EmitSmi(set, facts, options);
  };
  return emitter;
}

inline std::vector<TriedEmitter> AllEmitters() {
  const translate::OptionMap none;
  const translate::OptionMap wide = {{"allowWidening", "true"}};
  const translate::OptionMap strict = {{"mode", "strict"}};
  return {
      {istio::Emitter(),
       {none,
        wide,
        {{"istio.dataplane", "ambient"}},
        {{"istio.dataplane", "ambient"}, {"mode", "strict"}},
        {{"istio.envoyFilter", "true"}}}},
      {IstioWithOwnerReferences(), {strict, {{"istio.dataplane", "ambient"}, {"mode", "strict"}}}},
      {kuma::Emitter(),
       {none,
        strict,
        {{"kuma.proxyPatch", "true"}},
        {{"kuma.identity", "service"}, {"allowWidening", "true"}},
        {{"kuma.identity", "service"}, {"allowWidening", "true"}, {"mode", "strict"}}}},
      {gamma::Emitter("istio"), {none}},
      {linkerd::Emitter(), {none, strict, {{"linkerd.profile", "true"}}}},
      {consul::Emitter(), {none, wide, strict}},
      {cilium::Emitter(), {none, strict}},
      {legacy::Emitter(legacy::Mesh::kOsm), {none}},
      {legacy::Emitter(legacy::Mesh::kTraefik), {none}},
      {legacy::Emitter(legacy::Mesh::kNginx), {none}},
  };
}

}  // namespace meshplay::testing
