#include "libs/facts/internal/pod_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "libs/base/json_member.h"

namespace meshplay::facts {

using nlohmann::json;
using smi::Labels;
using smi::Workload;

int ReadPort(const json& value) {
  if (!value.is_number_integer()) return 0;
  const auto number = value.get<std::int64_t>();
  return number >= 1 && number <= 65535 ? static_cast<int>(number) : 0;
}

Labels ReadLabels(const json& value) {
  Labels out;
  if (!value.is_object()) return out;
  for (const auto& [key, text] : value.items()) {
    if (text.is_string()) out.emplace(key, text.get<std::string>());
  }
  return out;
}

Labels ReadPodAnnotations(const json& metadata) {
  constexpr std::array kRead = {"sidecar.istio.io/inject",
                                "linkerd.io/inject",
                                "kuma.io/sidecar-injection",
                                "consul.hashicorp.com/connect-inject",
                                "consul.hashicorp.com/connect-service",
                                "consul.hashicorp.com/kubernetes-service",
                                "openservicemesh.io/sidecar-injection",
                                "injector.nsm.nginx.com/auto-inject"};
  Labels all = ReadLabels(Member(metadata, "annotations"));
  std::erase_if(all,
                [&](const auto& entry) { return std::find(kRead.begin(), kRead.end(), entry.first) == kRead.end(); });
  return all;
}

namespace {

// Init containers that run as long as the pod are sidecars: Services may lead to their ports, and they are probed.
std::vector<const json*> ContainersOf(const json& spec) {
  std::vector<const json*> out;
  for (const char* key : {"containers", "initContainers"}) {
    const json& containers = Member(spec, key);
    if (!containers.is_array()) continue;
    for (const json& container : containers) {
      if (key == std::string_view("containers") || MemberText(container, "restartPolicy") == "Always") {
        out.push_back(&container);
      }
    }
  }
  return out;
}

void ReadArguments(const json& container, Workload& workload) {
  if (workload.name.find("mesh") == std::string::npos) return;
  for (const char* key : {"command", "args"}) {
    const json& words = Member(container, key);
    if (!words.is_array()) continue;
    for (const json& word : words) {
      if (word.is_string()) workload.arguments.push_back(word.get<std::string>());
    }
  }
}

void ReadProbe(const json& get, Workload& workload) {
  // No rule on requests can see a probe within TLS.
  if (!get.is_object() || MemberText(get, "scheme") == "HTTPS") return;
  smi::HttpProbe probe;
  probe.path = MemberText(get, "path").empty() ? "/" : MemberText(get, "path");
  const json& port = Member(get, "port");
  probe.port = ReadPort(port);
  if (port.is_string()) {
    for (const smi::ContainerPort& candidate : workload.ports) {
      if (candidate.name == port.get<std::string>()) probe.port = candidate.port;
    }
  }
  if (probe.port != 0) workload.probes.push_back(std::move(probe));
}

}  // namespace

void ReadPodSpec(const json& spec, Workload& workload) {
  const std::string account = MemberText(spec, "serviceAccountName");
  const std::string old_account = MemberText(spec, "serviceAccount");
  workload.service_account = !account.empty() ? account : !old_account.empty() ? old_account : "default";
  const json& host_network = Member(spec, "hostNetwork");
  workload.host_network = host_network.is_boolean() && host_network.get<bool>();
  const std::vector<const json*> containers = ContainersOf(spec);
  for (const json* container : containers) {
    ReadArguments(*container, workload);
    const json& ports = Member(*container, "ports");
    if (!ports.is_array()) continue;
    for (const json& port : ports) {
      const int number = ReadPort(Member(port, "containerPort"));
      if (number != 0)
        workload.ports.push_back({MemberText(port, "name"), number, MemberText(port, "protocol") == "UDP"});
    }
  }
  for (const json* container : containers) {
    for (const char* key : {"livenessProbe", "readinessProbe", "startupProbe"}) {
      ReadProbe(Member(Member(*container, key), "httpGet"), workload);
    }
  }
}

}  // namespace meshplay::facts
