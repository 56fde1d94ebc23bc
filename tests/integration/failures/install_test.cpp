// What helm and its charts can do to an installation.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "libs/base/ids.h"
#include "libs/base/process.h"
#include "tests/integration/failures/bench.h"
#include "tests/support/eventually.h"

using namespace std::chrono_literals;
using namespace meshplay::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

constexpr char kInstall[] = "istio.install";

/// An archive of the charts whose checksum list is right, or wrong for one file.
std::string MakeBundle(Bench& bench, bool broken) {
  const std::string folder = bench.folder() + "/bundle";
  fs::remove_all(folder);
  fs::copy(bench.folder() + "/charts", folder, fs::copy_options::recursive);
  std::string sums;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto content = meshplay::ReadFile(entry.path());
    REQUIRE(content.has_value());
    sums += meshplay::Sha256Hex(*content) + "  " + fs::relative(entry.path(), folder).string() + "\n";
  }
  if (broken) sums[0] = sums[0] == '0' ? '1' : '0';
  REQUIRE(meshplay::WriteFileAtomically(folder + "/SHA256SUMS", sums).has_value());
  const std::string archive = bench.folder() + (broken ? "/broken.tgz" : "/right.tgz");
  meshplay::ProcessSpec tar;
  tar.argv = {"tar", "-czf", archive, "-C", folder, "."};
  tar.environment = ChildEnvironment();
  const auto packed = meshplay::RunProcess(tar);
  REQUIRE(packed.has_value());
  REQUIRE(packed->exit_code == 0);
  return archive;
}

json Charts(const std::string& revision) {
  return {{"revision", revision}};
}

bool Exists(Bench& bench, const std::string& release) {
  return !bench.stack().HelmHistory(release).empty();
}

/// SIGKILL for every helm of this bench's adapter; how many there were.
int KillHelm(const Bench& bench) {
  int killed = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const auto line = meshplay::ReadFile(entry.path().string() + "/cmdline", 64 * 1024);
    if (!line || line->find(bench.folder()) == std::string::npos) continue;
    const std::string words = *line;
    if (words.find(std::string("\0install\0", 9)) == std::string::npos) continue;
    killed += kill(pid, SIGKILL) == 0 ? 1 : 0;
  }
  return killed;
}

void MissingChart(Bench& bench) {
  const json operation = bench.Run(kInstall, {{"version", "1.30.999"}});
  CheckFailed(bench, operation, {"CHART_NOT_FOUND", "PRECONDITION", "NONE"});
  CHECK(operation["error"]["message"].dump().find("1.30.999") != std::string::npos);
  bench.CheckFree();
  CHECK_FALSE(Exists(bench, "istiod"));
}

void MissingHelm(Bench& bench) {
  Bench::AdapterFlags flags;
  flags.helm = bench.folder() + "/helm-is-not-here";
  bench.RestartAdapter(flags);
  CheckFailed(bench, bench.Run(kInstall, json::object()), {"HELM_MISSING", "PRECONDITION", "NONE"});
  bench.CheckFree();
}

void BrokenBundle(Bench& bench) {
  Bench::AdapterFlags flags;
  flags.chart_source = "bundle:" + MakeBundle(bench, true);
  bench.RestartAdapter(flags);
  const json operation = bench.Run(kInstall, json::object());
  CheckFailed(bench, operation, {"CHART_BROKEN", "INVALID", "NONE"});
  CHECK(operation["error"]["message"].dump().find("checksum") != std::string::npos);
  bench.CheckFree();
  CHECK_FALSE(Exists(bench, "istiod"));
  flags.chart_source = "bundle:" + MakeBundle(bench, false);
  bench.RestartAdapter(flags);
  bench.Succeeds(kInstall, json::object());
  bench.RestartAdapter({});
}

/// SMI that can be read but breaks its rules, on a cluster with Istio: each place is named.
void WrongSmi(Bench& bench) {
  const char* documents =
      "apiVersion: split.smi-spec.io/v1alpha4\nkind: TrafficSplit\nmetadata: {name: x, namespace: default}\n"
      "spec: {service: a, backends: [{service: b, weight: -1}]}\n";
  const json operation = bench.Run("smi.apply", {{"documents", documents}});
  CheckFailed(bench, operation, {"SMI_INVALID", "INVALID", "NONE"});
  CHECK(operation["error"]["violations"].dump().find("/spec/backends/0/weight") != std::string::npos);
  bench.CheckFree();
}

