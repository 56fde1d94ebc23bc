#include "adapters/metrics_api/door.h"

#include <algorithm>

#include "adapters/metrics_api/discovery.h"
#include "libs/base/json.h"
#include "libs/base/log.h"

namespace meshplay::metrics_api {
namespace {

using http::ServerAnswer;
using nlohmann::json;

ServerAnswer Say(int status, const json& body) {
  return {status, "application/json", DumpJson(body), {}};
}

ServerAnswer Say(const metrics::MetricsAnswer& answer) {
  return {answer.status, "application/json", answer.body.dump(-1, ' ', false, json::error_handler_t::replace), {}};
}

ServerAnswer No(int status, const std::string& message) {
  return Say(status, StatusBody(status, message));
}

std::string HeaderOf(const http::ServerRequest& request, std::string_view name) {
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  std::string all;
  for (const http::Header& header : request.headers) {
    if (!std::equal(header.name.begin(), header.name.end(), name.begin(), name.end(), same)) continue;
    all += (all.empty() ? "" : ",") + header.value;
  }
  return all;
}

bool IsProbe(const std::string& path) {
  return path == "/healthz" || path == "/livez" || path == "/readyz";
}

std::string Sentence(const RemoteUser& user, const Attributes& asked) {
  const std::string what = asked.resource + "." + kGroup + (asked.subresource.empty() ? "" : "/" + asked.subresource);
  return what + " is forbidden: User \"" + user.name + "\" cannot " + asked.verb + " it in " +
         (asked.name_space.empty() ? "the whole cluster" : "the namespace \"" + asked.name_space + "\"");
}

}  // namespace

void Door::Put(const std::string& cluster_uid, Site site) {
  const std::lock_guard lock(mutex_);
  sites_[cluster_uid] = std::move(site);
}

void Door::Remove(const std::string& cluster_uid) {
  const std::lock_guard lock(mutex_);
  sites_.erase(cluster_uid);
}

std::optional<Site> Door::SiteOf(const std::vector<std::string>& client_chain_der) const {
  if (client_chain_der.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const Site* found = nullptr;
  for (const auto& [uid, site] : sites_) {
    if (!site.proxy->Trusts(client_chain_der)) continue;
    if (found != nullptr) {
      LogWarning("two clusters trust the same front proxy: requests to the SMI metrics API cannot be told apart",
                 {{"cluster", uid}});
      return std::nullopt;
    }
    found = &site;
  }
  return found == nullptr ? std::nullopt : std::optional<Site>(*found);
}

ServerAnswer Door::Refuse(int status, const std::string& message) {
  ServerAnswer answer = No(status, message);
  if (status == 405) answer.headers.push_back({"Allow", "GET, HEAD"});
  if (status == 503) answer.headers.push_back({"Retry-After", "1"});
  return answer;
}

ServerAnswer Door::Handle(const http::ServerRequest& request) {
  const auto target = ReadTarget(request.target);
  if (!target) return No(400, target.error().message());
  if (IsProbe(target->path)) return {200, "text/plain", "ok", {}};
  const auto site = SiteOf(request.client_chain_der);
  if (!site) return No(401, "only the API server of a cluster on which this API is enabled may ask");
  const auto user = site->proxy->UserOf(request.headers);
  if (!user) return No(401, "the request names no user");
  if (target->watch) return Refuse(405, "metrics cannot be watched");

  const std::string group = std::string("/apis/") + kGroup;
  if (target->path == "/apis") return GroupList(site->versions, HeaderOf(request, "Accept"));
  if (target->path == group) return Say(200, Group(site->versions));
  for (const metrics::Version version : site->versions) {
    const std::string base = group + "/" + std::string(metrics::VersionName(version));
    if (target->path != base && !target->path.starts_with(base + "/")) continue;
    return Metrics(*site, *user, {target->path.substr(base.size()), version, target->window, target->label_selector});
  }
  return No(404, "the server could not find the requested resource");
}

ServerAnswer Door::Metrics(const Site& site, const RemoteUser& user, metrics::MetricsCall call) const {
  const auto asked = metrics::ParseRequest(call.path, call.version);
  if (!asked) return Say(metrics::ErrorAnswer(asked.error()));
  // What is served is no secret of anybody who got this far; everything else is asked for by name.
  if (asked->form == metrics::MetricsRequest::Form::kIndex) {
    return Say(metrics::MetricsAnswer{200, metrics::ResourceList(call.version)});
  }
  const Attributes attributes = AttributesOf(*asked);
  const auto allowed = site.reviews->Allows(user, call.version, attributes);
  if (!allowed) {
    LogWarning("access could not be reviewed", {{log_key::kReason, allowed.error().reason()}});
    return No(503, "whether this is allowed could not be found out");
  }
  if (!*allowed) return No(403, Sentence(user, attributes));
  return Say(answer_(*site.client, site.mesh_key, call));
}

}  // namespace meshplay::metrics_api
