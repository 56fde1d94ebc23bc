#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "adapters/kube/fence.h"
#include "libs/base/process.h"
#include "tests/integration/istio/rig_cluster.h"

using meshplay::test::Eventually;
using meshplay::test::RigCluster;
using meshplay::test::ScriptedTask;
using meshplay::test::Told;
using nlohmann::json;
using namespace std::chrono_literals;
namespace pb = meshplay::sdk::pb;
namespace kube = meshplay::kube;

namespace {

/// A stand-in for helm that dies by SIGKILL in the middle of its first install of a chart: the real one writes the
/// pending release, then this kills it. Afterwards it is the real one.
std::string HelmThatDiesOnce(const RigCluster& rig, const std::string& chart) {
  const std::string path = rig.folder() + "/dying-helm";
  std::ofstream file(path);
  file << "#!/bin/bash\n"
       << "real=" << rig.helm() << "\nmark=" << rig.folder() << "/died\n"
       << "if [ \"$1\" = install ] && [ \"$2\" = " << chart << " ] && [ ! -e $mark ]; then\n"
       << "  touch $mark\n"
       << "  $real \"$@\" --wait --timeout 60s &\n"
       << "  pid=$!\n"
       << "  for i in $(seq 200); do\n"
       << "    $real status " << chart << " -n istio-system --kubeconfig " << rig.kubeconfig()
       << " 2>/dev/null | grep -q 'STATUS: pending-install' && break\n"
       << "    sleep 0.02\n"
       << "  done\n"
       << "  kill -9 $pid\n  wait $pid 2>/dev/null\n  kill -9 $$\n"
       << "fi\nexec $real \"$@\"\n";
  file.close();
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

/// A kubeconfig of a user who may do what the given ClusterRole allows and nothing else.
std::string KubeconfigOfNobody(RigCluster& rig, const std::string& name) {
  REQUIRE(rig.kube().Create(
      {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", name}, {"namespace", "default"}}}}));
  const json reader = {
      {"apiVersion", "rbac.authorization.k8s.io/v1"},
      {"kind", "ClusterRoleBinding"},
      {"metadata", {{"name", name}}},
      {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "view"}}},
      {"subjects", json::array({{{"kind", "ServiceAccount"}, {"name", name}, {"namespace", "default"}}})}};
  REQUIRE(rig.kube().Create(reader));
  REQUIRE(rig.kube().Create(
      {{"apiVersion", "v1"},
       {"kind", "Secret"},
       {"type", "kubernetes.io/service-account-token"},
       {"metadata",
        {{"name", name}, {"namespace", "default"}, {"annotations", {{"kubernetes.io/service-account.name", name}}}}}}));
  std::string token;
  REQUIRE(Eventually(120s, [&] {
    const json secret = rig.Get("v1", "Secret", "default", name);
    token = kube::TextAt(secret, "/data/token");
    return !token.empty();
  }));
  const std::string path = rig.folder() + "/" + name;
  // kubectl writes the file: it knows how to decode the token and to copy the cluster.
  std::ofstream script(path + ".sh");
  script << "sed -e '/client-certificate-data:/d' -e \"s|client-key-data:.*|token: $(echo " << token
         << " | base64 -d)|\" " << rig.kubeconfig() << " > " << path << "\n";
  script.close();
  meshplay::ProcessSpec spec;
  spec.argv = {"bash", path + ".sh"};
  spec.environment = {{"PATH", std::getenv("PATH")}};
  REQUIRE(meshplay::RunProcess(spec)->exit_code == 0);
  return path;
}

/// A rule of the cluster that refuses every PeerAuthentication: the policy, then its binding.
std::vector<json> DenyPolicy() {
  const json rule = {{"apiGroups", json::array({"security.istio.io"})},
                     {"apiVersions", json::array({"*"})},
                     {"operations", json::array({"CREATE", "UPDATE"})},
                     {"resources", json::array({"peerauthentications"})}};
  json policy = {{"apiVersion", "admissionregistration.k8s.io/v1"},
                 {"kind", "ValidatingAdmissionPolicy"},
                 {"metadata", {{"name", "no-mtls"}}}};
  policy["spec"]["failurePolicy"] = "Fail";
  policy["spec"]["matchConstraints"]["resourceRules"] = json::array({rule});
  policy["spec"]["validations"] = json::array({{{"expression", "false"}, {"message", "not here"}}});
  const json binding = {{"apiVersion", "admissionregistration.k8s.io/v1"},
                        {"kind", "ValidatingAdmissionPolicyBinding"},
                        {"metadata", {{"name", "no-mtls"}}},
                        {"spec", {{"policyName", "no-mtls"}, {"validationActions", json::array({"Deny"})}}}};
  return {policy, binding};
}

}  // namespace

TEST_CASE("what cannot begin is refused with its reason and changes nothing", "[istio]") {
  auto rig = RigCluster::Up("istio-refuse");
  if (!rig) return;
  const std::set<std::string> before = rig->Everything();

  {  // A chart that does not exist.
    ScriptedTask task(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", {{"version", "9.9.9"}}));
    const pb::TaskResult result = rig->Run(task);
    CHECK(result.error().reason() == "CHART_NOT_FOUND");
    CHECK(result.error().error_class() == pb::ERROR_CLASS_PRECONDITION);
    CHECK(result.error().side_effects() == pb::SIDE_EFFECTS_NONE);
    CHECK_FALSE(result.error().remediation().empty());
    CHECK(task.barriers == 0);
    CHECK_FALSE(rig->Exists("coordination.k8s.io/v1", "Lease", "kube-system", "meshplay-istio"));
  }
  {  // Parameters that do not fit are named with their places.
    const pb::TaskResult result = rig->Apply("istio.install", {{"version", 3}, {"colour", "red"}});
    CHECK(result.error().reason() == "PARAMETERS_INVALID");
    CHECK(result.error().fields_size() == 2);
    CHECK(rig->Apply("istio.install", {{"chart_source", "dir:/etc"}}).error().reason() == "PARAMETERS_INVALID");
  }
  {  // Another cluster than the one that was meant.
    pb::TaskOffer offer = rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object());
    offer.mutable_target()->set_cluster_uid("00000000-0000-0000-0000-000000000000");
    ScriptedTask task(offer);
    CHECK(rig->Run(task).error().reason() == "TARGET_UNKNOWN");
  }
  {  // SMI and Istio's own operations ask for the mesh first.
    const std::string split =
        "apiVersion: split.smi-spec.io/v1alpha4\nkind: TrafficSplit\nmetadata: {name: a, namespace: default}\n"
        "spec: {service: a, backends: [{service: b, weight: 1}]}\n";
    CHECK(rig->Apply("smi.apply", {{"documents", split}}).error().reason() == "PREREQUISITE_MISSING");
    CHECK(rig->Apply("istio.mtls.set", {{"mode", "STRICT"}}).error().reason() == "PREREQUISITE_MISSING");
    CHECK(rig->Apply("istio.injection.set", {{"namespace", "default"}, {"mode", "enabled"}}).error().reason() ==
          "PREREQUISITE_MISSING");
  }
  CHECK(rig->Everything() == before);
  {  // An identity without permissions is told what it lacks.
    const auto adapter = rig->Adapter(KubeconfigOfNobody(*rig, "nobody"), "dir:" + rig->charts());
    ScriptedTask task(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object()));
    const pb::TaskResult result = adapter->Run(task);
    INFO(Told(result));
    CHECK(result.error().reason() == "TARGET_FORBIDDEN");
    CHECK(result.error().error_class() == pb::ERROR_CLASS_AUTH);
    CHECK(result.error().side_effects() == pb::SIDE_EFFECTS_NONE);
    CHECK(result.error().message().find("customresourcedefinitions") != std::string::npos);
    CHECK(task.barriers == 0);
  }
  {  // A higher fence on the cluster refuses an older attempt.
    REQUIRE(kube::RaiseFence(rig->kube(), {"istio", 1'000, "test"}));
    const pb::TaskResult result = rig->Apply("istio.install", json::object());
    CHECK(result.error().reason() == "FENCED");
    CHECK(result.error().side_effects() == pb::SIDE_EFFECTS_NONE);
    CHECK(result.error().metadata().at("seen") == "1000");
    CHECK_FALSE(rig->Exists("v1", "Namespace", "", "istio-system"));
  }
}

TEST_CASE("an installation that is interrupted leaves a true account, and a later attempt gets on", "[istio]") {
  auto rig = RigCluster::Up("istio-woe");
  if (!rig) return;

  {  // A cancel ends between two steps and says what is there.
    ScriptedTask task(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object()));
    task.on_step_running = [&task](const std::string& step) {
      if (step == "helm.istiod") task.RequestStop();
    };
    const pb::TaskResult result = rig->Run(task);
    CHECK(result.outcome() == pb::OUTCOME_CANCELLED);
    CHECK(result.error().side_effects() == pb::SIDE_EFFECTS_PARTIAL);
    CHECK(Told(rig->Apply("istio.uninstall", json::object())) == "SUCCEEDED");
    CHECK_FALSE(rig->Exists("v1", "Namespace", "", "istio-system"));
  }
  {  // Values that the chart refuses.
    const pb::TaskResult bad = rig->Apply("istio.install", {{"values", {{"profile", "no-such-profile"}}}});
    INFO(Told(bad));
    CHECK(bad.outcome() == pb::OUTCOME_FAILED);
    CHECK(bad.error().side_effects() == pb::SIDE_EFFECTS_PARTIAL);  // namespace and base are there
    CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_PARTIAL);
    CHECK(Told(rig->Apply("istio.install", json::object())) == "SUCCEEDED");
  }
  REQUIRE(Told(rig->Apply("istio.uninstall", {{"force", true}})) == "SUCCEEDED");
  {  // A lost lease ends helm, which is done again when the lease is back.
    ScriptedTask task(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object()));
    int announced = 0;
    task.on_step_running = [&](const std::string& step) { task.yield = step == "helm.istiod"; };
    task.before_mutation = [&](int) {
      // The second time that helm is about to begin the lease is back.
      if (task.StateOf("helm.istiod") == "RUNNING" && ++announced > 1) task.yield = false;
    };
    CHECK(Told(rig->Run(task)) == "SUCCEEDED");
    CHECK(announced > 1);
  }
  REQUIRE(Told(rig->Apply("istio.uninstall", {{"force", true}})) == "SUCCEEDED");
  {  // helm killed in the middle: the next attempt recovers the release.
    meshplay::istio::IstioOptions options;
    options.clusters.kubeconfig_path = rig->kubeconfig();
    options.chart_source = "dir:" + rig->charts();
    options.helm_program = HelmThatDiesOnce(*rig, "istiod");
    options.work_directory = rig->folder() + "/helm";
    auto adapter = meshplay::istio::IstioAdapter::Create(options);
    REQUIRE(adapter.has_value());
    REQUIRE((*adapter)->Targets().size() == 1);
    ScriptedTask first(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object()));
    const pb::TaskResult died = (*adapter)->Run(first);
    INFO(Told(died));
    REQUIRE(std::filesystem::exists(rig->folder() + "/died"));
    CHECK(died.outcome() == pb::OUTCOME_FAILED);
    CHECK(died.error().side_effects() == pb::SIDE_EFFECTS_PARTIAL);
    CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_PARTIAL);
    ScriptedTask second(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object()));
    const pb::TaskResult again = (*adapter)->Run(second);
    CHECK(Told(again) == "SUCCEEDED");
    CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_COMPLETE);
  }
  REQUIRE(Told(rig->Apply("istio.uninstall", {{"force", true}})) == "SUCCEEDED");
  {  // A namespace stuck Terminating is named.
    REQUIRE(
        rig->kube().Create({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "istio-system"}}}}));
    REQUIRE(rig->kube().Create(
        {{"apiVersion", "v1"},
         {"kind", "ConfigMap"},
         {"metadata",
          {{"name", "stuck"}, {"namespace", "istio-system"}, {"finalizers", json::array({"example.com/never"})}}}}));
    REQUIRE(rig->kube().Delete({{"", "v1", "Namespace"}, "", "istio-system"}));
    const pb::TaskResult result = rig->Apply("istio.install", json::object());
    CHECK(result.error().reason() == "NAMESPACE_TERMINATING");
    CHECK(result.error().side_effects() == pb::SIDE_EFFECTS_NONE);
  }
}

