#pragma once

#include <string>
#include <vector>

#include "adapters/sdk/adapter.h"
#include "adapters/translate/emitter.h"

namespace meshplay::serve {

namespace pb = meshplay::adapter::v1;

/// A mesh for which only the translation of SMI exists: no cluster, no operation, no inventory.
struct Translator {
  std::string mesh_type;                              ///< "linkerd"
  std::string display_name;                           ///< "Linkerd"
  std::vector<translate::TranslateEmitter> emitters;  ///< The mesh's own form first.
};

/// Connects to a server and answers its question `smi.translate`; every other task is OPERATION_UNKNOWN.
class TranslatorAdapter final : public sdk::MeshAdapter {
 public:
  explicit TranslatorAdapter(Translator translator) : translator_(std::move(translator)) {}
  pb::Capabilities capabilities() override;
  std::vector<pb::TargetClaim> Targets() override { return {}; }
  pb::TaskResult Run(sdk::TaskContext& task) override;
  pb::TaskResult Query(sdk::TaskContext& task) override;
  void WatchInventory(const pb::TargetRef& target, sdk::InventoryView& view, std::stop_token stop) override;

 private:
  const Translator translator_;
};

/// main() of such an adapter: the commands translate, run and capabilities. With several translators the option
/// --mesh chooses one.
int TranslatorMain(const std::vector<Translator>& translators, int argc, const char* const* argv);

}  // namespace meshplay::serve
