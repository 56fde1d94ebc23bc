#include "server/policy/internal/reconciler.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "server/policy/internal/rows.h"
#include "server/store/operation_states.h"

namespace meshplay::policy::internal {
namespace {

constexpr std::uint32_t kEventPage = 500;
constexpr std::uint32_t kPolicyPage = 1'000;
constexpr std::uint32_t kMostMeshes = 10'000;
constexpr UnixMs kAllPause = 500;  ///< Between two looks at everything.

template <class Work>
Status EachPolicy(store::Reader& reader, Work work) {
  std::string after;
  for (;;) {
    MP_TRY(const std::vector<store::PolicyRecord> page, reader.ListPolicies("", after, kPolicyPage));
    for (const store::PolicyRecord& policy : page) MP_CHECK(work(policy));
    if (page.size() < kPolicyPage) return {};
    after = page.back().id;
  }
}

nlohmann::json MeshBody(const MeshWork& mesh) {
  const store::PolicyMeshRecord& row = mesh.row;
  return {{"mesh", row.mesh_id},
          {"cluster", row.cluster_id},
          {"state", mesh.drop ? "GONE" : row.state},
          {"level", row.level},
          {"reason", row.reason},
          {"mesh_revision", row.applied_revision},
          {"operation", row.operation_id.empty() ? row.last_operation_id : row.operation_id}};
}

const char* KindName(Action action) {
  return action == Action::kApply ? "APPLY" : action == Action::kDelete ? "DELETE" : "PLAN";
}

OperationWish::Kind KindOf(Action action) {
  return action == Action::kApply    ? OperationWish::Kind::kApply
         : action == Action::kDelete ? OperationWish::Kind::kDelete
                                     : OperationWish::Kind::kPlan;
}

}  // namespace

Status Reconciler::Begin() {
  const UnixMs now = clock_.NowUnixMs();
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(const store::EventHorizon horizon, unit.Horizon());
    cursor_ = horizon.newest;
    return EachPolicy(unit, [&](const store::PolicyRecord& policy) -> Status {
      MP_TRY(const auto meshes, unit.ListPolicyMeshes(policy.uid, "", kMostMeshes));
      for (store::PolicyMeshRecord row : meshes) {
        if (!row.operation_id.empty()) {
          running_[row.operation_id] = {{policy.tenant, policy.id}, row.operation_kind == "PLAN"};
        }
        if (row.applied_revision == 0) continue;
        // Changes of the time in which nobody looked are found by a PLAN, but not by all of them at once.
        const auto spread = static_cast<double>(options_.start_spread.count()) * options_.random();
        row.drift_due_unix_ms = now + options_.drift_debounce.count() + static_cast<UnixMs>(spread);
        MP_CHECK(unit.PutPolicyMesh(row));
      }
      return {};
    });
  };
  all_ = true;
  return store_.Write(work);
}

UnixMs Reconciler::Round(const Hands& hands) {
  const std::lock_guard rows(rows_mutex_);
  const UnixMs now = clock_.NowUnixMs();
  worlds_.clear();
  Status done = ReadEvents();
  if (done && (now >= all_next_ || (all_ && now >= all_next_ - options_.resync.count() + kAllPause)))
    done = LookAtAll();
  for (auto it = due_.begin(); it != due_.end();) {
    const bool is_due = it->second <= now;
    if (is_due) touched_.insert(it->first);
    it = is_due ? due_.erase(it) : std::next(it);
  }
  std::set<PolicyKey> keys;
  keys.swap(touched_);
  for (const PolicyKey& key : keys) {
    if (done) done = Look(key, hands);
    if (!done) touched_.insert(key);
  }
  if (!done) {
    LogWarning("policies wait for the store", {{log_key::kReason, done.error().reason()}});
    return now + 1'000;
  }
  UnixMs next = all_ ? all_next_ - options_.resync.count() + kAllPause : all_next_;
  for (const auto& [key, at] : due_) next = std::min(next, at);
  return touched_.empty() ? next : now;
}

Status Reconciler::ReadEvents() {
  for (;;) {
    std::vector<store::EventRecord> page;
    const auto read = [&](store::Reader& reader) -> Status {
      MP_TRY(const store::EventHorizon horizon, reader.Horizon());
      if (horizon.oldest > cursor_ + 1) all_ = true;  // retention took events that nobody read
      store::EventQuery query;
      query.after_seq = cursor_;
      query.limit = kEventPage;
      MP_TRY(page, reader.ListEvents(query));
      return {};
    };
    MP_CHECK(store_.Read(read));
    for (const store::EventRecord& event : page) Take(event);
    if (!page.empty()) cursor_ = page.back().seq;
    if (page.size() < kEventPage) return {};
  }
}

