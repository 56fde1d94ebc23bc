#include "tests/integration/envoy/proxy.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "libs/base/clock.h"
#include "libs/http/client.h"
#include "tests/support/eventually.h"
#include "tests/support/skip.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

json Typed(const std::string& name, const std::string& type, json config = json::object()) {
  config["@type"] = "type.googleapis.com/" + type;
  return {{"name", name}, {"typed_config", std::move(config)}};
}

json Address(int port) {
  return {{"socket_address", {{"address", "127.0.0.1"}, {"port_value", port}}}};
}

json Requests(const Proxy::Chain& chain) {
  json filters = chain.http_filter.is_array() ? chain.http_filter : json::array();
  if (chain.http_filter.is_object()) filters.push_back(chain.http_filter);
  filters.push_back(Typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router"));
  const json to_backend = {{"match", {{"prefix", "/"}}}, {"route", {{"cluster", "backend"}}}};
  const json routes = chain.routes.is_null() ? json::array({to_backend}) : chain.routes;
  const json host = {{"name", "all"}, {"domains", {"*"}}, {"routes", routes}};
  return Typed("envoy.filters.network.http_connection_manager",
               "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
               {{"stat_prefix", "inbound"},
                {"normalize_path", true},
                {"route_config", {{"virtual_hosts", json::array({host})}}},
                {"http_filters", std::move(filters)}});
}

json Filters(const Proxy::Chain& chain) {
  if (chain.network_filter.is_null()) return json::array({Requests(chain)});
  return json::array({chain.network_filter,
                      Typed("envoy.filters.network.tcp_proxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                            {{"stat_prefix", "bytes"}, {"cluster", "backend"}})});
}

json Bootstrap(const std::map<std::string, Proxy::Chain>& chains, const KeyPair& authority, const KeyPair& own,
               int backend_port) {
  const json certificate = {{"certificate_chain", {{"inline_string", own.certificate_chain_pem}}},
                            {"private_key", {{"inline_string", own.private_key_pem.Reveal()}}}};
  // Callers without a certificate get as far as the filter.
  const json tls =
      Typed("envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            {{"require_client_certificate", false},
             {"common_tls_context",
              {{"tls_certificates", json::array({certificate})},
               {"validation_context", {{"trusted_ca", {{"inline_string", authority.certificate_chain_pem}}}}}}}});
  json all = json::array();
  for (const auto& [name, chain] : chains) {
    all.push_back({{"name", name},
                   {"filter_chain_match", {{"server_names", {name}}}},
                   {"filters", Filters(chain)},
                   {"transport_socket", tls}});
  }
  const json inspectors = json::array({Typed("envoy.filters.listener.proxy_protocol",
                                             "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"),
                                       Typed("envoy.filters.listener.tls_inspector",
                                             "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")});
  const json listener = {
      {"name", "inbound"}, {"address", Address(0)}, {"listener_filters", inspectors}, {"filter_chains", all}};
  const json endpoint = {{"endpoint", {{"address", Address(backend_port)}}}};
  const json cluster = {
      {"name", "backend"},
      {"type", "STATIC"},
      {"connect_timeout", "5s"},
      {"load_assignment",
       {{"cluster_name", "backend"}, {"endpoints", json::array({{{"lb_endpoints", json::array({endpoint})}}})}}}};
  // As Istio's bootstrap has it; Envoy itself takes no expression of more than 100 instructions.
  const json limit = {{"name", "mesh"}, {"static_layer", {{"re2.max_program_size.error_level", 32'768}}}};
  return {{"admin", {{"address", Address(0)}}},
          {"layered_runtime", {{"layers", json::array({limit})}}},
          {"static_resources", {{"listeners", json::array({listener})}, {"clusters", json::array({cluster})}}}};
}

}  // namespace

std::unique_ptr<Proxy> Proxy::Start(const std::map<std::string, Chain>& chains, const KeyPair& authority,
                                    int backend_port) {
  const char* program = std::getenv("MESHPLAY_TEST_ENVOY");
  if (program == nullptr) {
    Skip("MESHPLAY_TEST_ENVOY is not set; run ./meshplay test integration");
    return nullptr;
  }
  std::signal(SIGPIPE, SIG_IGN);  // Callers write to connections that the proxy has closed.
  CertificateRequest request;
  request.common_name = "api";
  request.uri_names = {"spiffe://cluster.local/ns/shop/sa/api"};
  request.server_auth = true;
  const auto own = IssueKeyPair(authority, request, SystemClock().NowUnixMs());
  REQUIRE(own.has_value());
  auto folder = TemporaryDirectory::Create("meshplay-envoy-");
  REQUIRE(folder.has_value());
  std::unique_ptr<Proxy> made(new Proxy(std::move(*folder)));
  const std::string& in = made->folder_.path();
  const std::string bootstrap = Bootstrap(chains, authority, *own, backend_port).dump();
  REQUIRE(WriteFileAtomically(in + "/bootstrap.json", bootstrap, 0600).has_value());
  REQUIRE(WriteFileAtomically(in + "/log", "", 0600).has_value());
  made->process_ = ChildProcess({program, "-c", in + "/bootstrap.json", "--admin-address-path", in + "/admin",
                                 "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning"},
                                ChildEnvironment(), in + "/log");
  made->Await();
  return made;
}

void Proxy::Await() {
  auto http = http::Client::Create();
  REQUIRE(http.has_value());
  const bool ready = Eventually(kPatience, [&] {
    if (!process_.running()) return true;
    const auto admin = ReadFile(folder_.path() + "/admin");
    if (!admin || admin->empty()) return false;
    http::Request request;
    request.url = "http://" + *admin + "/listeners?format=json";
    request.timeout = 2s;
    const auto answer = (*http)->Send(request);
    if (!answer || answer->status != 200) return false;
    const json listeners = json::parse(answer->body, nullptr, false).value("listener_statuses", json::array());
    if (listeners.empty()) return false;
    port_ = listeners[0]["local_address"]["socket_address"]["port_value"];
    return port_ != 0;
  });
  INFO(ReadFile(folder_.path() + "/log").value_or(""));
  REQUIRE((ready && process_.running()));
}

}  // namespace meshplay::test
