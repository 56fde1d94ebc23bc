#include "server/policy/internal/losses.h"

#include <algorithm>

#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "libs/smi/loss.h"

namespace meshplay::policy::internal {
namespace {

using nlohmann::json;

constexpr const char* kConflict = "CONFLICT";

const json& ListMember(const json& object, const char* name) {
  static const json kNone = json::array();
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::string SourceOf(const json& report) {
  const json source = report.is_object() ? report.value("source", json::object()) : json::object();
  return MemberText(source, "kind") + " " + MemberText(source, "namespace") + "/" + MemberText(source, "name");
}

Losses LossesOfOne(const json& report) {
  Losses losses;
  for (const json& diagnostic : ListMember(report, "diagnostics")) {
    const std::string code = MemberText(diagnostic, "code");
    if (!smi::IsLoss(code) && code != kConflict) continue;
    losses.insert(code + " " + SourceOf(report) + " " + MemberText(diagnostic, "pointer"));
  }
  return losses;
}

}  // namespace

Losses LossesOf(const json& reports) {
  Losses losses;
  if (!reports.is_array()) return losses;
  for (const json& report : reports) losses.merge(LossesOfOne(report));
  return losses;
}

Losses LostSince(const Losses& known, const Losses& now) {
  Losses lost;
  for (const std::string& loss : now) {
    if (!loss.starts_with(kConflict) && known.count(loss) == 0) lost.insert(loss);
  }
  return lost;
}

std::string PrintLosses(const Losses& losses) {
  return losses.empty() ? std::string() : CanonicalJson(json(losses));
}

Losses ReadLosses(const std::string& text) {
  Losses losses;
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) return losses;
  for (const json& entry : list) {
    if (entry.is_string()) losses.insert(entry.get<std::string>());
  }
  return losses;
}

json HeldReports(const json& planned, const json& before, const Losses& known) {
  json held = planned;
  if (!held.is_array() || !before.is_array()) return held;
  for (json& report : held) {
    if (LostSince(known, LossesOfOne(report)).empty()) continue;
    const std::string source = SourceOf(report);
    const auto old =
        std::find_if(before.begin(), before.end(), [&](const json& one) { return SourceOf(one) == source; });
    if (old == before.end()) continue;
    for (const char* name : {"level", "generated"}) {
      report.erase(name);
      if (old->contains(name)) report[name] = old->at(name);
    }
    report["explanation"] = "Something that it refers to is gone. What was in force stays for a while, then goes.";
    report["diagnostics"].push_back(
        {{"severity", "WARNING"},
         {"code", "DEGRADED"},
         {"summary", "something that it refers to is gone; what was in force stays for now"}});
  }
  return held;
}

}  // namespace meshplay::policy::internal
