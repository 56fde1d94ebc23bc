#include "adapters/linkerd/emitter/internal/baseline.h"

#include "adapters/linkerd/emitter/internal/servers.h"

namespace meshplay::linkerd {

BaselineServers DraftBaseline(const translate::EmitContext& context, const ClusterView& view,
                              const smi::Identity& account, const std::vector<const smi::Head*>& owners) {
  Destination destination;
  destination.account = account;
  destination.targets = owners;
  std::vector<smi::Diagnostic> diagnostics;
  const smi::Selections selected = smi::SelectWorkloads(context.facts, account, "", diagnostics);
  translate::Outcomes nothing;  // Without grants there is nothing to tell.
  ServerWriter writer(context, view, destination, nothing);
  const bool named = selected.selections.size() > 1 || selected.left_out;
  for (const PodGroup& group : GroupsOf(view, selected.selections)) writer.AddGroup(group, named);
  BaselineServers out;
  if (selected.left_out || !writer.conflict().empty()) {
    const std::string why = selected.left_out ? diagnostics.front().message : writer.conflict();
    out.notice = {"PORTS_UNGUARDED", smi::Severity::kWarning, "/destination",
                  "not all workloads of ServiceAccount " + account.namespace_name + "/" + account.service_account +
                      " deny by default: " + why,
                  "Server"};
  }
  if (!writer.conflict().empty()) return out;
  out.drafts = writer.drafts();
  for (translate::Draft& draft : out.drafts) draft.wave = kNamespaceWave;
  return out;
}

}  // namespace meshplay::linkerd
