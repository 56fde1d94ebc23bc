#pragma once

#include <map>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/tls.h"
#include "libs/smi/facts.h"
#include "tests/unit/http/loopback.h"
#include "tests/unit/smi/random_policy.h"

namespace meshplay::test {

/// A mesh's authority, and callers with certificates of it: the accounts web, admin and cron of namespace shop, and
/// near misses of web: "other namespace", "other trust domain", "longer account", "no URI".
class Identities {
 public:
  explicit Identities(const std::string& trust_domain);

  const KeyPair& authority() const { return authority_; }
  const KeyPair* Of(const std::string& name) const { return name.empty() ? nullptr : &callers_.at(name); }
  std::string Uri(const std::string& account) const { return "spiffe://" + trust_domain_ + "/ns/shop/sa/" + account; }

 private:
  void Issue(const std::string& name, std::vector<std::string> uris);

  std::string trust_domain_;
  UnixMs now_ = SystemClock().NowUnixMs();
  KeyPair authority_;
  std::map<std::string, KeyPair> callers_;
};

/// Answers with the path that it was asked for.
class Backend {
 public:
  Backend()
      : server_([](const testing::SeenRequest& request, testing::Wire& wire) { wire.Answer(200, request.target); }) {}
  int port() const { return server_.port(); }

 private:
  testing::LoopbackServer server_;
};

/// What every policy here is about: the Deployment api with account and Service of that name, ports 80 and 81 on pod
/// ports 8080 and 8081.
smi::ClusterFacts ApiFacts();

/// The server name of a chain.
std::string NameOf(std::size_t number, const std::string& kind = "p");

std::string OnTheWire(const testing::Request& request, const std::string& query = "");

}  // namespace meshplay::test
