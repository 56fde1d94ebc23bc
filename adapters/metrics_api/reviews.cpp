#include "adapters/metrics_api/reviews.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::metrics_api {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kReviewTimeout{5'000};

json SpecOf(const RemoteUser& user, metrics::Version version, const Attributes& asked) {
  json attributes = {{"group", "metrics.smi-spec.io"},
                     {"version", metrics::VersionName(version)},
                     {"verb", asked.verb},
                     {"resource", asked.resource}};
  const std::pair<const char*, const std::string*> optional[] = {
      {"subresource", &asked.subresource}, {"namespace", &asked.name_space}, {"name", &asked.name}};
  for (const auto& [key, value] : optional) {
    if (!value->empty()) attributes[key] = *value;
  }
  json spec = {{"user", user.name}, {"resourceAttributes", std::move(attributes)}};
  if (!user.uid.empty()) spec["uid"] = user.uid;
  if (!user.groups.empty()) spec["groups"] = user.groups;
  if (!user.extra.empty()) spec["extra"] = user.extra;
  return spec;
}

}  // namespace

Result<bool> Reviews::Allows(const RemoteUser& user, metrics::Version version, const Attributes& attributes) {
  const json spec = SpecOf(user, version, attributes);
  const std::string key = Sha256Hex(DumpJson(spec));
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(key);
    if (known != verdicts_.end() && known->second.until > clock_.NowBoot()) return known->second.allowed;
  }
  const json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SubjectAccessReview"},
                       {"metadata", json::object()},
                       {"spec", spec}};
  kube::Call call;
  call.timeout = kReviewTimeout;
  MP_TRY(const kube::WriteOutcome outcome, client_->Create(review, {}, call));
  const json& allowed = kube::ValueAt(outcome.object, "/status/allowed");
  const json& denied = kube::ValueAt(outcome.object, "/status/denied");
  const bool yes = allowed == json(true) && denied != json(true);
  Remember(key, yes);
  return yes;
}

void Reviews::Remember(const std::string& key, bool allowed) {
  const BootTime now = clock_.NowBoot();
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMaxVerdicts)
    std::erase_if(verdicts_, [&](const auto& entry) { return entry.second.until <= now; });
  if (verdicts_.size() >= kMaxVerdicts) verdicts_.clear();
  verdicts_[key] = {allowed, now + kVerdictHolds};
}

}  // namespace meshplay::metrics_api