void Reconciler::Take(const store::EventRecord& event) {
  const auto begins = [&event](const char* text) { return event.kind.starts_with(text); };
  if (begins("operation.")) {
    const bool progress =
        event.kind == "operation.step" || event.kind == "operation.progress" || event.kind == "operation.change";
    const auto found = progress ? running_.end() : running_.find(event.subject.substr(event.subject.find('/') + 1));
    if (found != running_.end()) touched_.insert(found->second.policy);
    return;
  }
  if (event.kind == event_kind::kMesh || event.kind == event_kind::kRollout) return;  // our own
  if (begins("policy.")) {
    touched_.insert({event.tenant, event.subject.substr(event.subject.find('/') + 1)});
    return;
  }
  if (event.kind == "inventory.changed") return TakeInventory(event);
  for (const char* world : {"environment.", "cluster.", "mesh.", "target.", "adapter."}) {
    if (begins(world)) all_ = true;
  }
}

/// An object of a policy changed, or something came or went that its documents may refer to.
void Reconciler::TakeInventory(const store::EventRecord& event) {
  const nlohmann::json body = nlohmann::json::parse(event.body_json, nullptr, false);
  if (!body.is_object()) return;
  const auto texts = [&body](const char* name) {
    std::set<std::string> found;
    for (const nlohmann::json& text : body.value(name, nlohmann::json::array())) {
      if (text.is_string()) found.insert(text.get<std::string>());
    }
    return found;
  };
  const Place place(body.value("cluster", ""), body.value("mesh_type", ""));
  std::vector<PolicyKey> concerned = interests_.Of(event.tenant, place, texts("namespaces"));
  for (const std::string& owner : texts("owners")) concerned.emplace_back(event.tenant, owner);
  for (const PolicyKey& key : concerned) {
    drift_[key].insert(place);
    touched_.insert(key);
  }
}

Status Reconciler::LookAtAll() {
  MP_CHECK(store_.Read([this](store::Reader& reader) {
    return EachPolicy(reader, [this](const store::PolicyRecord& policy) -> Status {
      touched_.insert({policy.tenant, policy.id});
      return {};
    });
  }));
  all_ = false;
  all_next_ = clock_.NowUnixMs() + options_.resync.count();
  return {};
}

Result<const World*> Reconciler::WorldOf(const std::string& tenant) {
  const auto known = worlds_.find(tenant);
  if (known != worlds_.end()) return &known->second;
  World world;
  MP_CHECK(store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(world, ReadWorld(reader, tenant));
    return {};
  }));
  return &(worlds_[tenant] = std::move(world));
}

Result<bool> Reconciler::ReadPass(const PolicyKey& key, Pass& pass) {
  MP_TRY(pass.world, WorldOf(key.first));
  pass.options = &options_;
  pass.now = clock_.NowUnixMs();
  bool found = false;
  const auto read = [&](store::Reader& reader) -> Status {
    MP_TRY(const auto policy, reader.FindPolicy(key.first, key.second));
    if (!policy) return {};
    pass.policy = *policy;
    pass.before = *policy;
    MP_TRY(const auto revision, reader.FindPolicyRevision(policy->uid, policy->revision));
    if (!revision) return Internal("INTERNAL_BUG", "a policy has no row of its revision");
    pass.revision = *revision;
    pass.spec = SpecFrom(revision->spec_json, revision->documents);
    MP_TRY(const auto rows, reader.ListPolicyMeshes(policy->uid, "", kMostMeshes));
    for (const store::PolicyMeshRecord& row : rows) {
      MeshWork& mesh = pass.meshes.emplace_back();
      mesh.row = row;
      mesh.before = row;
    }
    MP_TRY(const std::vector<std::string> happened, AbsorbOperations(pass, reader));
    for (const std::string& name : happened) Count(name);
    found = true;
    return {};
  };
  MP_CHECK(store_.Read(read));
  return found;
}

