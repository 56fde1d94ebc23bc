#include <catch2/catch.hpp>
#include <set>

#include "adapters/conformance/internal/suite.h"
#include "adapters/conformance/objects.h"
#include "adapters/conformance/runner.h"
#include "adapters/conformance/scratch.h"
#include "libs/smi/parse.h"
#include "libs/smi/validate.h"

namespace {

using namespace meshplay::conformance;
using nlohmann::json;

TEST_CASE("The older suite's groups have their 24 steps, and every case has an id of its own") {
  const std::vector<Group> suite = MakeSuite("home", "other");
  const std::map<std::string, std::size_t> steps = {{"traffic-access", 7}, {"traffic-spec", 6}, {"traffic-split", 11}};
  std::set<std::string> ids;
  std::size_t legacy = 0;
  for (const Group& group : suite) {
    CHECK(group.legacy == (steps.count(group.name) != 0));
    if (group.legacy) CHECK(group.steps.size() == steps.at(group.name));
    legacy += group.legacy ? group.steps.size() : 0;
    for (const Step& step : group.steps) {
      INFO(step.id);
      CHECK(ids.insert(step.id).second);
      CHECK(step.id.rfind(group.name, 0) == 0);
      CHECK(!step.title.empty());
    }
  }
  CHECK(legacy == 24);
  CHECK(GroupNames().size() == suite.size());
}

TEST_CASE("The documents of every case are valid SMI, and speak of applications that are there") {
  const std::vector<json> objects = AppObjects({"home", "other", "image"});
  std::set<std::string> services, accounts;
  for (const json& object : objects) {
    if (object["kind"] == "Service") services.insert(object["metadata"]["name"]);
    if (object["kind"] == "ServiceAccount") {
      accounts.insert(object["metadata"]["namespace"].get<std::string>() + "/" +
                      object["metadata"]["name"].get<std::string>());
    }
  }
  const std::vector<Group> suite = MakeSuite("home", "other");
  for (const Group& group : suite) {
    for (const Step& step : group.steps) {
      INFO(step.id);
      const auto set = meshplay::smi::ParseDocuments(step.documents);
      CHECK(set.other_documents.empty());
      const auto findings = meshplay::smi::Validate(set);
      for (const auto& finding : findings) {
        INFO(finding.diagnostic.code << " " << finding.diagnostic.message);
        CHECK(finding.diagnostic.severity != meshplay::smi::Severity::kError);
      }
      for (const auto& split : set.splits) {
        CHECK(services.count(split.service) == 1);
        for (const auto& backend : split.backends) CHECK(services.count(backend.service) == 1);
      }
      for (const auto& target : set.targets) {
        CHECK(accounts.count("home/" + target.destination.name) == 1);
        for (const auto& source : target.sources) CHECK(accounts.count(source.namespace_name + "/" + source.name) == 1);
      }
      for (const Call& call : step.calls) CHECK(services.count(call.service) == 1);
    }
  }
}

TEST_CASE("The applications' pods carry what their Services select, and nothing runs as root") {
  json extra = {{"mesh", "yes"}};
  const std::vector<json> objects = AppObjects({"home", "other", "image:1", "Always", extra, {{"note", "x"}}});
  std::map<std::string, json> labels;
  for (const json& object : objects) {
    CHECK(object["metadata"].contains("namespace"));
    if (object["kind"] != "Deployment") continue;
    const json& pod = object["spec"]["template"];
    labels[pod["metadata"]["labels"][kAppLabel]] = pod["metadata"]["labels"];
    CHECK(pod["metadata"]["labels"]["mesh"] == "yes");
    CHECK(pod["metadata"]["annotations"]["note"] == "x");
    const json& container = pod["spec"]["containers"][0];
    CHECK(container["image"] == "image:1");
    CHECK(container["imagePullPolicy"] == "Always");
    CHECK(container["securityContext"]["runAsNonRoot"] == true);
  }
  CHECK(labels.size() == 4);
  const std::map<std::string, std::set<std::string>> wanted = {
      {"app-a", {"app-a"}}, {"app-b", {"app-b"}},           {"app-c", {"app-c"}},
      {"app-d", {"app-d"}}, {"app-c-elsewhere", {"app-c"}}, {"app-svc", {"app-b", "app-c"}}};
  for (const json& object : objects) {
    if (object["kind"] != "Service") continue;
    const std::string name = object["metadata"]["name"];
    std::set<std::string> selected;
    for (const auto& [app, own] : labels) {
      bool all = true;
      for (const auto& [key, value] : object["spec"]["selector"].items()) all = all && own.value(key, json()) == value;
      if (all) selected.insert(app);
    }
    INFO(name);
    CHECK(selected == wanted.at(name));
  }
}

TEST_CASE("Scratch namespaces say whose they are, and each attempt has its own") {
  ScratchOptions options{"0192f3a4-0000-7000-8000-000000000001", 1, "istio", {"place", "process"}, {}};
  const std::string first = ScratchName(options, "home");
  CHECK(first.size() <= 63);
  CHECK(first != ScratchName(options, "other"));
  options.attempt = 2;
  CHECK(first != ScratchName(options, "home"));
  const json object = ScratchNamespace(options, first, {{"istio-injection", "enabled"}}, {{"a", "b"}});
  CHECK(object["metadata"]["labels"]["istio-injection"] == "enabled");
  CHECK(object["metadata"]["labels"][kRunLabel] == options.run_id);
  CHECK(object["metadata"]["labels"]["meshplay.dev/mesh"] == "istio");
  CHECK(object["metadata"]["annotations"][kHolderAnnotation] == "place");
  CHECK(object["metadata"]["annotations"]["a"] == "b");
  CHECK(ThisHolder("/a").name != ThisHolder("/b").name);
  CHECK(ThisHolder("/a").process == ThisHolder("/b").process);
}

}  // namespace
