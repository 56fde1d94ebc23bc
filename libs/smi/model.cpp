#include "libs/smi/model.h"

namespace meshplay::smi {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kTrafficTarget:
      return "TrafficTarget";
    case Kind::kIdentityBinding:
      return "IdentityBinding";
    case Kind::kHttpRouteGroup:
      return "HTTPRouteGroup";
    case Kind::kTcpRoute:
      return "TCPRoute";
    case Kind::kUdpRoute:
      return "UDPRoute";
    case Kind::kTrafficSplit:
      return "TrafficSplit";
  }
  return "";
}

std::string_view KindGroup(Kind kind) {
  switch (kind) {
    case Kind::kTrafficTarget:
    case Kind::kIdentityBinding:
      return "access.smi-spec.io";
    case Kind::kHttpRouteGroup:
    case Kind::kTcpRoute:
    case Kind::kUdpRoute:
      return "specs.smi-spec.io";
    case Kind::kTrafficSplit:
      return "split.smi-spec.io";
  }
  return "";
}

std::vector<const Head*> AllHeads(const DocumentSet& set) {
  std::vector<const Head*> heads;
  const auto add = [&heads](const auto& objects) {
    for (const auto& object : objects) heads.push_back(&object.head);
  };
  add(set.targets);
  add(set.bindings);
  add(set.http_groups);
  add(set.tcp_routes);
  add(set.udp_routes);
  add(set.splits);
  return heads;
}

}  // namespace meshplay::smi
