#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "adapters/kuma/emitter/emit.h"
#include "libs/smi/parse.h"
#include "tests/integration/envoy/mesh.h"
#include "tests/integration/envoy/proxy.h"
#include "tests/integration/envoy/tls_caller.h"

using meshplay::test::Identities;
using meshplay::test::NameOf;
using meshplay::test::OnTheWire;
using meshplay::test::Proxy;
using meshplay::test::TlsCaller;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using nlohmann::json;
namespace kuma = meshplay::kuma;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 100;
constexpr int kConnectionsEach = 4;
constexpr int kRequestsEach = 10;

/// The two chains that Kuma makes of a policy's MeshProxyPatch; empty without one.
std::map<std::string, Proxy::Chain> ChainsOf(std::size_t number, const std::vector<json>& documents) {
  kuma::EmitOptions options;
  options.proxy_patch = true;
  const auto facts = meshplay::test::ApiFacts();
  const auto emission = kuma::EmitSmi(smi::ParseDocuments(documents), facts, options);
  REQUIRE(emission.has_value());
  for (const json& object : emission->objects) {
    if (object["kind"] != "MeshProxyPatch") continue;
    const json& change = object["spec"]["default"]["appendModifications"];
    const auto filter = [&](std::size_t place, const char* kind) {
      return json::parse(change[place][kind]["value"].get<std::string>());
    };
    return {{NameOf(number, "requests"), {filter(0, "httpFilter"), {}, {}}},
            {NameOf(number, "bytes"), {{}, {}, filter(1, "networkFilter")}}};
  }
  return {};
}

}  // namespace

TEST_CASE("Envoy with the patches of random policies allows exactly the requests, and the bytes, that SMI allows",
          "[envoy]") {
  const Identities identities("default.default.mesh.local");
  const meshplay::test::Backend backend;
  std::mt19937 random(20'261'128);
  std::vector<RandomPolicy> policies;
  std::map<std::string, Proxy::Chain> chains;
  while (policies.size() < kPolicies) {
    RandomPolicy policy(random);
    auto more = ChainsOf(policies.size(), policy.Documents());
    if (more.empty()) continue;
    chains.merge(more);
    policies.push_back(std::move(policy));
  }
  const auto proxy = Proxy::Start(chains, identities.authority(), backend.port());
  if (proxy == nullptr) return;

  int allowed[2] = {0, 0};
  const auto check = [&](std::size_t number, const Request& request, int status, int refusal) {
    const bool smi_allows = policies[number].Allows(request);
    if (smi_allows) ++allowed[request.is_http ? 1 : 0];
    if (status == (smi_allows ? 200 : refusal)) return;
    FAIL("status " << status << " where SMI " << (smi_allows ? "allows" : "denies") << "\n"
                   << meshplay::testing::Text(request) << "\n"
                   << json(policies[number].Documents()).dump(1));
  };
  for (std::size_t i = 0; i < policies.size(); ++i) {
    for (int connection = 0; connection < kConnectionsEach; ++connection) {
      Request who = RandomRequest(random);
      TlsCaller caller(proxy->port(), who.port, NameOf(i, "requests"), identities.Of(who.source_account));
      REQUIRE(caller.connected());
      for (int k = 0; k < kRequestsEach; ++k) {
        Request request = RandomRequest(random);
        request.is_http = true;
        request.source_account = who.source_account;
        request.port = who.port;
        check(i, request, caller.Send(OnTheWire(request)).status, 403);
      }
      // The backend speaks HTTP, but the chain does not look.
      who.is_http = false;
      TlsCaller bytes(proxy->port(), who.port, NameOf(i, "bytes"), identities.Of(who.source_account));
      check(i, who, bytes.Send(OnTheWire(who)).status, 0);
    }
    TlsCaller nobody(proxy->port(), 8080, NameOf(i, "bytes"), nullptr);
    CHECK(nobody.Send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").status == 0);
  }
  CHECK(allowed[1] > kPolicies * kConnectionsEach * kRequestsEach / 20);
  CHECK(allowed[0] > kPolicies * kConnectionsEach / 50);
}