void Reconciler::TouchDrift(const PolicyKey& key, Pass& pass) {
  const auto touched = drift_.find(key);
  if (touched == drift_.end()) return;
  const UnixMs due = pass.After(options_.drift_debounce);
  for (MeshWork& mesh : pass.meshes) {
    store::PolicyMeshRecord& row = mesh.row;
    if (touched->second.count({row.cluster_id, row.mesh_type}) == 0 || row.applied_revision == 0) continue;
    if (row.drift_due_unix_ms == 0 || row.drift_due_unix_ms > due) row.drift_due_unix_ms = due;
  }
  drift_.erase(touched);
}

Slots Reconciler::FreeSlots() const {
  Slots used;
  for (const auto& [id, operation] : running_) ++(operation.plan ? used.plans : used.changes);
  Slots free;
  free.changes = options_.max_in_flight - std::min(options_.max_in_flight, used.changes);
  free.plans = options_.max_plans - std::min(options_.max_plans, used.plans);
  return free;
}

Status Reconciler::Look(const PolicyKey& key, const Hands& hands) {
  Pass pass;
  MP_TRY(const bool found, ReadPass(key, pass));
  const std::size_t before = running_.size();
  std::vector<std::string> orphans;
  std::erase_if(running_, [&](const auto& one) {
    const bool its = one.second.policy == key;
    if (its && !found) orphans.push_back(one.first);
    return its;
  });
  due_.erase(key);
  if (!found) {
    CallBack(key.first, orphans, hands);
    drift_.erase(key);
    starved_.erase(key);
    interests_.Forget(key);
    return {};
  }
  for (const MeshWork& mesh : pass.meshes) {
    if (mesh.InFlight()) running_[mesh.row.operation_id] = {key, mesh.row.operation_kind == "PLAN"};
  }
  if (running_.size() < before) {
    for (const PolicyKey& waiting : starved_) touched_.insert(waiting);
    starved_.clear();
  }
  TouchDrift(key, pass);
  Select(pass);
  std::set<Place> places;
  for (const MeshWork& mesh : pass.meshes) places.emplace(mesh.row.cluster_id, mesh.row.mesh_type);
  interests_.Keep(key, pass.revision.digest, pass.spec, std::move(places));
  const bool moved = MoveRollout(pass);
  if (moved) Count("rollout_moved");
  Slots slots = FreeSlots();
  Decide(pass, slots);
  if (slots.starved) starved_.insert(key);
  Act(pass, hands);
  for (MeshWork& mesh : pass.meshes) Judge(pass, mesh);
  MP_CHECK(Keep(pass, moved));
  if (moved) pass.LookAgain(pass.now);  // the next stage has something to do
  if (pass.next != 0) due_[key] = pass.next;
  return {};
}

/// Operations of a policy that was forgotten: those that wait would make objects that nobody looks after.
void Reconciler::CallBack(const std::string& tenant, const std::vector<std::string>& operations, const Hands& hands) {
  for (const std::string& id : operations) {
    std::optional<store::OperationRecord> operation;
    const Status read = store_.Read([&](store::Reader& reader) -> Status {
      MP_TRY(operation, reader.FindOperation(tenant, id));
      return {};
    });
    if (!read || !operation || !HasNotBegun(*operation)) continue;
    const auto cancelled = hands.cancel({tenant, operation->principal, ""}, id, "the policy was forgotten");
    if (!cancelled)
      LogWarning("an operation of a forgotten policy goes on", {{log_key::kReason, cancelled.error().reason()}});
  }
}

void Reconciler::Act(Pass& pass, const Hands& hands) {
  for (MeshWork& mesh : pass.meshes) {
    if (mesh.cancel) {
      const engine::Actor actor{mesh.row.tenant, pass.revision.principal, ""};
      const auto cancelled = hands.cancel(actor, mesh.row.operation_id, "the policy wants something else now");
      if (cancelled && store::IsFinal(cancelled->state)) pass.LookAgain(pass.now);
    }
    if (mesh.action != Action::kNone) Ask(pass, mesh, hands);
  }
}

