#include "tests/unit/policy/fixture.h"

#include <algorithm>

#include "server/engine/events.h"
#include "server/store/operation_states.h"

namespace meshplay::testing {

using nlohmann::json;

namespace {

template <class T>
T Take(Result<T> result) {
  if (!result) FAIL(result.error().ToString());
  return std::move(*result);
}
void Take(Status status) {
  if (!status) FAIL(status.error().ToString());
}

std::string Key(const engine::TaskOffer& offer) {
  return offer.operation_id + "/" + std::to_string(offer.attempt);
}

std::string Name(const engine::TaskOffer& offer) {
  const bool removes = offer.operation_type == "smi.delete";
  const std::string kind(store::TaskKindName(offer.kind));
  return (removes ? "DELETE" : kind) + " " + offer.mesh_key;
}

}  // namespace

void PolicyFixture::AddMesh(const std::string& id, const std::map<std::string, std::string>& labels,
                            const std::string& cluster, bool connected) {
  const std::string place = cluster.empty() ? id : cluster;
  SetLabels(place, labels);
  store::MeshRecord mesh;
  mesh.id = id;
  mesh.tenant = "default";
  mesh.cluster_id = place;
  mesh.cluster_uid = "uid-" + place;
  mesh.mesh_type = "some-mesh";
  mesh.mesh_key = id;
  Take(engine.store->Write([&](store::Transaction& tx) { return tx.PutMesh(mesh); }));
  if (!cluster.empty() && id != cluster) return Happened("mesh/" + id, "mesh.appeared");
  engine.Serve("a-" + place, place, "some-mesh");
  Claim(place, connected);
  if (connected) engine.Connect("a-" + place);
  Happened("mesh/" + id, "mesh.appeared");
}

void PolicyFixture::SetLabels(const std::string& cluster, const std::map<std::string, std::string>& labels) {
  store::ClusterRecord row;
  row.id = cluster;
  row.tenant = "default";
  row.uid = "uid-" + cluster;
  row.labels_json = json(labels).dump();
  Take(engine.store->Write([&](store::Transaction& tx) { return tx.PutCluster(row); }));
  Happened("cluster/" + cluster, "cluster.changed");
}

void PolicyFixture::Claim(const std::string& cluster, bool live, const std::string& conditions) {
  store::ClaimRecord claim;
  claim.tenant = "default";
  claim.adapter_id = "a-" + cluster;
  claim.cluster_uid = "uid-" + cluster;
  claim.mesh_type = "some-mesh";
  claim.live = live;
  claim.conditions_json = conditions;
  Take(engine.store->Write([&](store::Transaction& tx) { return tx.PutClaim(claim); }));
  Happened("adapter/a-" + cluster, "adapter.changed");
}

void PolicyFixture::Happened(const std::string& subject, const std::string& kind, const json& body) {
  const auto event = engine::PlainEvent("default", subject, kind, body.is_null() ? json::object() : body, 0);
  Take(engine.store->Write([&](store::Transaction& tx) -> Status {
    MP_CHECK(tx.AddEvent(event));
    return {};
  }));
}

policy::Hands PolicyFixture::MakeHands() {
  policy::Hands hands;
  hands.prepare = [this](const policy::OperationWish& wish) -> Result<engine::OperationRequest> {
    if (refuse) return *refuse;
    wishes.push_back(wish);
    engine::OperationRequest request;
    request.tenant = wish.tenant;
    request.principal = wish.principal;
    request.kind = wish.kind == policy::OperationWish::Kind::kPlan ? store::TaskKind::kPlan : store::TaskKind::kApply;
    request.type = wish.kind == policy::OperationWish::Kind::kDelete ? "smi.delete" : "smi.apply";
    request.cluster_id = wish.cluster_id;
    request.cluster_uid = "uid-" + wish.cluster_id;
    request.mesh_type = "some-mesh";
    request.mesh_id = wish.mesh_id;
    request.mesh_key = wish.mesh_id;
    request.parameters_json = json{{"documents", wish.documents}}.dump();
    request.options_json = "{}";
    request.traits.idempotency = store::Idempotency::kNatural;
    request.traits.lock = store::LockMode::kExclusive;
    request.needs_approval = needs_approval && request.kind == store::TaskKind::kApply;
    return request;
  };
  hands.submit = [this](const engine::OperationRequest& request) -> Result<engine::Submitted> {
    auto submitted = engine.core->Submit(request);
    engine.Settle();
    if (lose_answers) return Unavailable("STORE_STOPPED", "the server died here");
    return submitted;
  };
  hands.cancel = [this](const engine::Actor& actor, const std::string& id, const std::string& reason) {
    auto cancelled = engine.core->Cancel(actor, id, reason);
    engine.Settle();
    return cancelled;
  };
  return hands;
}

void PolicyFixture::Tick(std::chrono::milliseconds by) {
  for (std::chrono::milliseconds left = by; left.count() > 0; left -= 5s) {
    engine.Beat();
    engine.Advance(std::min<std::chrono::milliseconds>(left, 5s));
  }
  policies->TickForTest(MakeHands());
  engine.Settle();
}

store::AuditRecord PolicyFixture::Audit() const {
  store::AuditRecord audit;
  audit.tenant = "default";
  audit.principal = "alice";
  audit.action = "test";
  return audit;
}

policy::PolicyChange PolicyFixture::Change(const std::string& documents) {
  policy::PolicyChange change;
  change.spec.documents = documents;
  change.spec.target.all = true;
  change.spec.settle = 10s;
  return change;
}

store::PolicyRecord PolicyFixture::Create(const policy::PolicyChange& change, const std::string& id) {
  return Take(policies->Create(Audit(), id, change, false, "", "")).first;
}

store::PolicyRecord PolicyFixture::Update(const policy::PolicyChange& change, const std::string& id) {
  return Take(policies->Update(Audit(), id, Policy(id).version, change));
}

store::PolicyRecord PolicyFixture::Policy(const std::string& id) {
  store::PolicyRecord row;
  Take(engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(row, policy::GetPolicyRow(reader, "default", id));
    return {};
  }));
  return row;
}

