#include "cli/policies.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <thread>

#include "cli/interrupt.h"
#include "cli/parameters.h"
#include "libs/base/ids.h"
#include "libs/base/json_member.h"

namespace meshplay::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostNamed = 5;  ///< Meshes in one line.
constexpr std::chrono::seconds kRemindEvery{30};
constexpr int kMostFailures = 30;  ///< In a row, a second apart, while the server starts again.

std::uint64_t NumberOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string PathOf(const std::string& id) {
  return "/v1/policies/" + Segment(id);
}

Status MergeTarget(const PolicyRequest& request, Json& spec) {
  Json target = Json::object();
  if (request.all) target["all"] = true;
  if (!request.cluster_labels.empty()) {
    MP_CHECK(PutPairs(request.cluster_labels, "--cluster-label", target["cluster_labels"]));
  }
  const auto put = [&target](const char* name, const std::vector<std::string>& list) {
    if (!list.empty()) target[name] = list;
  };
  put("clusters", request.clusters);
  put("environments", request.environments);
  put("mesh_types", request.mesh_types);
  put("meshes", request.meshes);
  if (!target.empty()) spec["target"] = target;
  return {};
}

/// Tells on stderr what changed since it was last told.
class MeshTeller {
 public:
  void Tell(const Json& meshes) {
    for (const Json& mesh : meshes) {
      std::string text = MemberText(mesh, "state");
      if (const std::string reason = MemberText(mesh, "reason"); !reason.empty()) text += " (" + reason + ")";
      if (const std::string message = MemberText(mesh, "message"); !message.empty()) text += ": " + message;
      std::string& told = told_[MemberText(mesh, "mesh")];
      if (told == text) continue;
      told = text;
      std::cerr << MemberText(mesh, "cluster") << "/" << MemberText(mesh, "mesh") << " " << Cell(Json(text)) << "\n";
    }
  }

 private:
  std::map<std::string, std::string> told_;
};

bool HasSettled(const Json& mesh) {
  const std::string state = MemberText(mesh, "state");
  // Neither goes on by itself soon, or ever.
  if (state == "FAILED" || MemberText(mesh, "reason") == "RolloutAborted") return true;
  return state != "PENDING" && state != "REMOVING" && NumberOf(mesh, "revision") == NumberOf(mesh, "wanted_revision");
}

/// "3 of 5 meshes: east/m1 PENDING (AdapterNotConnected), ..."; empty when every mesh has settled.
std::string WaitedFor(const Json& meshes) {
  std::string list;
  std::size_t waiting = 0;
  for (const Json& mesh : meshes) {
    if (HasSettled(mesh) || ++waiting > kMostNamed) continue;
    const std::string reason = MemberText(mesh, "reason");
    list += (list.empty() ? "" : ", ") + MemberText(mesh, "cluster") + "/" + MemberText(mesh, "mesh") + " " +
            MemberText(mesh, "state") + (reason.empty() ? "" : " (" + reason + ")");
  }
  if (waiting == 0) return {};
  if (waiting > kMostNamed) list += " and others";
  return std::to_string(waiting) + " of " + std::to_string(meshes.size()) + " meshes: " + Cell(Json(list));
}