void Reconciler::Ask(Pass& pass, MeshWork& mesh, const Hands& hands) {
  store::PolicyMeshRecord& row = mesh.row;
  const std::string kind = KindName(mesh.action);
  OperationWish wish;
  wish.kind = KindOf(mesh.action);
  wish.tenant = row.tenant;
  wish.principal =
      mesh.action == Action::kDelete && pass.policy.deleting ? pass.policy.deleted_by : pass.revision.principal;
  wish.policy_id = pass.policy.id;
  wish.cluster_id = row.cluster_id;
  wish.mesh_id = row.mesh_id;
  if (mesh.action != Action::kDelete) {
    wish.documents = pass.spec.documents;
    wish.namespace_name = pass.spec.namespace_name;
    wish.options = pass.spec.options;
  }
  wish.reason = "policy " + pass.policy.id + ", revision " + std::to_string(pass.policy.revision);
  Result<engine::OperationRequest> request = hands.prepare(wish);
  Result<engine::Submitted> submitted = Internal("INTERNAL_BUG", "not asked");
  if (request) {
    // The same row asks under the same key: a server that was killed in between asks again and gets the same operation.
    // The row of a mesh that left and came back is another one.
    request->idempotency_key = "policy/" + pass.policy.uid + "/" + row.mesh_id + "/" +
                               std::to_string(row.created_unix_ms) + "/" + std::to_string(row.sequence + 1) + "/" +
                               kind + "/" + std::to_string(pass.policy.revision);
    request->fingerprint = Sha256Hex(request->idempotency_key);
    request->origin = "policy";
    submitted = hands.submit(*request);
  }
  const Error* refused = !request ? &request.error() : !submitted ? &submitted.error() : nullptr;
  if (refused != nullptr) {
    pass.LookAgain(pass.After(options_.refused_retry));
    if (mesh.action == Action::kPlan) {
      row.drift_due_unix_ms = pass.After(options_.refused_retry);
    } else {
      mesh.Wait(refused->reason(), refused->message());
    }
    return;
  }
  Count(kind == "APPLY" ? "apply" : kind == "DELETE" ? "delete" : "plan");
  mesh.operation = submitted->operation;
  row.sequence += 1;
  row.operation_id = submitted->operation.id;
  row.operation_kind = kind;
  row.operation_revision = pass.policy.revision;
  (mesh.action == Action::kPlan ? row.plan_operation_id : row.last_operation_id) = row.operation_id;
  if (mesh.action == Action::kApply) row.may_have_objects = true;
  running_[row.operation_id] = {{pass.policy.tenant, pass.policy.id}, mesh.action == Action::kPlan};
  if (store::IsFinal(submitted->operation.state)) pass.LookAgain(pass.now);
}

Status Reconciler::Keep(Pass& pass, bool rollout_moved) {
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(auto policy, unit.FindPolicy(pass.policy.tenant, pass.policy.id));
    if (!policy || policy->uid != pass.policy.uid) return {};  // orphaned meanwhile
    std::size_t left = 0;
    for (MeshWork& mesh : pass.meshes) {
      left += mesh.drop ? 0 : 1;
      if (TellsNews(mesh)) MP_CHECK(AddPolicyEvent(unit, *policy, event_kind::kMesh, MeshBody(mesh), pass.now));
      if (mesh.drop) {
        if (!mesh.is_new) MP_CHECK(unit.DeletePolicyMesh(policy->uid, mesh.row.mesh_id));
        continue;
      }
      if (mesh.is_new || mesh.row != mesh.before) {
        mesh.row.updated_unix_ms = pass.now;
        MP_CHECK(unit.PutPolicyMesh(mesh.row));
      }
      if (mesh.report) MP_CHECK(unit.PutPolicyReport(*mesh.report));
    }
    if (policy->deleting && pass.policy.deleting && left == 0) {
      MP_CHECK(AddPolicyEvent(unit, *policy, event_kind::kDeleted, {}, pass.now));
      return unit.DeletePolicy(policy->uid);
    }
    // What a caller changed meanwhile wins; the next look goes on from there.
    if (policy->revision != pass.before.revision || policy->rollout_state != pass.before.rollout_state) return {};
    policy->rollout_state = pass.policy.rollout_state;
    policy->rollout_stage = pass.policy.rollout_stage;
    policy->rollout_settled_unix_ms = pass.policy.rollout_settled_unix_ms;
    policy->rollout_message = pass.policy.rollout_message;
    if (rollout_moved) MP_CHECK(AddPolicyEvent(unit, *policy, event_kind::kRollout, {}, pass.now));
    return pass.policy == pass.before ? Status() : unit.PutPolicy(*policy);
  };
  return store_.Write(work);
}

void Reconciler::Count(const std::string& name) {
  const std::lock_guard lock(counters_mutex_);
  ++counters_[name];
}

std::vector<std::pair<std::string, std::uint64_t>> Reconciler::Counters() const {
  const std::lock_guard lock(counters_mutex_);
  return {counters_.begin(), counters_.end()};
}

}  // namespace meshplay::policy::internal
