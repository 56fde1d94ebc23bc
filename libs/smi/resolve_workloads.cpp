#include <algorithm>
#include <cctype>
#include <set>

#include "libs/smi/resolve.h"

namespace meshplay::smi {
namespace {

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

Selections SelectWorkloads(const FactsIndex& facts, const Identity& destination, const std::string& pointer,
                           std::vector<Diagnostic>& diagnostics) {
  Selections out;
  std::map<Labels, Selection> by_selector;
  std::vector<Labels> order;
  std::set<std::string> names;
  for (const Workload* workload : facts.WorkloadsOfAccount(destination.namespace_name, destination.service_account)) {
    if (by_selector.count(workload->selector) == 0) order.push_back(workload->selector);
    Selection& selection = by_selector[workload->selector];
    if (selection.workloads.empty()) {
      selection.name = workload->name;
      if (!names.insert(selection.name).second) selection.name += "/" + LowerCase(workload->kind);
    }
    selection.selector = workload->selector;
    selection.workloads.push_back(workload);
  }
  for (const Labels& selector : order) {
    Selection& selection = by_selector[selector];
    const Workload* foreign = nullptr;
    for (const Workload* other : facts.WorkloadsSelectedBy(destination.namespace_name, selector)) {
      if (other->service_account != destination.service_account) foreign = other;
    }
    if (foreign == nullptr && !selector.empty()) {
      out.selections.push_back(std::move(selection));
      continue;
    }
    out.left_out = true;
    const std::string what = selection.workloads.front()->kind + " " + selection.name;
    const std::string why = foreign == nullptr ? " has no labels to select it by"
                                               : " is selected by labels that also select " + foreign->kind + " " +
                                                     foreign->name + " of ServiceAccount " + foreign->service_account;
    diagnostics.push_back({"SELECTOR_OVERLAP", Severity::kWarning, pointer, what + why, ""});
  }
  return out;
}

PodPorts ResolvePodPorts(const FactsIndex& facts, const Identity& destination, const Selection& selection,
                         const std::vector<int>& service_ports) {
  std::set<const Service*> services;
  for (const Workload* workload : facts.WorkloadsOfAccount(destination.namespace_name, destination.service_account)) {
    for (const Service* service : facts.ServicesSelecting(*workload)) services.insert(service);
  }
  PodPorts out;
  for (const int wanted : service_ports) {
    bool known = false;
    for (const Service* service : services) {
      for (const ServicePort& port : service->ports) {
        if (port.port != wanted || port.protocol == PortProtocol::kUdp) continue;
        known = true;
        for (const Workload* workload : selection.workloads) {
          if (!Selects(service->selector, workload->labels)) continue;
          const std::optional<int> target = ResolveTargetPort(port, workload->ports);
          if (target.has_value()) out.ports.push_back(*target);
        }
      }
    }
    if (known) continue;
    out.ports.push_back(wanted);
    out.assumed.push_back(wanted);
  }
  std::sort(out.ports.begin(), out.ports.end());
  out.ports.erase(std::unique(out.ports.begin(), out.ports.end()), out.ports.end());
  return out;
}

}  // namespace meshplay::smi
