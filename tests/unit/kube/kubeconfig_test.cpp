#include "adapters/kube/kubeconfig.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "adapters/kube/internal/base64.h"
#include "adapters/kube/internal/credentials.h"
#include "libs/base/files.h"

using namespace meshplay::kube;
using meshplay::ErrorCode;
using meshplay::TemporaryDirectory;

namespace {

// "Y2E=" is "ca", "Y2VydA==" is "cert", "a2V5" is "key".
constexpr char kConfig[] = R"(
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c1, user: u1, namespace: shop}}
- {name: two, context: {cluster: c2, user: u2}}
- {name: insecure, context: {cluster: c3, user: u2}}
- {name: program, context: {cluster: c1, user: u3}}
- {name: broken, context: {cluster: nowhere, user: u1}}
clusters:
- {name: c1, cluster: {server: "https://one:6443", certificate-authority-data: Y2E=, tls-server-name: kubernetes}}
- {name: c2, cluster: {server: "https://two:6443", certificate-authority: ca.pem}}
- {name: c3, cluster: {server: "https://three:6443", insecure-skip-tls-verify: true}}
users:
- {name: u1, user: {client-certificate-data: Y2VydA==, client-key-data: a2V5}}
- {name: u2, user: {token: s3cret, as: admin}}
- name: u3
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./login
      args: [--cluster, c1]
      env: [{name: REGION, value: north}]
      provideClusterInfo: true
)";

Kubeconfig Parsed(KubeconfigOrigin origin, const std::string& folder = "", KubeconfigOptions options = {}) {
  auto config = Kubeconfig::Parse(kConfig, origin, folder, options);
  REQUIRE(config);
  return std::move(*config);
}

}  // namespace

TEST_CASE("the current context gives access with embedded certificates", "[kube]") {
  const Kubeconfig config = Parsed(KubeconfigOrigin::kReceived);
  CHECK(config.contexts() == std::vector<std::string>{"one", "two", "insecure", "program", "broken"});
  const auto access = config.AccessFor();
  REQUIRE(access);
  CHECK(access->context == "one");
  CHECK(access->server_url == "https://one:6443");
  CHECK(access->ca_pem == "ca");
  CHECK(access->tls_server_name == "kubernetes");
  CHECK(access->client_certificate_pem == "cert");
  CHECK(access->client_key_pem.Reveal() == "key");
  CHECK(access->default_namespace == "shop");
}

TEST_CASE("files beside a local kubeconfig are read, those of a received one never", "[kube]") {
  const auto folder = TemporaryDirectory::Create("kubeconfig-test");
  REQUIRE(folder);
  REQUIRE(meshplay::WriteFileAtomically(folder->path() + "/ca.pem", "from file"));
  REQUIRE(meshplay::WriteFileAtomically(folder->path() + "/config", kConfig));

  const auto local = Kubeconfig::Load(folder->path() + "/config");
  REQUIRE(local);
  const auto access = local->AccessFor("two");
  REQUIRE(access);
  CHECK(access->ca_pem == "from file");
  CHECK(access->token.Reveal() == "s3cret");
  CHECK(access->impersonate_user == "admin");
  CHECK(access->default_namespace == "default");

  const auto received = Parsed(KubeconfigOrigin::kReceived, folder->path()).AccessFor("two");
  REQUIRE_FALSE(received);
  CHECK(received.error().reason() == "KUBECONFIG_FILES_FORBIDDEN");
}

TEST_CASE("programs run only from a local file and only when allowed", "[kube]") {
  const KubeconfigOptions allowed{.allow_exec = true};
  for (const auto& config : {Parsed(KubeconfigOrigin::kReceived, "", allowed), Parsed(KubeconfigOrigin::kLocalFile)}) {
    const auto access = config.AccessFor("program");
    REQUIRE_FALSE(access);
    CHECK(access.error().code() == ErrorCode::kPermissionDenied);
    CHECK(access.error().reason() == "KUBECONFIG_EXEC_FORBIDDEN");
  }
  const auto access = Parsed(KubeconfigOrigin::kLocalFile, "/etc/x", allowed).AccessFor("program");
  REQUIRE(access);
  CHECK(access->exec.argv == std::vector<std::string>{"/etc/x/./login", "--cluster", "c1"});
  CHECK(access->exec.environment.at("REGION") == "north");
  CHECK(access->exec.provide_cluster_description);
}

TEST_CASE("a cluster without verification needs to be allowed", "[kube]") {
  const auto refused = Parsed(KubeconfigOrigin::kReceived).AccessFor("insecure");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "KUBECONFIG_INSECURE_FORBIDDEN");
  const auto access = Parsed(KubeconfigOrigin::kReceived, "", {.allow_insecure = true}).AccessFor("insecure");
  REQUIRE(access);
  CHECK(access->insecure_skip_tls_verify);
}

TEST_CASE("contexts that lead nowhere are told apart", "[kube]") {
  const Kubeconfig config = Parsed(KubeconfigOrigin::kReceived);
  CHECK(config.AccessFor("three").error().reason() == "KUBECONFIG_CONTEXT_UNKNOWN");
  CHECK(config.AccessFor("broken").error().reason() == "KUBECONFIG_INVALID");
}

