#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/legacy/emitter/internal/ports.h"
#include "adapters/legacy/emitter/internal/preflight.h"
#include "adapters/legacy/emitter/internal/requests.h"

namespace meshplay::legacy {

/// Writes TrafficTargets. All of one destination are needed at once: these meshes take the first of several routes that
/// a request fits, and OSM keeps ports and requests apart.
class AccessWriter {
 public:
  AccessWriter(Mesh mesh, const Preflight& preflight) : mesh_(mesh), preflight_(preflight) {}

  void Add(const smi::Grant& grant) { grants_.push_back(&grant); }
  void AddInvalid(const smi::TrafficTarget& target) { invalid_.push_back(&target); }
  void Finish(translate::EmitContext& context, translate::Outcomes& outcomes, GroupList& groups);

 private:
  // What one grant comes to on the mesh.
  struct Entry {
    const smi::Grant* grant = nullptr;
    translate::Outcome* outcome = nullptr;
    std::vector<smi::Identity> sources;
    std::vector<Request> requests;
    std::set<int> ports;       ///< Pod ports.
    std::set<int> http_ports;  ///< Those of `ports` that may carry requests.
    bool any_port = false;     ///< Every port, those to come too; `ports` are the known ones.
    bool bytes = false;        ///< Connections are allowed whatever they carry.

    bool IsActive() const { return !sources.empty() && (any_port || !ports.empty()) && (bytes || !requests.empty()); }
    const smi::Head& head() const { return grant->target->head; }
    bool AllowsEveryRequest() const;
  };

  bool Refuse(const smi::Grant& grant, translate::Outcome& outcome) const;
  Entry Prepare(const translate::EmitContext& context, const smi::Grant& grant, translate::Outcome& outcome) const;
  void ReadSources(Entry& entry) const;
  void ReadRequests(const translate::EmitContext& context, Entry& entry) const;
  void ReadPorts(const translate::EmitContext& context, Entry& entry) const;
  bool Takes(const translate::EmitContext& context, const DestinationPort& port, Entry& entry) const;
  bool IsExact(const std::vector<DestinationPort>& all, const ChosenPorts& chosen, const DestinationPort& port,
               Entry& entry) const;

  void KeepPortsApart(const translate::EmitContext& context, std::vector<Entry>& entries) const;
  void ReportOverlaps(std::vector<Entry>& entries) const;
  bool Overlap(const Entry& a, const Entry& b) const;

  void Draft(translate::EmitContext& context, Entry& entry, GroupList& groups) const;
  std::string NameFor(const smi::ObjectKey& key, int port) const;
  void DraftTarget(translate::EmitContext& context, const Entry& entry, const std::string& name, int port) const;
  void DraftClosed(translate::EmitContext& context, const smi::Head& head, const smi::Identity& destination) const;
  void Explain(Entry& entry) const;

  Mesh mesh_;
  const Preflight& preflight_;
  std::vector<const smi::Grant*> grants_;
  std::vector<const smi::TrafficTarget*> invalid_;
};

}  // namespace meshplay::legacy