bool PolicyFixture::HasPolicy(const std::string& id) {
  bool has = false;
  Take(engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto found, reader.FindPolicy("default", id));
    has = found.has_value();
    return {};
  }));
  return has;
}

store::PolicyMeshRecord PolicyFixture::Mesh(const std::string& mesh, const std::string& id) {
  const std::string uid = Policy(id).uid;
  std::optional<store::PolicyMeshRecord> row;
  Take(engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(row, reader.FindPolicyMesh(uid, mesh));
    return {};
  }));
  return row.value_or(store::PolicyMeshRecord());
}

store::PolicyReportRecord PolicyFixture::Report(const std::string& mesh) {
  const std::string uid = Policy().uid;
  std::optional<store::PolicyReportRecord> row;
  Take(engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(row, reader.FindPolicyReport(uid, mesh));
    return {};
  }));
  return row.value_or(store::PolicyReportRecord());
}

std::vector<std::string> PolicyFixture::Offers() {
  std::vector<std::string> names;
  std::vector<store::ClusterRecord> clusters;
  Take(engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(clusters, reader.ListClusters("default", "", 100));
    return {};
  }));
  for (const store::ClusterRecord& cluster : clusters) {
    std::vector<store::ClaimRecord> claims;
    Take(engine.store->Read([&](store::Reader& reader) -> Status {
      MP_TRY(claims, reader.ListClaims("default", "a-" + cluster.id, "", ""));
      return {};
    }));
    if (claims.empty() || !claims.front().live) continue;
    for (const engine::TaskOffer& offer : engine.Link("a-" + cluster.id).offers) {
      if (answered_.count(Key(offer)) == 0) names.push_back(Name(offer));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

engine::TaskOffer PolicyFixture::Offer(const std::string& text) {
  std::vector<store::ClusterRecord> clusters;
  Take(engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(clusters, reader.ListClusters("default", "", 100));
    return {};
  }));
  for (const store::ClusterRecord& cluster : clusters) {
    for (const engine::TaskOffer& offer : engine.Link("a-" + cluster.id).offers) {
      if (answered_.count(Key(offer)) == 0 && Name(offer) == text) return offer;
    }
  }
  FAIL("there is no offer " << text);
  return {};
}

void PolicyFixture::Finish(const engine::TaskOffer& offer, engine::TaskResult result) {
  answered_.insert(Key(offer));
  const std::string adapter = "a-" + offer.cluster_id;
  engine.Accept(offer, adapter);
  engine.Finish(result, adapter);
  Tick();
}

void PolicyFixture::Succeed(const std::string& name, const std::string& level) {
  SucceedWith(name, json::array({{{"level", level}, {"explanation", "so it is"}}}));
}

void PolicyFixture::SucceedWith(const std::string& name, const json& reports) {
  const engine::TaskOffer offer = Offer(name);
  engine::TaskResult result = engine.MakeResult(offer, 1, engine::Outcome::kSucceeded);
  result.smi_reports_json = reports.dump();
  Finish(offer, result);
}

void PolicyFixture::Plan(const std::string& name, const json& changes, const json& reports) {
  const engine::TaskOffer offer = Offer(name);
  engine::TaskResult result = engine.MakeResult(offer, 1, engine::Outcome::kSucceeded);
  result.plan_json = json{{"changes", changes}, {"smi", reports}}.dump();
  result.plan_digest = "d";
  Finish(offer, result);
}

void PolicyFixture::Fail(const std::string& name, const std::string& reason) {
  const engine::TaskOffer offer = Offer(name);
  engine::TaskResult result = engine.MakeResult(offer, 1, engine::Outcome::kFailed);
  result.error = engine.MakeError(reason, engine::ErrorClass::kInvalid, store::SideEffects::kNone);
  Finish(offer, result);
}

void PolicyFixture::Settle(const std::string& mesh, const std::string& level) {
  Succeed("APPLY " + mesh, level);
  Tick(options.drift_debounce);
  Plan("PLAN " + mesh, json::array());
}

}  // namespace meshplay::testing
