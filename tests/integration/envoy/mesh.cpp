#include "tests/integration/envoy/mesh.h"

#include <catch2/catch.hpp>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cluster_objects.h"

namespace meshplay::test {

Identities::Identities(const std::string& trust_domain) : trust_domain_(trust_domain) {
  auto authority = NewCertificateAuthority("mesh", std::chrono::hours(24), now_);
  REQUIRE(authority.has_value());
  authority_ = std::move(*authority);
  for (const char* account : {"web", "admin", "cron"}) Issue(account, {Uri(account)});
  Issue("other namespace", {"spiffe://" + trust_domain + "/ns/shop2/sa/web"});
  Issue("other trust domain", {"spiffe://" + trust_domain + "2/ns/shop/sa/web"});
  Issue("longer account", {Uri("web2")});
  Issue("no URI", {});
}

void Identities::Issue(const std::string& name, std::vector<std::string> uris) {
  CertificateRequest request;
  request.common_name = "web";
  request.uri_names = std::move(uris);
  request.client_auth = true;
  auto made = IssueKeyPair(authority_, request, now_);
  REQUIRE(made.has_value());
  callers_.emplace(name, std::move(*made));
}

smi::ClusterFacts ApiFacts() {
  const nlohmann::json ports = {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                                {{"name", "http-b"}, {"port", 81}, {"targetPort", 8081}}};
  return facts::FactsFromObjects(
      {testing::DeploymentOf("api", {{"app", "api"}}), testing::ServiceOf("api", {{"app", "api"}}, ports)});
}

std::string NameOf(std::size_t number, const std::string& kind) {
  return kind + std::to_string(number) + ".test";
}

std::string OnTheWire(const testing::Request& request, const std::string& query) {
  std::string text = request.method + " " + request.path + query + " HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers) text += name + ": " + value + "\r\n";
  return text + "content-length: 0\r\n\r\n";
}

}  // namespace meshplay::test