/// helm dies between the first and the last object: the same operation recovers the release and ends well.
void KilledHelm(Bench& bench) {
  json parameters = Charts("killed");
  parameters["values"] = {{"hold", true}};
  const std::string id = bench.Submit(kInstall, parameters);
  REQUIRE(Eventually(120s, [&] { return bench.stack().HelmStatus("istiod-killed") == "pending-install"; }));
  REQUIRE(KillHelm(bench) > 0);
  REQUIRE(Eventually(120s, [&] { return bench.Operation(id).contains("error"); }));
  const json error = bench.Operation(id).at("error");
  INFO(error.dump(1));
  CHECK(error.at("reason") == "HELM_KILLED");
  CHECK(error.at("error_class") == "TRANSIENT");
  CHECK(error.at("side_effects") == "PARTIAL");
  CHECK(error.at("remediation") != "");
  CHECK(bench.Await(id).at("state") == "SUCCEEDED");
  bench.CheckFree();
  CHECK(bench.stack().HelmStatus("istiod-killed") == "deployed");
}

/// A policy refuses one object of the chart: what helm wrote before is said, and a repetition ends it.
void DeniedChart(Bench& bench) {
  bench.Put(R"yaml(
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-such-deployment}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  validations: [{expression: "!object.metadata.name.endsWith('denied')", message: "no deployment of this name"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-such-deployment}
spec: {policyName: no-such-deployment, validationActions: [Deny]}
)yaml");
  const json probe = {{"apiVersion", "apps/v1"},
                      {"kind", "Deployment"},
                      {"metadata", {{"name", "denied"}, {"namespace", "default"}}},
                      {"spec",
                       {{"selector", {{"matchLabels", {{"app", "a"}}}}},
                        {"template",
                         {{"metadata", {{"labels", {{"app", "a"}}}}},
                          {"spec", {{"containers", {{{"name", "a"}, {"image", "a"}}}}}}}}}}};
  meshplay::kube::ApplyOptions options;
  options.field_manager = "probe";
  REQUIRE(Eventually(120s, [&] {
    const auto applied = bench.kube().Apply(probe, options);
    return !applied && applied.error().reason() == "ADMISSION_DENIED";
  }));
  const json operation = bench.Run(kInstall, Charts("denied"));
  CheckFailed(bench, operation, {"ADMISSION_DENIED", "INVALID", "PARTIAL"});
  CHECK(operation["error"].dump().find("no-such-deployment") != std::string::npos);
  bench.CheckFree();
  REQUIRE(
      bench.kube()
          .Delete(
              {{"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding"}, "", "no-such-deployment"})
          .has_value());
  REQUIRE(Eventually(120s, [&] { return bench.kube().Apply(probe, options).has_value(); }));
  bench.Succeeds(kInstall, Charts("denied"));
}

/// The API server breaks for helm alone, in the middle of the release.
void BrokenForHelm(Bench& bench) {
  bench.proxy().Break([](const SeenRequest& request, Wire& wire) {
    const auto agent = request.headers.find("user-agent");
    const bool helm = agent != request.headers.end() && agent->second.starts_with("Helm");
    if (!helm || !IsWrite(request) || !Concerns(request, "/deployments")) return false;
    AnswerStatus(wire, 503, "ServiceUnavailable", "the server is currently unable to handle the request");
    return true;
  });
  const std::string id = bench.Submit(kInstall, Charts("broken"));
  REQUIRE(Eventually(120s, [&] { return bench.Operation(id).contains("error"); }));
  const json error = bench.Operation(id).at("error");
  INFO(error.dump(1));
  CHECK(error.at("reason") == "TARGET_UNREACHABLE");
  CHECK(error.at("error_class") == "TRANSIENT");
  CHECK(error.at("side_effects") == "PARTIAL");
  bench.proxy().Repair();
  CHECK(bench.Await(id).at("state") == "SUCCEEDED");
  bench.CheckFree();
}

}  // namespace

TEST_CASE("what goes wrong with helm and charts has a reason of its own and can be repeated", "[failures]") {
  auto bench = Bench::Up("failures-install");
  if (!bench) return;
  MissingChart(*bench);
  MissingHelm(*bench);
  BrokenBundle(*bench);
  WrongSmi(*bench);
  KilledHelm(*bench);
  DeniedChart(*bench);
  BrokenForHelm(*bench);
  bench->CheckNoHole();
}