/// Asks every half second until `ended` says so. Returns the meshes of then; an error when they cannot be had.
template <class Ended>
Result<Json> Watch(Server& server, const std::string& id, std::chrono::seconds timeout, Ended ended) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  auto remind = std::chrono::steady_clock::now() + kRemindEvery;
  MeshTeller teller;
  std::string waited_for;
  int failures = 0;
  for (;;) {
    Result<Json> meshes = server.List(PathOf(id) + "/meshes", "meshes", 10'000);
    const bool over = std::chrono::steady_clock::now() >= deadline;
    if (!meshes) {
      if (meshes.error().code() != ErrorCode::kUnavailable || ++failures > kMostFailures || over) return meshes;
    } else {
      failures = 0;
      teller.Tell(*meshes);
      MP_TRY(const bool end, ended(*meshes));
      if (end) return meshes;
      waited_for = WaitedFor(*meshes);
    }
    if (over) {
      const std::string what = waited_for.empty() ? "" : ", still waiting for " + waited_for;
      return Error(ErrorCode::kDeadlineExceeded, "WAIT_OVER",
                   "the policy goes on, but the wait is over (--timeout)" + what)
          .WithRemediation("Follow it with: meshplayctl policy status " + id + " --wait");
    }
    if (std::chrono::steady_clock::now() >= remind) {
      remind += kRemindEvery;
      if (!waited_for.empty()) std::cerr << "still waiting for " << waited_for << "\n";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

/// Exit code of a plan: like that of the operation that it stands for.
int ExitCodeOfPlan(const Json& meshes) {
  int worst = kDone;
  for (const Json& mesh : meshes) {
    const std::string status = MemberText(mesh, "status");
    const std::string level = MemberText(mesh, "level");
    if (status == "FAILED") return kFailed;
    const auto stands = [](const Json& one) { return MemberText(one, "severity") == "ERROR"; };
    const Json diagnostics = mesh.value("diagnostics", Json::array());
    const bool refused = level == "NONE" || std::any_of(diagnostics.begin(), diagnostics.end(), stands);
    worst = std::max<int>(worst, refused ? kRefused : status != "ANSWERED" || level == "PARTIAL" ? kPartial : kDone);
  }
  return worst;
}

/// Asks what `spec` would change, tells it and changes nothing.
int PlanPolicy(Server& server, const std::string& id, const Json& spec, Format format) {
  const auto plan = server.Post("/v1/policies:plan", {{"id", id}, {"spec", spec}});
  if (!plan) return Fail(plan.error());
  const Json meshes = plan->value("meshes", Json::array());
  if (format != Format::kTable) {
    PrintItem(*plan, format);
    return ExitCodeOfPlan(meshes);
  }
  PrintItems(meshes,
             {{"CLUSTER", "/cluster"},
              {"MESH", "/mesh"},
              {"TYPE", "/mesh_type"},
              {"ACTION", "/action"},
              {"STATUS", "/status"},
              {"LEVEL", "/level"},
              {"STAGE", "/stage"},
              {"ERROR", "/error/reason"}},
             format);
  for (const Json& mesh : meshes) {
    const std::string where = MemberText(mesh, "cluster");
    PrintChanges(where, mesh.value("changes", Json::array()));
    for (const Json& diagnostic : mesh.value("diagnostics", Json::array())) {
      std::cout << where << ": " << MemberText(diagnostic, "severity") << " " << MemberText(diagnostic, "code") << " "
                << Cell(diagnostic.value("summary", Json())) << "\n";
    }
  }
  std::cerr << "nothing was changed\n";
  return ExitCodeOfPlan(meshes);
}

void PrintMeshes(const Json& meshes, Format format) {
  PrintItems(meshes,
             {{"CLUSTER", "/cluster"},
              {"MESH", "/mesh"},
              {"TYPE", "/mesh_type"},
              {"STATE", "/state"},
              {"REASON", "/reason"},
              {"REVISION", "/revision"},
              {"WANTED", "/wanted_revision"},
              {"STAGE", "/stage"},
              {"OPERATION", "/operation_id"}},
             format);
  if (format != Format::kTable) return;
  for (const Json& mesh : meshes) {
    PrintChanges("drift on " + MemberText(mesh, "cluster"), mesh.value("drift", Json::array()));
  }
}

bool OneFailed(const Json& meshes) {
  return std::any_of(meshes.begin(), meshes.end(),
                     [](const Json& mesh) { return MemberText(mesh, "state") == "FAILED"; });
}

/// Prints the meshes of a policy. A policy that selects none is in force nowhere: that is no success.
int ToldMeshes(const Result<Json>& meshes, Format format) {
  if (!meshes) return Fail(meshes.error());
  PrintMeshes(*meshes, format);
  if (!meshes->empty()) return ExitCodeOfMeshes(*meshes);
  std::cerr << "the policy selects no mesh\n";
  return kRefused;
}

int AfterChange(Server& server, const Json& policy, const PolicyRequest& request, Format format) {
  if (request.wait) return ShowPolicyStatus(server, request.id, true, request.timeout, format);
  PrintItem(policy, format);
  return kDone;
}

}  // namespace

void PrintChanges(const std::string& what, const Json& changes) {
  for (const Json& change : changes) {
    const Json object = change.value("object", Json::object());
    std::cout << what << ": " << MemberText(change, "action") << " " << Cell(object.value("kind", Json())) << " "
              << Cell(object.value("name", Json())) << " " << Cell(change.value("json_patch", Json())) << "\n";
  }
}

Status MergeSpec(const PolicyRequest& request, Json& spec) {
  if (!request.spec_file.empty()) {
    MP_TRY(spec, ReadObject(request.spec_file, "--spec"));
  }
  if (!request.files.empty()) {
    MP_TRY(spec["documents"], ReadDocuments(request.files));
  }
  if (!request.name_space.empty()) spec["namespace"] = request.name_space;
  if (!request.options.empty()) MP_CHECK(PutPairs(request.options, "--option", spec["options"]));
  if (!request.on_drift.empty()) spec["on_drift"] = request.on_drift;
  return MergeTarget(request, spec);
}

int CreatePolicy(Server& server, const PolicyRequest& request, Format format) {
  Json spec = Json::object();
  if (const Status merged = MergeSpec(request, spec); !merged) return Fail(merged.error());
  if (request.dry_run) return PlanPolicy(server, request.id, spec, format);
  nlohmann::json body = {{"id", request.id}, {"spec", spec}};
  if (!request.display_name.empty()) body["display_name"] = request.display_name;
  if (!request.note.empty()) body["note"] = request.note;
  if (request.paused) body["paused"] = true;
  const auto policy =
      server.Post("/v1/policies", body, {{"Idempotency-Key", request.key.empty() ? NewUuidV4() : request.key}});
  if (!policy) return Fail(policy.error());
  return AfterChange(server, *policy, request, format);
}

int UpdatePolicy(Server& server, const PolicyRequest& request, Format format) {
  const auto now = server.Get(PathOf(request.id));
  if (!now) return Fail(now.error());
  Json spec = now->value("spec", Json::object());
  if (const Status merged = MergeSpec(request, spec); !merged) return Fail(merged.error());
  if (request.dry_run) return PlanPolicy(server, request.id, spec, format);
  nlohmann::json body = {{"spec", spec}, {"display_name", MemberText(*now, "display_name")}};
  if (now->contains("labels")) body["labels"] = now->at("labels");
  if (!request.display_name.empty()) body["display_name"] = request.display_name;
  if (!request.note.empty()) body["note"] = request.note;
  const auto policy = server.Put(PathOf(request.id), body, MemberText(*now, "etag"));
  if (!policy) return Fail(policy.error());
  return AfterChange(server, *policy, request, format);
}

int DeletePolicy(Server& server, const PolicyRequest& request, Format format) {
  const std::string& id = request.id;
  const auto now = server.Get(PathOf(id));
  if (!now) return Fail(now.error());
  const auto policy = server.Delete(PathOf(id) + (request.orphan ? "?orphan=true" : ""), MemberText(*now, "etag"));
  if (!policy) return Fail(policy.error());
  if (!request.wait) {
    PrintItem(*policy, format);
    return kDone;
  }
  const OnInterrupt interrupt("\nthe deletion goes on; follow it with: meshplayctl policy status " + id + "\n");
  const auto meshes =
      Watch(server, id, request.timeout, [](const Json& all) -> Result<bool> { return OneFailed(all); });
  if (!meshes && meshes.error().reason() == "POLICY_UNKNOWN") {
    std::cerr << "policy " << id << " is gone\n";
    return kDone;
  }
  return ToldMeshes(meshes, format);
}

int ShowPolicyStatus(Server& server, const std::string& id, bool wait, std::chrono::seconds timeout, Format format) {
  const OnInterrupt interrupt("\nthe policy goes on; follow it with: meshplayctl policy status " + id + " --wait\n");
  const auto ended = [&](const Json& meshes) -> Result<bool> {
    if (!wait) return true;
    if (OneFailed(meshes)) return true;
    if (!std::all_of(meshes.begin(), meshes.end(), HasSettled)) return false;
    if (!meshes.empty()) return true;
    // No rows yet, or no mesh matches: the roll-out knows.
    MP_TRY(const Json policy, server.Get(PathOf(id)));
    return MemberText(policy.value("rollout_status", Json::object()), "state") != "ROLLING";
  };
  return ToldMeshes(Watch(server, id, timeout, ended), format);
}

int ExitCodeOfMeshes(const Json& meshes) {
  const std::map<std::string, int> ranks = {{"FULL", 0},     {"PARTIAL", 1}, {"DRIFTED", 1}, {"PENDING", 1},
                                            {"REMOVING", 1}, {"NONE", 2},    {"FAILED", 3}};
  int worst = 0;
  for (const Json& mesh : meshes) {
    const auto rank = ranks.find(MemberText(mesh, "state"));
    worst = std::max(worst, rank == ranks.end() ? 1 : rank->second);
  }
  const int codes[] = {kDone, kPartial, kRefused, kFailed};
  return codes[worst];
}

}  // namespace meshplay::cli
