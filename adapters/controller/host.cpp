#include "adapters/controller/host.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <set>

#include "libs/base/log.h"

namespace meshplay::controller {
namespace {

constexpr std::chrono::seconds kAgainAfter{5};

std::string KeyOf(const pb::ObjectRef& ref) {
  return ref.key().SerializeAsString();
}

}  // namespace

WriteGate& ControllerHost::Gate(const std::string& cluster_uid) {
  const std::lock_guard lock(mutex_);
  auto& gate = gates_[cluster_uid];
  if (!gate) {
    gate = std::make_unique<WriteGate>([this, cluster_uid] {
      const sdk::AdapterLink* link = link_.load();
      const bool serves = link != nullptr && link->Serves(cluster_uid);
      return serves ? link->lease_left() : std::chrono::milliseconds(0);
    });
  }
  return *gate;
}

void ControllerHost::Run(const std::string& cluster_uid, kube::Client& client, const SmiController::Reporter& report,
                         const std::stop_token& stop) {
  SmiController controller(client, traits_, Gate(cluster_uid), clock_, report);
  while (!stop.stop_requested()) {
    try {
      controller.Run(stop);
    } catch (const std::exception& fault) {
      LogError("the SMI controller ended by an exception", {{log_key::kError, fault.what()}});
    }
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kAgainAfter, [] { return false; });
  }
}

void ReportingView::Replace(const std::vector<pb::InventoryKind>& kinds, std::vector<pb::InventoryItem> items) {
  const std::lock_guard lock(mutex_);
  const std::set<std::string> before = Homeless();
  for (const pb::InventoryKind& kind : kinds) {
    for (auto it = meshes_.begin(); it != meshes_.end();) {
      const pb::ObjectKey& key = it->second.ref().key();
      const bool of_kind = key.api_version() == kind.api_version() && key.kind() == kind.kind();
      it = of_kind ? meshes_.erase(it) : std::next(it);
    }
  }
  for (const pb::InventoryItem& item : items) Keep(item);
  for (pb::InventoryItem& item : items) Decorate(item);
  inner_.Replace(kinds, std::move(items));
  if (Homeless() != before) TellAll();
}

void ReportingView::Upsert(pb::InventoryItem item) {
  const std::lock_guard lock(mutex_);
  const std::set<std::string> before = Homeless();
  Keep(item);
  Decorate(item);
  inner_.Upsert(std::move(item));
  if (Homeless() != before) TellAll();
}

void ReportingView::Keep(const pb::InventoryItem& item) {
  if (item.has_mesh()) meshes_[KeyOf(item.ref())] = item;
}

void ReportingView::Remove(const pb::ObjectRef& ref) {
  const std::lock_guard lock(mutex_);
  const std::set<std::string> before = Homeless();
  meshes_.erase(KeyOf(ref));
  inner_.Remove(ref);
  if (Homeless() != before) TellAll();
}

bool ReportingView::HasMesh(const std::string& mesh_key) const {
  return std::any_of(meshes_.begin(), meshes_.end(),
                     [&](const auto& kept) { return kept.second.mesh().mesh_key() == mesh_key; });
}

/// The types of conditions whose mesh is not there.
std::set<std::string> ReportingView::Homeless() const {
  std::set<std::string> types;
  for (const auto& [type, said] : said_) {
    if (!HasMesh(said.mesh_key)) types.insert(type);
  }
  return types;
}

void ReportingView::Decorate(pb::InventoryItem& item) const {
  if (!item.has_mesh()) return;
  for (const auto& [type, said] : said_) {
    const bool here = said.mesh_key == item.mesh().mesh_key() || !HasMesh(said.mesh_key);
    if (here) *item.add_conditions() = said.condition;
  }
}

void ReportingView::TellAll() {
  for (const auto& [key, kept] : meshes_) {
    pb::InventoryItem item = kept;
    Decorate(item);
    inner_.Upsert(std::move(item));
  }
}

void ReportingView::Set(const std::string& type, const std::string& mesh_key, std::optional<pb::Condition> condition) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> concerned = {mesh_key};
  if (const auto before = said_.find(type); before != said_.end()) concerned.insert(before->second.mesh_key);
  said_.erase(type);
  if (condition) said_.emplace(type, Said{mesh_key, std::move(*condition)});
  const bool everywhere =
      std::any_of(concerned.begin(), concerned.end(), [this](const std::string& key) { return !HasMesh(key); });
  for (const auto& [key, kept] : meshes_) {
    if (!everywhere && concerned.count(kept.mesh().mesh_key()) == 0) continue;
    pb::InventoryItem item = kept;
    Decorate(item);
    inner_.Upsert(std::move(item));
  }
}

std::optional<pb::Condition> ConditionOf(const ControllerReport& report) {
  if (!report.enabled) return std::nullopt;
  const bool well = report.trouble_reason.empty() && report.summary.conflicts == 0 && report.summary.failed == 0;
  pb::Condition condition;
  condition.set_type("SmiController");
  condition.set_status(well ? pb::CONDITION_STATUS_TRUE : pb::CONDITION_STATUS_FALSE);
  std::string message = report.summary.Text();
  if (!report.trouble_reason.empty()) {
    condition.set_reason("NotInStep");
    message = report.trouble_reason + ": " + report.trouble + "; " + message;
  } else if (!well) {
    condition.set_reason(report.summary.failed != 0 ? "WritesFail" : "Conflicts");
  } else {
    condition.set_reason("InStep");
  }
  if (report.last_change_ms != 0) message += "; last change " + TimeText(report.last_change_ms);
  condition.set_message(message);
  return condition;
}

}  // namespace meshplay::controller