TEST_CASE("with a mesh on the cluster: rules that deny, foreign objects, two revisions, gateways", "[istio]") {
  auto rig = RigCluster::Up("istio-used");
  if (!rig) return;
  const pb::TaskResult installed = rig->Apply("istio.install", {{"gateway", {{"enabled", true}}}});
  INFO(Told(installed));
  REQUIRE(installed.outcome() == pb::OUTCOME_SUCCEEDED);
  CHECK(rig->Exists("apps/v1", "Deployment", "istio-ingress", "istio-ingress"));

  {  // A validator that is broken, then a rule that denies.
    REQUIRE(rig->kube().Create({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "shop"}}}}));
    rig->Standin({"fail", "validation"});
    const json strict = {{"mode", "STRICT"}, {"scope", "namespace"}, {"namespace", "shop"}};
    const pb::TaskResult broken = rig->Apply("istio.mtls.set", strict);
    INFO(Told(broken));
    CHECK(broken.error().reason() == "TARGET_UNREACHABLE");
    CHECK(broken.error().error_class() == pb::ERROR_CLASS_TRANSIENT);
    CHECK(broken.error().side_effects() == pb::SIDE_EFFECTS_NONE);
    CHECK(broken.error().message().find("webhook validation.istio.io") != std::string::npos);
    rig->Standin({"ok"});
    for (const json& object : DenyPolicy()) REQUIRE(rig->kube().Create(object));
    pb::TaskResult denied;
    CHECK(Eventually(120s, [&] {
      denied = rig->Apply("istio.mtls.set", strict);
      return denied.error().reason() == "ADMISSION_DENIED";
    }));
    CHECK(denied.error().error_class() == pb::ERROR_CLASS_INVALID);
    const pb::Plan plan = rig->Plan("istio.mtls.set", strict);
    CHECK(std::any_of(plan.diagnostics().begin(), plan.diagnostics().end(),
                      [](const auto& one) { return one.code() == "ADMISSION_DENIED"; }));
    REQUIRE(rig->kube().Delete(kube::RefOf(DenyPolicy().back())));
    CHECK(Eventually(120s, [&] { return rig->Apply("istio.mtls.set", strict).outcome() == pb::OUTCOME_SUCCEEDED; }));
  }
  {  // Two revisions live side by side and go one by one.
    const pb::TaskResult canary = rig->Apply("istio.install", {{"revision", "canary"}});
    INFO(Told(canary));
    REQUIRE(canary.outcome() == pb::OUTCOME_SUCCEEDED);
    ScriptedTask detect(rig->Offer(pb::TASK_KIND_DETECT, "", json::object()));
    CHECK(rig->Run(detect).detection().meshes_size() == 2);
    CHECK(Told(rig->Apply("istio.injection.set",
                          {{"namespace", "shop"}, {"mode", "revision"}, {"revision", "canary"}})) == "SUCCEEDED");
    CHECK(rig->Apply("istio.uninstall", {{"revision", "canary"}}).error().reason() == "MESH_IN_USE");
    const pb::TaskResult gone = rig->Apply("istio.uninstall", {{"revision", "canary"}, {"force", true}});
    INFO(Told(gone));
    CHECK(gone.outcome() == pb::OUTCOME_SUCCEEDED);
    CHECK(rig->Exists("apps/v1", "Deployment", "istio-system", "istiod"));
    CHECK_FALSE(rig->Exists("apps/v1", "Deployment", "istio-system", "istiod-canary"));
    CHECK(
        rig->Exists("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "virtualservices.networking.istio.io"));
    CHECK(rig->Exists("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "istio-sidecar-injector"));
  }
  {  // A control plane that is not ready in time is named with what holds it up.
    const pb::TaskResult slow =
        rig->Apply("istio.install", {{"revision", "slow"},
                                     {"ready_timeout", "3s"},
                                     {"values", {{"global", {{"hub", "example.org/no-such-image"}}}}}});
    INFO(Told(slow));
    CHECK(slow.error().reason() == "NOT_READY_IN_TIME");
    CHECK(slow.error().side_effects() == pb::SIDE_EFFECTS_COMPLETE);
    CHECK(slow.error().message().find("istiod-slow") != std::string::npos);
    CHECK(slow.error().message().find("ImagePull") != std::string::npos);
  }
  REQUIRE(Told(rig->Apply("istio.uninstall", {{"revision", "slow"}, {"force", true}})) == "SUCCEEDED");
  {  // An object of somebody else is not taken, and would be lost with the definitions.
    REQUIRE(rig->kube().Create({{"apiVersion", "security.istio.io/v1"},
                                {"kind", "PeerAuthentication"},
                                {"metadata", {{"name", "default"}, {"namespace", "istio-system"}}},
                                {"spec", {{"mtls", {{"mode", "PERMISSIVE"}}}}}}));
    const pb::TaskResult refused = rig->Apply("istio.mtls.set", {{"mode", "STRICT"}});
    CHECK(refused.error().reason() == "OBJECT_OWNED");
    CHECK(refused.error().error_class() == pb::ERROR_CLASS_CONFLICT);
    CHECK(rig->Get("security.istio.io/v1", "PeerAuthentication", "istio-system", "default")["spec"]["mtls"]["mode"] ==
          "PERMISSIVE");
    // And it would be lost with the definitions.
    CHECK(rig->Apply("istio.uninstall", json::object()).error().reason() == "MESH_IN_USE");
  }
  REQUIRE(Told(rig->Apply("istio.uninstall", {{"force", true}})) == "SUCCEEDED");
  CHECK_FALSE(rig->Exists("v1", "Namespace", "", "istio-ingress"));
  CHECK_FALSE(rig->Exists("v1", "Namespace", "", "istio-system"));
}
