#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "adapters/istio/emitter/emit.h"
#include "libs/base/process.h"
#include "libs/smi/parse.h"
#include "tests/integration/envoy/mesh.h"
#include "tests/support/eventually.h"
#include "tests/support/skip.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Below;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;
using namespace std::chrono_literals;

namespace {

constexpr int kPolicies = 30;
constexpr int kRequestsEach = 40;
constexpr auto kPatience = 60s;

/// The pods of istiod_test.sh, as this test reaches them.
struct Place {
  std::string nets;     ///< A folder: account to network namespace.
  std::string address;  ///< Of the Service api.
  std::string kubeconfig, kubectl;
};

std::optional<Place> FindPlace() {
  const char* place = std::getenv("MESHPLAY_TEST_ISTIOD_PLACE");
  if (place == nullptr) return std::nullopt;
  const json read = json::parse(place);
  return Place{read["nets"], read["address"], read["kubeconfig"], read["kubectl"]};
}

/// A socket belongs to the network namespace of the thread that makes it, wherever it is used.
int SocketIn(const std::string& net) {
  int made = -1;
  std::thread([&] {
    const int handle = open(net.c_str(), O_RDONLY | O_CLOEXEC);
    if (handle < 0) return;
    if (setns(handle, CLONE_NEWNET) == 0) made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(handle);
  }).join();
  return made;
}

/// The status that a program in the pod of `request.source_account` gets; 0: no answer.
int StatusOf(const Place& place, const Request& request, const std::string& wire) {
  const int connection = SocketIn(place.nets + "/" + request.source_account);
  if (connection < 0) return 0;
  const timeval limit{10, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(request.port == 8080 ? 80 : 81);
  inet_pton(AF_INET, place.address.c_str(), &to.sin_addr);
  std::string answer;
  if (connect(connection, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
      send(connection, wire.data(), wire.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(wire.size())) {
    char part[512];
    while (answer.find("\r\n") == std::string::npos) {
      const ssize_t got = recv(connection, part, sizeof part, 0);
      if (got <= 0) break;
      answer.append(part, static_cast<std::size_t>(got));
    }
  }
  close(connection);
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::atoi(answer.c_str() + 9) : 0;
}

std::string Kubectl(const Place& place, std::vector<std::string> arguments, const std::string& text) {
  meshplay::ProcessSpec spec;
  spec.argv = {place.kubectl, "--kubeconfig", place.kubeconfig};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.environment = {{"HOME", "/proc/nowhere"}};  // no cache: root would make a folder anywhere else
  spec.stdin_text = text;
  const auto outcome = meshplay::RunProcess(spec);
  REQUIRE(outcome.has_value());
  INFO(outcome->stdout_text << outcome->stderr_text);
  REQUIRE(outcome->exit_code == 0);
  return outcome->stdout_text;
}

std::string Name(const json& object) {
  return object["kind"].get<std::string>() + "/" + object["metadata"]["name"].get<std::string>();
}

json ListOf(const std::vector<json>& objects) {
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", objects}};
}

/// From now on these objects are on the cluster, and those of before that are not among them are gone.
void Replace(const Place& place, std::vector<json>& before, const std::vector<json>& now) {
  Kubectl(place, {"apply", "--server-side", "--force-conflicts", "-f", "-"}, ListOf(now).dump());
  std::set<std::string> kept;
  for (const json& object : now) kept.insert(Name(object));
  std::vector<json> gone;
  for (const json& object : before) {
    if (!kept.contains(Name(object))) gone.push_back(object);
  }
  if (!gone.empty()) Kubectl(place, {"delete", "-f", "-"}, ListOf(gone).dump());
  before = now;
}

Request RandomCall(std::mt19937& random) {
  Request request = RandomRequest(random);
  while (request.port == 9000) request = RandomRequest(random);  // no Service leads there
  request.is_http = true;
  request.headers["host"] = "api";  // by which the caller's proxy finds the Service
  return request;
}

std::string OnTheWire(const Request& request) {
  std::string wire = meshplay::test::OnTheWire(request);
  return wire.insert(wire.size() - 2, "connection: close\r\n");
}

}  // namespace

// Started by istiod_test.sh, which makes the mesh.
TEST_CASE("A mesh of istiod and Envoy allows what the interpreter says, and with the filter exactly what SMI allows",
          "[istiod]") {
  const std::optional<Place> place = FindPlace();
  if (!place) {
    meshplay::test::Skip("istiod_test.sh starts this test within a mesh");
    return;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const auto facts = meshplay::test::ApiFacts();
  std::mt19937 random(20'261'125);
  std::vector<json> in_force;
  int allowed = 0, denied = 0, narrowed = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    istio::EmitOptions options;
    options.envoy_filter = i % 2 == 1;
    const auto emission = istio::EmitSmi(smi::ParseDocuments(policy.Documents()), facts, options);
    REQUIRE(emission.has_value());
    Replace(*place, in_force, emission->objects);
    std::vector<Request> requests;
    for (int k = 0; k < kRequestsEach; ++k) requests.push_back(RandomCall(random));

    // Istio takes a while; in the end one look at all requests finds nothing wrong.
    std::string wrong;
    const bool settled = meshplay::test::Eventually(kPatience, [&] {
      for (const Request& request : requests) {
        const bool smi_allows = policy.Allows(request);
        const bool mesh_should =
            options.envoy_filter ? smi_allows : meshplay::testing::IstioAllows(emission->objects, request);
        const int status = StatusOf(*place, request, OnTheWire(request));
        if (status == (mesh_should ? 200 : 403) && (smi_allows || !mesh_should)) continue;
        wrong = "status " + std::to_string(status) + ", the mesh should " + (mesh_should ? "allow" : "deny") +
                ", SMI: " + (smi_allows ? "allowed" : "denied") + "\n" + OnTheWire(request) +
                meshplay::testing::Text(request);
        return false;
      }
      return true;
    });
    INFO("policy " << i << ", filter: " << options.envoy_filter << "\n"
                   << wrong << "\n"
                   << json(policy.Documents()).dump(1) << "\n"
                   << json(emission->objects).dump(1));
    REQUIRE(settled);
    for (const Request& request : requests) {
      const bool smi_allows = policy.Allows(request);
      (smi_allows ? allowed : denied) += 1;
      if (smi_allows && !options.envoy_filter && !meshplay::testing::IstioAllows(emission->objects, request))
        ++narrowed;
    }
  }
  std::printf("%d requests allowed, %d denied, %d narrowed\n", allowed, denied, narrowed);
  CHECK(allowed > kPolicies);
  CHECK(denied > kPolicies);
}
