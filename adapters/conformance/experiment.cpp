#include "adapters/conformance/internal/experiment.h"

#include <algorithm>
#include <set>

#include "libs/base/json.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr int kBatch = 250;  ///< Of one /call; the application ends one after 25 s.
constexpr int kOk = 200;

const std::vector<std::string>& Applications() {
  static const std::vector<std::string> kNames = {"app-a", "app-b", "app-c", "app-d"};
  return kNames;
}

const AppRequest kReset{"DELETE", "/metrics"};
const AppRequest kMetrics{"GET", "/metrics"};
const AppRequest kSummary{"GET", "/metrics/summary"};

AppRequest CallOf(const std::string& url, const std::string& method, const std::map<std::string, std::string>& headers,
                  int count) {
  return {"POST", "/call",
          DumpJson({{"url", url}, {"method", method}, {"body", "meshplay"}, {"headers", headers}, {"count", count}})};
}

Look Nothing(std::string text) {
  Look look;
  look.text = std::move(text);
  return look;
}

/// The answers, or a look that tells nothing.
struct Heard {
  std::vector<AppAnswer> answers;
  std::optional<Look> nothing;
};

Result<Heard> Ask(PodReach& reach, const std::string& app, const std::vector<AppRequest>& requests) {
  auto answers = reach.Drive(app, requests);
  if (!answers) {
    if (answers.error().reason() != "POD_UNREACHABLE") return answers.error();
    return Heard{{}, Nothing(app + ": " + answers.error().message())};
  }
  if (answers->size() != requests.size()) return Heard{{}, Nothing(app + " did not answer every request")};
  for (const AppAnswer& answer : *answers) {
    if (answer.status != kOk) {
      return Heard{{}, Nothing(app + " answered " + std::to_string(answer.status) + " about itself")};
    }
  }
  return Heard{std::move(*answers), std::nullopt};
}

}  // namespace

Result<Look> LookAtCalls(Site& site, PodReach& reach, const std::vector<Call>& calls) {
  std::set<std::string> servers, callers;
  for (const Call& call : calls) {
    servers.insert(call.server);
    callers.insert(call.from);
  }
  for (const std::string& server : servers) {
    MP_TRY(const Heard heard, Ask(reach, server, {kReset}));
    if (heard.nothing) return *heard.nothing;
  }
  std::vector<CallRecord> records(calls.size());
  for (const std::string& caller : callers) {
    std::vector<AppRequest> requests;
    std::vector<std::size_t> whose;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const Call& call = calls[i];
      if (call.from != caller) continue;
      const std::string url = site.Url(call.service, Space::kHome, call.port, call.path, call.scheme);
      requests.insert(requests.end(), {kReset, CallOf(url, call.method, call.headers, 1), kMetrics});
      whose.push_back(i);
    }
    MP_TRY(const Heard heard, Ask(reach, caller, requests));
    if (heard.nothing) return *heard.nothing;
    for (std::size_t k = 0; k < whose.size(); ++k) {
      const auto record = ReadCallRecord(heard.answers[3 * k + 2].body);
      if (!record) return Nothing(caller + " did not record its call");
      records[whose[k]] = *record;
    }
  }
  std::map<std::string, Counts> received;
  for (const std::string& server : servers) {
    MP_TRY(const Heard heard, Ask(reach, server, {kSummary}));
    if (heard.nothing) return *heard.nothing;
    const auto counts = ReadCounts(heard.answers.front().body);
    if (!counts) return Nothing(server + " did not tell what it received");
    received[server] = *counts;
  }
  return JudgeCalls(calls, records, received);
}

Result<Look> LookAtShares(Site& site, PodReach& reach, const std::vector<Share>& shares, int default_requests) {
  Look all;
  all.kind = Look::Kind::kMet;
  all.evidence = json::array();
  for (const Share& share : shares) {
    for (const char* server : {"app-b", "app-c"}) {
      MP_TRY(const Heard heard, Ask(reach, server, {kReset}));
      if (heard.nothing) return *heard.nothing;
    }
    const int requests = share.requests == 0 ? default_requests : share.requests;
    const std::string url = site.Url("app-svc", Space::kHome, kPort, "/echo");
    MP_TRY(const Heard began, Ask(reach, "app-a", {kReset}));
    if (began.nothing) return *began.nothing;
    for (int left = requests; left > 0; left -= kBatch) {
      MP_TRY(const Heard heard, Ask(reach, "app-a", {CallOf(url, "GET", share.headers, std::min(left, kBatch))}));
      if (heard.nothing) return *heard.nothing;
    }
    std::map<std::string, Counts> counts;
    for (const char* app : {"app-a", "app-b", "app-c"}) {
      MP_TRY(const Heard heard, Ask(reach, app, {kSummary}));
      if (heard.nothing) return *heard.nothing;
      const auto read = ReadCounts(heard.answers.front().body);
      if (!read) return Nothing(std::string(app) + " did not tell what it saw");
      counts[app] = *read;
    }
    Look look =
        JudgeShare(share, requests, counts["app-a"], counts["app-b"].From("app-a"), counts["app-c"].From("app-a"));
    all.evidence.push_back(std::move(look.evidence));
    if (look.kind == Look::Kind::kMet) continue;
    all.kind = look.kind;
    all.text = std::move(look.text);
    break;
  }
  return all;
}

Result<std::optional<Look>> DriveCalls(Site& site, PodReach& reach, const Call& call, int count) {
  const std::string url = site.Url(call.service, Space::kHome, call.port, call.path, call.scheme);
  MP_TRY(Heard heard, Ask(reach, call.from, {kReset, CallOf(url, call.method, call.headers, count)}));
  return std::move(heard.nothing);
}

Result<Look> LookAtApplications(PodReach& reach) {
  Look look;
  look.kind = Look::Kind::kMet;
  for (const std::string& app : Applications()) {
    MP_TRY(const Heard heard, Ask(reach, app, {kSummary}));
    if (heard.nothing) return *heard.nothing;
    if (!ReadCounts(heard.answers.front().body))
      return Nothing(app + " answers, but is not the conformance application");
    look.evidence[app] = "answers";
  }
  return look;
}

Result<Look> LookAtRefusal(PodReach& reach) {
  MP_TRY(const Heard heard, Ask(reach, "app-a", {kReset, CallOf("http://127.0.0.1:1/", "GET", {}, 1), kMetrics}));
  if (heard.nothing) return *heard.nothing;
  const auto record = ReadCallRecord(heard.answers.back().body);
  if (!record) return Nothing("app-a did not record its call");
  Look look;
  look.evidence = {{"request", "app-a GET 127.0.0.1:1/"}, {"status", record->status}, {"error", record->error}};
  const bool refused = !record->succeeded && record->status == 0 && record->error.starts_with("REFUSED");
  look.kind = refused ? Look::Kind::kMet : Look::Kind::kNotMet;
  if (!refused)
    look.text =
        "a call to a closed port of its own was told as " + std::to_string(record->status) + " " + record->error;
  return look;
}

}  // namespace meshplay::conformance