TEST_CASE("what would change who we are or how we get there is refused, not left out", "[kube]") {
  const auto config = Kubeconfig::Parse(
      "contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: d, user: v}}]\n"
      "clusters: [{name: c, cluster: {server: \"https://x\", proxy-url: \"http://p\"}}, {name: d, cluster: {server: "
      "\"https://x\"}}]\n"
      "users: [{name: u, user: {}}, {name: v, user: {as: x, as-groups: [admins]}}]\n",
      KubeconfigOrigin::kReceived);
  REQUIRE(config);
  CHECK(config->AccessFor("a").error().reason() == "KUBECONFIG_UNSUPPORTED");
  CHECK(config->AccessFor("b").error().reason() == "KUBECONFIG_UNSUPPORTED");
}

TEST_CASE("documents that are no kubeconfig are refused without quoting them", "[kube]") {
  const std::string text =
      GENERATE(as<std::string>{}, "", "- a", "kind: Pod", "clusters: 7", "users: [7]", "contexts: [{context: {}}]",
               "users: [{name: u, user: {token: [s3cret]}}]", "a: b\n---\na: b", "users: {token: s3cret",
               "users: [{name: u, user: {exec: {command: x}}}]");
  INFO(text);
  const auto config = Kubeconfig::Parse(text, KubeconfigOrigin::kReceived);
  REQUIRE_FALSE(config);
  CHECK(config.error().reason() == "KUBECONFIG_INVALID");
  CHECK(config.error().ToString().find("s3cret") == std::string::npos);
}

TEST_CASE("data that is no base64 is refused", "[kube]") {
  const auto config = Kubeconfig::Parse(
      "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
      "clusters: [{name: c, cluster: {server: \"https://x\", certificate-authority-data: \"***\"}}]\n",
      KubeconfigOrigin::kReceived);
  REQUIRE(config);
  CHECK(config->AccessFor().error().reason() == "KUBECONFIG_INVALID");
}

TEST_CASE("a pod's own identity comes from its mounted files", "[kube]") {
  const auto folder = TemporaryDirectory::Create("service-account-test");
  REQUIRE(folder);
  REQUIRE(meshplay::WriteFileAtomically(folder->path() + "/ca.crt", "ca"));
  REQUIRE(meshplay::WriteFileAtomically(folder->path() + "/token", "t0ken\n"));
  REQUIRE(meshplay::WriteFileAtomically(folder->path() + "/namespace", "mesh"));

  ::unsetenv("KUBERNETES_SERVICE_HOST");
  CHECK(InClusterAccess(folder->path()).error().reason() == "NOT_IN_CLUSTER");

  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  auto access = InClusterAccess(folder->path());
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
  REQUIRE(access);
  CHECK(access->server_url == "https://[fd00::1]:443");
  CHECK(access->default_namespace == "mesh");

  // Rotation: after a refusal the file is read again.
  Credentials credentials(*access);
  CHECK(credentials.Current({})->authorization == "Bearer t0ken");
  REQUIRE(meshplay::WriteFileAtomically(folder->path() + "/token", "next"));
  CHECK(credentials.Current({})->authorization == "Bearer t0ken");
  CHECK(credentials.Drop());
  CHECK(credentials.Current({})->authorization == "Bearer next");
}

TEST_CASE("a credential program's token is used and asked for again when it has expired", "[kube]") {
  const auto folder = TemporaryDirectory::Create("exec-test");
  REQUIRE(folder);
  const std::string program = folder->path() + "/login";
  REQUIRE(meshplay::WriteFileAtomically(program,
                                        "#!/bin/sh\n"
                                        "echo run >> \"$COUNT_FILE\"\n"
                                        "case \"$KUBERNETES_EXEC_INFO\" in *https://one:6443*) ;; *) exit 3;; esac\n"
                                        "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\","
                                        "\"kind\":\"ExecCredential\",\"status\":{\"token\":\"fresh\","
                                        "\"expirationTimestamp\":\"'$EXPIRY'\"}}'\n",
                                        0700));
  Access access;
  access.server_url = "https://one:6443";
  access.exec.argv = {program};
  access.exec.api_version = "client.authentication.k8s.io/v1";
  access.exec.provide_cluster_description = true;
  access.exec.environment = {{"COUNT_FILE", folder->path() + "/count"}, {"EXPIRY", "2999-01-01T00:00:00Z"}};
  std::string expected_runs = "run\n";
  SECTION("kept while it is valid") {}
  SECTION("asked for again") {
    access.exec.environment["EXPIRY"] = "2001-01-01T00:00:00Z";
    expected_runs = "run\nrun\n";
  }
  Credentials credentials(access);
  CHECK(credentials.Current({})->authorization == "Bearer fresh");
  CHECK(credentials.Current({})->authorization == "Bearer fresh");
  CHECK(meshplay::ReadFile(folder->path() + "/count").value() == expected_runs);

  access.exec.provide_cluster_description = false;
  const auto failed = Credentials(access).Current({});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().reason() == "TARGET_UNAUTHENTICATED");
}

TEST_CASE("base64 goes both ways and refuses what is none", "[kube]") {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {std::string("\xff\x00\xfe", 3), "/wD+"}};
  for (const auto& [plain, coded] : rows) {
    CHECK(Base64Encode(plain) == coded);
    CHECK(Base64Decode(coded) == plain);
  }
  CHECK(Base64Decode("Zm9v\r\nYg==\n") == "foob");
  for (const char* bad : {"", "Z", "Zg", "Zg=", "Zg===", "Zm9v====", "Z=g=", "Zm 9", "*m9v"})
    CHECK_FALSE(Base64Decode(bad));
}
