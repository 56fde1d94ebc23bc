#pragma once

#include <string>
#include <string_view>

#include "adapters/gamma/matches.h"
#include "adapters/translate/translation.h"

namespace meshplay::gamma {

/// How one implementation takes routes of Services.
struct RouteStyle {
  std::string mesh = "the Gateway API";  ///< For messages.
  std::string parent_group;              ///< "" or "core".
  RegexStyle regex = RegexStyle::kPlain;
  bool regex_allowed = true;    ///< False: a split that needs a regular expression is not applied.
  bool regex_known = true;      ///< False: how the implementation reads them is not known; the split is PARTIAL.
  bool zero_weights = true;     ///< False: weights of nothing but zero do not mean that every request fails.
  bool tcp_routes = true;       ///< False: TCPRoutes of Services have no effect, served or not.
  bool regex_last = false;      ///< Every prefix comes before every regular expression, "/" too.
  bool headless_roots = false;  ///< Requests are known by the host they ask for, so a root needs no address.
  bool one_route = false;       ///< Of several routes of one Service a single one is in force.
  std::string not_read;         ///< Why the mesh's version reads no routes of Services; empty when it does.
  int wave = 0;
};

/// Cilium reads routes of Services since 1.16, and since 1.18 more than one of a Service. An empty version is a newer
/// one.
void ReadCiliumVersion(std::string_view version, RouteStyle& style);

/// Drafts one HTTPRoute for each HTTP port of a split's root, and a TCPRoute for each TCP port where the cluster serves
/// that kind (06 §4.6). A split is carried out exactly or not at all: ports it cannot route are left alone and
/// reported.
void EmitSplit(translate::EmitContext& context, const smi::Split& split, const RouteStyle& style,
               translate::Outcome& outcome);

}  // namespace meshplay::gamma
