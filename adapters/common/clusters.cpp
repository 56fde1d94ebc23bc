#include "adapters/common/clusters.h"

#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "libs/base/log.h"

namespace meshplay::common {
namespace {

constexpr char kInClusterContext[] = "";

pb::Condition MakeCondition(const char* type, pb::ConditionStatus status, const char* reason, std::string message) {
  pb::Condition condition;
  condition.set_type(type);
  condition.set_status(status);
  condition.set_reason(reason);
  condition.set_message(std::move(message));
  return condition;
}

std::string HostOf(const std::string& url) {
  const std::size_t start = url.find("://");
  const std::string rest = start == std::string::npos ? url : url.substr(start + 3);
  return rest.substr(0, rest.find('/'));
}

bool IsCredentialError(const Error& error) {
  return error.code() == ErrorCode::kUnauthenticated || error.code() == ErrorCode::kPermissionDenied;
}

}  // namespace

struct ClusterSet::Probe {
  std::string context;
  std::shared_ptr<const Cluster> cluster;  ///< Null when the cluster was never reached.
  std::optional<Error> error;
};

ClusterSet::ClusterSet(ClusterOptions options) : options_(std::move(options)) {
  if (options_.memory_file.empty()) return;
  const auto text = ReadFile(options_.memory_file);
  const auto memory = text ? ParseJson(*text) : Result<nlohmann::json>(text.error());
  if (!memory || !memory->is_object()) return;  // nothing is lost but the claim of a cluster that is away just now
  for (const auto& [context, uid] : memory->items()) {
    if (uid.is_string()) remembered_[context] = uid.get<std::string>();
  }
}

void ClusterSet::Remember() {
  if (options_.memory_file.empty()) return;
  nlohmann::json memory = remembered_;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [context, cluster] : by_context_) memory[context] = cluster->uid;
  }
  const Status kept = WriteFileAtomically(options_.memory_file, DumpJson(memory));
  if (!kept) LogWarning("which context is which cluster was not kept", {{log_key::kError, kept.error().message()}});
}

std::vector<std::string> ClusterSet::Names() const {
  std::vector<std::string> names = options_.contexts;
  if (options_.in_cluster) names.insert(names.begin(), kInClusterContext);
  if (!names.empty()) return names;
  const auto config = kube::Kubeconfig::Load(options_.kubeconfig_path, {.allow_exec = true, .allow_insecure = true});
  if (config && !config->current_context().empty()) names.push_back(config->current_context());
  if (!config) LogError("the kubeconfig is not usable", {{log_key::kError, config.error().message()}});
  return names;
}

Result<std::shared_ptr<Cluster>> ClusterSet::Connect(const std::string& context,
                                                     const std::shared_ptr<const Cluster>& known) {
  auto cluster = std::make_shared<Cluster>();
  cluster->context = context;
  if (context == kInClusterContext && options_.in_cluster) {
    cluster->credentials = "in-cluster";  // its token file is read again by the client
  } else {
    MP_TRY(const std::string text, ReadFile(options_.kubeconfig_path));
    cluster->credentials = Sha256Hex(text);
  }
  if (known && known->credentials == cluster->credentials) {
    cluster->client = known->client;
    cluster->server_host = known->server_host;
    return cluster;
  }
  Result<kube::Access> access = kube::Access{};
  if (context == kInClusterContext && options_.in_cluster) {
    access = kube::InClusterAccess();
  } else {
    // The file is named by whoever started this process, on this machine: its plugins and its TLS choices are theirs.
    MP_TRY(const kube::Kubeconfig config,
           kube::Kubeconfig::Load(options_.kubeconfig_path, {.allow_exec = true, .allow_insecure = true}));
    access = config.AccessFor(context);
  }
  if (!access) return access.error();
  cluster->server_host = HostOf(access->server_url);
  MP_TRY(auto client, kube::Client::Create(std::move(*access), {.user_agent = "meshplay-adapter"}));
  cluster->client = std::move(client);
  return cluster;
}

