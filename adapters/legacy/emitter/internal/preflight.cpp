#include "adapters/legacy/emitter/internal/preflight.h"

#include <algorithm>
#include <initializer_list>

namespace meshplay::legacy {
namespace {

using nlohmann::json;

constexpr std::string_view kSmiSuffix = ".smi-spec.io";

std::string Version(int number) {
  return "v1alpha" + std::to_string(number);
}

const json* At(const json& object, std::initializer_list<const char*> path) {
  const json* at = &object;
  for (const char* step : path) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(step);
    if (it == at->end()) return nullptr;
    at = &*it;
  }
  return at;
}

class Checker {
 public:
  Checker(Mesh mesh, const smi::ClusterFacts& facts) : mesh_(mesh), dialect_(DialectOf(mesh)), facts_(facts) {}

  Preflight Run() const {
    Preflight out;
    if (KnowsDefinitions()) {
      out.access_problem = Problem({{"access", "TrafficTarget", dialect_.access},
                                    {"specs", "HTTPRouteGroup", dialect_.specs},
                                    {"specs", "TCPRoute", dialect_.specs}});
      out.split_problem = Problem({{"split", "TrafficSplit", dialect_.split}});
    }
    const smi::Workload* controller = FindController();
    out.not_enforced = mesh_ == Mesh::kOsm ? Permissive() : mesh_ == Mesh::kTraefik ? WithoutAcl(controller) : "";
    out.reader = std::string(dialect_.controller) +
                 (controller != nullptr ? " in namespace " + controller->namespace_name + " reads this object itself"
                                        : " reads this object itself; it is not among the known workloads");
    if (mesh_ == Mesh::kNginx) out.reader += ", and TrafficTargets count only with accessControlMode deny";
    return out;
  }

 private:
  struct Need {
    std::string group;
    std::string kind;
    int version;
  };

  // Without any definition of SMI among the facts nothing was looked at.
  bool KnowsDefinitions() const {
    return std::any_of(facts_.served_versions.begin(), facts_.served_versions.end(),
                       [](const auto& served) { return served.first.find(kSmiSuffix) != std::string::npos; });
  }

  std::string Problem(const std::vector<Need>& needs) const {
    for (const Need& need : needs) {
      const std::string key = need.group + std::string(kSmiSuffix) + "/" + need.kind;
      const auto it = facts_.served_versions.find(key);
      if (it == facts_.served_versions.end()) return "the cluster has no " + need.kind;
      if (it->second.count(Version(need.version)) == 0) {
        return std::string(dialect_.title) + " reads " + need.kind + " " + Version(need.version) +
               ", which the cluster does not serve";
      }
    }
    return mesh_ == Mesh::kTraefik ? NewerVersion() : "";
  }

  // Traefik Mesh does not start unless the version it reads is the preferred one of each group.
  std::string NewerVersion() const {
    const std::initializer_list<std::pair<const char*, int>> groups = {
        {"access", dialect_.access}, {"specs", dialect_.specs}, {"split", dialect_.split}};
    for (const auto& [group, wanted] : groups) {
      const std::string prefix = std::string(group) + std::string(kSmiSuffix) + "/";
      for (const auto& [key, versions] : facts_.served_versions) {
        if (!key.starts_with(prefix)) continue;
        for (const std::string& version : versions) {
          if (version <= Version(wanted)) continue;
          return "the cluster also serves " + version + " of " + key + ", with which Traefik Mesh does not start";
        }
      }
    }
    return "";
  }

  const smi::Workload* FindController() const {
    const auto it = std::find_if(facts_.workloads.begin(), facts_.workloads.end(), [&](const smi::Workload& workload) {
      return workload.name == dialect_.controller || workload.name.ends_with("-" + std::string(dialect_.controller));
    });
    return it == facts_.workloads.end() ? nullptr : &*it;
  }

  std::string Permissive() const {
    for (const json& object : facts_.existing) {
      const json* kind = At(object, {"kind"});
      const json* name = At(object, {"metadata", "name"});
      const json* mode = At(object, {"spec", "traffic", "enablePermissiveTrafficPolicyMode"});
      if (kind == nullptr || *kind != "MeshConfig" || name == nullptr || *name != "osm-mesh-config") continue;
      if (mode != nullptr && *mode == true) {
        return "OSM is in permissive mode and lets everybody in; set spec.traffic.enablePermissiveTrafficPolicyMode of "
               "MeshConfig osm-mesh-config to false";
      }
    }
    return "";
  }

  static std::string WithoutAcl(const smi::Workload* controller) {
    if (controller == nullptr) return "";
    const auto& arguments = controller->arguments;
    const bool acl = std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
      return argument == "--acl" || argument == "--acl=true" || argument == "--smi" || argument == "--smi=true";
    });
    return acl ? "" : "Traefik Mesh runs without access control and lets everybody in; install it with acl: true";
  }

  Mesh mesh_;
  const Dialect& dialect_;
  const smi::ClusterFacts& facts_;
};

}  // namespace

const Dialect& DialectOf(Mesh mesh) {
  static constexpr Dialect kTraefik{"Traefik Mesh", 2, 3, 3, "traefik-mesh-controller"};
  static constexpr Dialect kOsm{"OSM", 3, 4, 2, "osm-controller"};
  static constexpr Dialect kNginx{"NGINX Service Mesh", 2, 3, 3, "nginx-mesh-controller"};
  return mesh == Mesh::kTraefik ? kTraefik : mesh == Mesh::kOsm ? kOsm : kNginx;
}

std::string AccessVersion(Mesh mesh) {
  return "access.smi-spec.io/" + Version(DialectOf(mesh).access);
}

std::string SpecsVersion(Mesh mesh) {
  return "specs.smi-spec.io/" + Version(DialectOf(mesh).specs);
}

std::string SplitVersion(Mesh mesh) {
  return "split.smi-spec.io/" + Version(DialectOf(mesh).split);
}

Preflight Check(Mesh mesh, const smi::FactsIndex& facts) {
  return Checker(mesh, facts.facts()).Run();
}

}  // namespace meshplay::legacy
