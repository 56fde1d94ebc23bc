#include "tests/unit/consul_emitter/inputs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "adapters/translate/translate.h"
#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/smi/mutator.h"

namespace meshplay::testing {

using nlohmann::json;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kCallsEach = 40;

json Plain(const json& object) {
  std::string name = object["metadata"]["name"];
  const std::size_t dash = name.rfind('-');
  if (name.size() - dash == 9) name = name.substr(0, dash) + "-HASH";
  return {{"kind", object["kind"]},
          {"name", object["metadata"]["namespace"].get<std::string>() + "/" + name},
          {"spec", object["spec"]}};
}

json Plain(const smi::SmiReport& report) {
  json codes = json::array();
  for (const auto& diagnostic : report.diagnostics) codes.push_back(diagnostic.code);
  return {{"source", report.source.kind + " " + report.source.name},
          {"level", smi::SupportLevelName(report.level)},
          {"codes", codes}};
}

}  // namespace

void CheckCases(const std::string& file, const translate::TranslateEmitter& emitter) {
  for (const json& c : LoadCases(file)) {
    INFO(c["name"].get<std::string>());
    const smi::DocumentSet set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
    smi::ClusterFacts facts = facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"});
    facts.mesh_version = c.value("mesh_version", std::string());

    const auto emission = emitter.emit(set, facts, c.value("options", translate::OptionMap()));

    REQUIRE(emission.has_value());
    json objects = json::array();
    for (const json& object : emission->objects) objects.push_back(Plain(object));
    CHECK(objects == json(ListAt(c, "objects")));
    json reports = json::array();
    for (const auto& report : emission->reports) {
      // Groups and routes that just work are left out of the expectations.
      const bool target = report.source.kind == "TrafficTarget" || report.source.kind == "TrafficSplit";
      if (target || report.level != smi::SupportLevel::kFull) reports.push_back(Plain(report));
    }
    CHECK(reports == json(ListAt(c, "reports")));
  }
}

AccessComparison CompareAccess(unsigned seed, const EmitFunction& emit, const AccessRules& rules) {
  std::mt19937 random(seed);
  const smi::ClusterFacts cluster = TestCluster();
  AccessComparison out;
  for (int i = 0; i < kPolicies; ++i) {
    const CallPolicy policy(random);
    const auto emission = emit(smi::ParseDocuments(policy.documents()), cluster);
    REQUIRE(emission.has_value());
    for (const json& object : emission->objects) rules.check(object);
    std::set<std::string> full;
    std::set<std::string> widened;
    for (const smi::SmiReport& report : emission->reports) {
      const bool target = report.source.kind == "TrafficTarget";
      if (target && report.level == smi::SupportLevel::kFull) full.insert(report.source.name);
      const auto is_widened = [](const smi::Diagnostic& diagnostic) { return diagnostic.code == "WIDENED"; };
      if (!std::any_of(report.diagnostics.begin(), report.diagnostics.end(), is_widened)) continue;
      REQUIRE(rules.may_widen);
      widened.insert(report.source.name);
    }
    out.full += static_cast<int>(full.size());
    for (int k = 0; k < kCallsEach; ++k) {
      const Call call = RandomCall(random);
      const std::vector<std::string> by = policy.AllowedBy(call);
      const bool allowed = rules.allows(emission->objects, call);
      out.allowed += allowed ? 1 : 0;
      if (allowed && by.empty()) {
        const bool told = std::any_of(widened.begin(), widened.end(),
                                      [&](const std::string& target) { return policy.Names(target, call); });
        if (!told) FailOn("wider", policy.documents(), emission->objects, call);
        ++out.widened;
      }
      const bool by_full = std::any_of(by.begin(), by.end(), [&](const auto& name) { return full.count(name) != 0; });
      if (by_full && !allowed && !rules.is_meaningless(call)) {
        FailOn("narrower", policy.documents(), emission->objects, call);
      }
    }
  }
  return out;
}

void FailOn(const std::string& what, const std::vector<json>& documents, const std::vector<json>& objects,
            const Call& call) {
  FAIL(what << "\n" << json(documents).dump(1) << "\n" << json(objects).dump(1) << "\n" << CallText(call));
}

void TranslateDamagedInputs(const std::string& file, const EmitFunction& emit,
                            const std::function<void(const json& object)>& check) {
  Mutator mutator(7);
  std::vector<json> cases;
  for (const std::string& name : {file, std::string("validate.yaml"), std::string("parse.yaml")}) {
    for (json& c : LoadCases(name)) cases.push_back(std::move(c));
  }
  for (const json& c : cases) {
    for (int round = 0; round < 15; ++round) {
      json documents = ListAt(c, "documents");
      json cluster = ListAt(c, "cluster");
      const int mutations = 1 + mutator.Below(4);
      for (int i = 0; i < mutations; ++i) mutator.Mutate(mutator.Below(3) == 0 ? cluster : documents);
      if (!documents.is_array()) documents = json::array({documents});
      if (!cluster.is_array()) cluster = json::array({cluster});
      INFO(c["name"]);

      const auto set = smi::ParseDocuments(documents.get<std::vector<json>>(), {"shop"});
      const auto emission = emit(set, facts::FactsFromObjects(cluster.get<std::vector<json>>(), {"shop"}));

      REQUIRE(emission.has_value());
      CHECK(emission->reports.size() == smi::AllHeads(set).size() + set.unreadable.size());
      for (const json& object : emission->objects) check(object);
    }
  }
}

Ran RunTranslateOn(const std::vector<translate::TranslateEmitter>& emitters, const std::string& file,
                   const std::string& name, const std::vector<std::string>& more_arguments) {
  const std::vector<json> cases = LoadCases(file);
  const auto wanted = std::find_if(cases.begin(), cases.end(),
                                   [&](const json& c) { return c["name"].get<std::string>().starts_with(name); });
  REQUIRE(wanted != cases.end());
  const auto folder = TemporaryDirectory::Create("translate");
  REQUIRE(folder.has_value());
  const std::string path = folder->path() + "/input.yaml";
  std::ofstream input(path);
  for (const char* key : {"documents", "cluster"}) {
    for (const json& object : ListAt(*wanted, key)) input << "---\n" << ToYaml(object);
  }
  input.close();
  std::vector<std::string> arguments = {"-f", path, "-n", "shop"};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  std::ostringstream out;
  std::ostringstream err;
  Ran ran;
  ran.code = translate::RunTranslate(emitters, arguments, out, err);
  ran.report = json::parse(err.str());
  if (out.str().empty()) return ran;
  const auto objects = ParseYaml(out.str());
  REQUIRE(objects.has_value());
  for (const auto& object : *objects) ran.objects.push_back(object.value);
  return ran;
}

}  // namespace meshplay::testing
