#include "adapters/conformance/internal/judge.h"
#include "libs/base/json_member.h"

#include <cmath>

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr int kFirstFailure = 400;
constexpr int kForbidden = 403;
constexpr int kBadGateway = 502;
constexpr int kUnavailable = 503;
constexpr double kSigmas = 4;

int NumberAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int>() : 0;
}

std::string Told(const CallRecord& record) {
  if (record.status == 0) return record.error;
  return std::to_string(record.status) + (record.error.empty() ? "" : " " + record.error);
}

std::string Named(const Call& call) {
  std::string name = call.from + " " + call.method + " " + call.service + ":" + std::to_string(call.port) + call.path;
  for (const auto& [header, value] : call.headers) name += " (" + header + ": " + value + ")";
  return name;
}

/// The worse of two: what is wrong beats what is only narrower, and a wrong cause says least.
void Note(Look& look, Look::Kind kind, const std::string& text) {
  look.text += (look.text.empty() ? "" : "; ") + text;
  const bool keeps =
      look.kind == Look::Kind::kNotMet || (look.kind == Look::Kind::kWrongReason && kind == Look::Kind::kNarrower);
  if (!keeps) look.kind = kind;
}

}  // namespace

bool IsDenial(int status, const std::string& error) {
  if (status == kForbidden) return true;
  if (status == 0) {
    for (const char* word : {"TIMEOUT", "RESET", "CLOSED"}) {
      if (error.starts_with(word)) return true;
    }
    return false;
  }
  // A client-side proxy answers for a connection that the server's side cut before any answer.
  const bool cut = error.find("reset before headers") != std::string::npos ||
                   error.find("connection termination") != std::string::npos;
  return (status == kUnavailable || status == kBadGateway) && cut;
}

std::optional<CallRecord> ReadCallRecord(const std::string& metrics_text) {
  const json metrics = json::parse(metrics_text, nullptr, false);
  if (!metrics.is_object()) return std::nullopt;
  const json succeeded = metrics.value("RespSucceeded", json());
  const json failed = metrics.value("RespFailed", json());
  if (!succeeded.is_array() || !failed.is_array() || succeeded.size() + failed.size() != 1) return std::nullopt;
  const json& record = succeeded.empty() ? failed.front() : succeeded.front();
  if (!record.is_object()) return std::nullopt;
  return CallRecord{!succeeded.empty(), NumberAt(record, "Status"), MemberText(record, "Error")};
}

int Counts::From(const std::string& caller) const {
  const auto found = received.find(caller);
  return found == received.end() ? 0 : found->second;
}

std::optional<Counts> ReadCounts(const std::string& summary_text) {
  const json summary = json::parse(summary_text, nullptr, false);
  if (!summary.is_object() || !summary.contains("ReqReceived")) return std::nullopt;
  Counts counts;
  counts.succeeded = NumberAt(summary, "RespSucceeded");
  counts.failed = NumberAt(summary, "RespFailed");
  const json& received = summary.at("ReqReceived");
  if (!received.is_object()) return std::nullopt;
  for (const auto& [caller, count] : received.items()) {
    if (count.is_number_integer()) counts.received[caller] = count.get<int>();
  }
  return counts;
}

Look JudgeCalls(const std::vector<Call>& calls, const std::vector<CallRecord>& records,
                const std::map<std::string, Counts>& received) {
  Look look;
  look.kind = Look::Kind::kMet;
  json told = json::array();
  std::map<std::pair<std::string, std::string>, int> expected;  // (server, name of the caller there)
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    const CallRecord& record = records[i];
    const bool passed = record.succeeded && record.status < kFirstFailure;
    told.push_back(
        {{"request", Named(call)}, {"expected", call.allowed ? "allowed" : "denied"}, {"answer", Told(record)}});
    int& arrivals = expected[{call.server, call.scheme == "udp" ? "Datagram" : call.from}];
    if (call.allowed && passed) ++arrivals;
    if (call.allowed == passed && (passed || IsDenial(record.status, record.error))) continue;
    const std::string what = Named(call) + ": " + Told(record);
    if (call.allowed) {
      Note(look, Look::Kind::kNarrower, what + ", and should pass");
    } else if (passed) {
      Note(look, Look::Kind::kNotMet, what + ", and should be denied");
    } else {
      Note(look, Look::Kind::kWrongReason, what + ", which is no denial");
    }
  }
  json arrived = json::object();
  for (const auto& [key, count] : expected) {
    const auto& [server, caller] = key;
    const auto found = received.find(server);
    const int seen = found == received.end() ? 0 : found->second.From(caller);
    arrived[server][caller] = seen;
    if (seen > count) {
      Note(look, Look::Kind::kNotMet,
           server + " received " + std::to_string(seen) + " requests of " + caller + ", and " + std::to_string(count) +
               " should have come");
    } else if (seen < count) {
      // An answer without a request at the server is somebody else's answer.
      Note(look, Look::Kind::kNotMet, server + " did not see every request that was answered for it");
    }
  }
  look.evidence = {{"requests", told}, {"received", arrived}};
  return look;
}

Look JudgeShare(const Share& share, int requests, const Counts& sent, int at_b, int at_c) {
  Look look;
  look.evidence = {{"requests", requests},
                   {"headers", share.headers},
                   {"succeeded", sent.succeeded},
                   {"failed", sent.failed},
                   {"app-b", at_b},
                   {"app-c", at_c}};
  if (sent.succeeded + sent.failed != requests) {
    look.text = "only " + std::to_string(sent.succeeded + sent.failed) + " of " + std::to_string(requests) +
                " requests were made";
    return look;
  }
  const std::string shares = "app-b got " + std::to_string(at_b) + ", app-c " + std::to_string(at_c) + " of " +
                             std::to_string(requests) + ", " + std::to_string(sent.failed) + " failed";
  bool met = false;
  const bool complete = sent.failed == 0 && at_b + at_c == requests;
  switch (share.rule) {
    case Share::Rule::kExactly:
      met = complete && (share.to_b > 0 ? at_c == 0 : at_b == 0);
      break;
    case Share::Rule::kWeights: {
      const double n = requests;
      const double tolerance = kSigmas * std::sqrt(share.to_b * (1 - share.to_b) / n);
      met = complete && std::abs(at_b / n - share.to_b) <= tolerance;
      break;
    }
    case Share::Rule::kBoth:
      met = complete && at_b > 0 && at_c > 0;
      break;
    case Share::Rule::kMoreAtB:
      met = complete && at_b > at_c && at_c > 0;
      break;
    case Share::Rule::kNoBackend:
      met = sent.failed == requests && at_b == 0 && at_c == 0;
      break;
  }
  look.kind = met ? Look::Kind::kMet : Look::Kind::kNotMet;
  if (!met) look.text = shares;
  return look;
}

}  // namespace meshplay::conformance
