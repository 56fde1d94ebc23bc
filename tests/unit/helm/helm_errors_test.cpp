#include <catch2/catch.hpp>

#include "adapters/helm/internal/helm_errors.h"

using meshplay::ProcessOutcome;
using meshplay::helm::ErrorOf;

namespace {

std::string ReasonOf(const std::string& stderr_text) {
  ProcessOutcome outcome;
  outcome.exit_code = 1;
  outcome.stderr_text = stderr_text;
  return ErrorOf(outcome, "install istio-system/istiod").reason();
}

}  // namespace

TEST_CASE("each way in which helm fails gets a reason of its own", "[helm]") {
  CHECK(ReasonOf("Error: INSTALLATION FAILED: cannot reuse a name that is still in use\n") == "RELEASE_PENDING");
  CHECK(ReasonOf("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n") ==
        "RELEASE_PENDING");
  CHECK(ReasonOf(
            "Error: INSTALLATION FAILED: unable to continue with install: CustomResourceDefinition \"x\" in namespace "
            "\"\" exists and cannot be imported into the current release: invalid ownership metadata\n") ==
        "RELEASE_OWNERSHIP");
  CHECK(ReasonOf("Error: INSTALLATION FAILED: admission webhook \"a.b\" denied the request: no\n") ==
        "ADMISSION_DENIED");
  CHECK(ReasonOf("Error: query: failed to query with labels: secrets is forbidden: User \"x\" cannot list\n") ==
        "TARGET_FORBIDDEN");
  CHECK(ReasonOf("Error: INSTALLATION FAILED: deployments.apps \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with "
                 "binding 'p' denied request: no\n") == "ADMISSION_DENIED");
  CHECK(ReasonOf("Error: INSTALLATION FAILED: the server is currently unable to handle the request\n") ==
        "TARGET_SERVER_ERROR");
  CHECK(ReasonOf("Error: INSTALLATION FAILED: Too many requests: slow down\n") == "TARGET_THROTTLED");
  CHECK(ReasonOf("Error: kubernetes cluster unreachable: Unauthorized\n") == "TARGET_UNAUTHENTICATED");
  CHECK(ReasonOf("Error: Kubernetes cluster unreachable: Get \"https://x\": dial tcp: connect: connection refused\n") ==
        "TARGET_UNREACHABLE");
  CHECK(ReasonOf("Error: INSTALLATION FAILED: chart \"istiod\" version \"9\" not found in https://x repository\n") ==
        "CHART_NOT_FOUND");
  CHECK(ReasonOf("Error: looks like \"https://x\" is not a valid chart repository or cannot be reached\n") ==
        "CHART_SOURCE_UNREACHABLE");
  CHECK(ReasonOf("Error: INSTALLATION FAILED: execution error at (istiod/templates/x.yaml:1:1): bad\n") ==
        "CHART_BROKEN");
  CHECK(ReasonOf("Error: something nobody has seen\n") == "HELM_FAILED");
  CHECK(ReasonOf("") == "HELM_FAILED");
}

TEST_CASE("a stopped and an overdue helm are told apart from a failed one", "[helm]") {
  ProcessOutcome outcome;
  outcome.stderr_text = "Error: context canceled\n";
  outcome.cancelled = true;
  CHECK(ErrorOf(outcome, "x").reason() == "CANCELLED");
  outcome.cancelled = false;
  outcome.timed_out = true;
  CHECK(ErrorOf(outcome, "x").reason() == "HELM_TIMEOUT");
  outcome.timed_out = false;
  outcome.signal = 9;
  CHECK(ErrorOf(outcome, "x").reason() == "HELM_KILLED");
}

TEST_CASE("only the last line of helm's words is kept, without the prefix and with a bound", "[helm]") {
  ProcessOutcome outcome;
  outcome.exit_code = 1;
  outcome.stderr_text = "level=WARN msg=noise\nError: " + std::string(2'000, 'x') + "\n";
  const std::string message = ErrorOf(outcome, "do").message();
  CHECK(message.size() < 600);
  CHECK(message.find("noise") == std::string::npos);
  CHECK(message.find("Error:") == std::string::npos);
}