ClusterSet::Probe ClusterSet::Look(const std::string& context) {
  Probe probe;
  probe.context = context;
  {
    const std::lock_guard lock(mutex_);
    const auto known = by_context_.find(context);
    if (known != by_context_.end()) probe.cluster = known->second;
  }
  auto fresh = Connect(context, probe.cluster);
  if (!fresh) {
    probe.error = fresh.error();
    return probe;
  }
  Cluster& cluster = **fresh;
  const kube::Call call{.timeout = options_.probe_timeout};
  const auto uid = cluster.client->ClusterUid(call);
  const auto version = uid ? cluster.client->Version(call) : Result<kube::ServerVersion>(uid.error());
  if (!version) {
    probe.error = version.error();
    const auto remembered = remembered_.find(context);
    if (!probe.cluster && remembered != remembered_.end()) {
      cluster.uid = remembered->second;  // proved again before anything is written
      probe.cluster = *fresh;
    }
    return probe;
  }
  cluster.uid = *uid;
  cluster.kubernetes_version = version->git_version;
  const bool same = probe.cluster && probe.cluster->client == cluster.client && probe.cluster->uid == cluster.uid &&
                    probe.cluster->kubernetes_version == cluster.kubernetes_version;
  if (!same) probe.cluster = *fresh;
  return probe;
}

std::vector<pb::TargetClaim> ClusterSet::Claims() {
  std::vector<std::future<Probe>> looks;
  for (const std::string& name : Names()) {
    looks.push_back(std::async(std::launch::async, [this, name] { return Look(name); }));
  }
  std::vector<pb::TargetClaim> claims;
  std::set<std::string> seen;
  bool changed = false;
  for (auto& look : looks) {
    Probe probe = look.get();
    const std::string shown = probe.context.empty() ? "in-cluster" : probe.context;
    if (probe.error) {
      LogWarning("a cluster does not answer", {{"context", shown}, {log_key::kError, probe.error->message()}});
    }
    if (!probe.cluster) continue;
    {
      const std::lock_guard lock(mutex_);
      auto& place = by_context_[probe.context];
      changed = changed || !place || place->uid != probe.cluster->uid;
      if (place && place != probe.cluster) place->replaced.request_stop();
      place = probe.cluster;
    }
    if (!seen.insert(probe.cluster->uid).second) continue;  // a second context of the same cluster
    pb::TargetClaim& claim = claims.emplace_back();
    claim.mutable_target()->set_cluster_uid(probe.cluster->uid);
    claim.set_display_name(shown);
    claim.set_server_host(probe.cluster->server_host);
    claim.set_kubernetes_version(probe.cluster->kubernetes_version);
    const bool refused = probe.error && IsCredentialError(*probe.error);
    const bool reached = !probe.error || refused;
    *claim.add_conditions() =
        reached ? MakeCondition("Reachable", pb::CONDITION_STATUS_TRUE, "ApiServerAnswered", "")
                : MakeCondition("Reachable", pb::CONDITION_STATUS_FALSE, "ApiServerSilent", probe.error->message());
    if (!reached) {
      *claim.add_conditions() = MakeCondition("CredentialsValid", pb::CONDITION_STATUS_UNKNOWN, "ApiServerSilent", "");
    } else {
      *claim.add_conditions() =
          refused ? MakeCondition("CredentialsValid", pb::CONDITION_STATUS_FALSE, "Refused", probe.error->message())
                  : MakeCondition("CredentialsValid", pb::CONDITION_STATUS_TRUE, "Accepted", "");
    }
  }
  if (changed) Remember();
  return claims;
}

Result<std::shared_ptr<const Cluster>> ClusterSet::Find(const std::string& cluster_uid) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [context, cluster] : by_context_) {
    if (cluster->uid == cluster_uid) return cluster;
  }
  return NotFound("TARGET_UNKNOWN", "this adapter has no way to that cluster");
}

}  // namespace meshplay::common
