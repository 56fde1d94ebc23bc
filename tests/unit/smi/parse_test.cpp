#include "libs/smi/parse.h"

#include <catch2/catch.hpp>

#include "libs/smi/quantity.h"
#include "tests/unit/smi/cases.h"

using meshplay::smi::DocumentSet;
using meshplay::smi::ParseDocuments;
using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;

namespace {

json Subject(const meshplay::smi::Subject& subject) {
  return subject.kind + " " + subject.namespace_name + "/" + subject.name;
}

// The internal form, short enough to write down as an expectation.
json Summary(const DocumentSet& set) {
  json out = json::array();
  for (const auto& target : set.targets) {
    json rules = json::array();
    for (const auto& rule : target.rules) {
      std::string text = rule.kind + " " + rule.name;
      for (const auto& match : rule.matches) text += " " + match;
      rules.push_back(text);
    }
    json sources = json::array();
    for (const auto& source : target.sources) sources.push_back(Subject(source));
    json item = {{"destination", Subject(target.destination)}, {"rules", rules}, {"sources", sources}};
    if (target.destination_port.has_value()) item["port"] = *target.destination_port;
    out.push_back(item);
  }
  for (const auto& binding : set.bindings) {
    out.push_back(
        {{"labels", binding.pod_labels}, {"account", binding.service_account}, {"spiffe", binding.spiffe_ids}});
  }
  for (const auto& group : set.http_groups) {
    json matches = json::array();
    for (const auto& match : group.matches) {
      json headers = json::array();
      for (const auto& [name, value] : match.headers) headers.push_back(name + "=" + value);
      matches.push_back(
          {{"name", match.name}, {"path", match.path_regex}, {"methods", match.methods}, {"headers", headers}});
    }
    out.push_back({{"matches", matches}});
  }
  for (const auto& route : set.tcp_routes) out.push_back({{"tcp", route.ports}});
  for (const auto& route : set.udp_routes) out.push_back({{"udp", route.ports}});
  for (const auto& split : set.splits) {
    json backends = json::array();
    for (const auto& backend : split.backends) {
      backends.push_back(backend.service + "=" + std::to_string(backend.weight));
    }
    json matches = json::array();
    for (const auto& match : split.matches) matches.push_back(match.name);
    out.push_back({{"service", split.service}, {"backends", backends}, {"matches", matches}});
  }
  return out;
}

json Faults(const DocumentSet& set) {
  json out = json::array();
  for (const auto& finding : set.findings) out.push_back(finding.diagnostic.code + " " + finding.diagnostic.pointer);
  return out;
}

}  // namespace

TEST_CASE("every version and shape of SMI is read into one internal form", "[smi][parse]") {
  for (const json& c : LoadCases("parse.yaml")) {
    INFO(c["name"].get<std::string>());
    const DocumentSet set = ParseDocuments(ListAt(c, "documents"), {"shop"});
    CHECK(Summary(set) == c["objects"]);
    CHECK(Faults(set) == json(ListAt(c, "faults")));
  }
}

TEST_CASE("documents that are not SMI are handed back by index", "[smi][parse]") {
  const DocumentSet set = ParseDocuments({{{"apiVersion", "v1"}, {"kind", "Service"}},
                                          {{"apiVersion", "split.smi-spec.io/v1alpha4"}, {"kind", "TrafficSplit"}},
                                          json("text"),
                                          json::array()});

  CHECK(set.other_documents == std::vector<std::size_t>{0, 2, 3});
  CHECK(set.splits.size() == 1);
}

TEST_CASE("quantities are read in thousandths or refused", "[smi][quantity]") {
  using meshplay::smi::MilliFromQuantity;
  CHECK(MilliFromQuantity("1") == 1000);
  CHECK(MilliFromQuantity("500m") == 500);
  CHECK(MilliFromQuantity("1.5") == 1500);
  CHECK(MilliFromQuantity("0.010") == 10);
  CHECK(MilliFromQuantity("2k") == 2'000'000);
  CHECK(MilliFromQuantity("1e3") == 1'000'000);
  CHECK(MilliFromQuantity("1Ki") == 1'024'000);
  CHECK(MilliFromQuantity("2T") == 2'000'000'000'000'000);
  CHECK(MilliFromQuantity("1Ti") == 1'099'511'627'776'000);
  CHECK(MilliFromQuantity("-1") == -1000);
  CHECK(MilliFromQuantity("1000u") == 1);
  for (const char* bad :
       {"", "m", "1x", "1u", "0.0001", "1e", "1e999", "99999999999999999999", "1.2.3", " 1", "1 ", "9999P", "1E"}) {
    INFO(bad);
    CHECK_FALSE(MilliFromQuantity(bad).has_value());
  }
}
