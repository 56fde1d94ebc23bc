#include "adapters/helm/internal/helm_errors.h"

#include <algorithm>
#include <cctype>

namespace meshplay::helm {

namespace {

std::string LastLine(const std::string& text) {
  std::size_t end = text.find_last_not_of("\n\r ");
  if (end == std::string::npos) return {};
  const std::size_t begin = text.rfind('\n', end);
  std::string line =
      text.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1) + 1);
  if (line.starts_with("Error: ")) line = line.substr(7);
  if (line.size() > 512) line = line.substr(0, 512) + "...";
  return line;
}

bool Has(const std::string& text, std::initializer_list<const char*> needles) {
  return std::any_of(needles.begin(), needles.end(), [&](const char* n) { return text.find(n) != std::string::npos; });
}

/// The text between two marks, for metadata.
std::string Between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string::npos) return {};
  const std::size_t start = begin + before.size();
  const std::size_t end = text.find(after, start);
  return end == std::string::npos ? std::string() : text.substr(start, std::min<std::size_t>(end - start, 200));
}

}  // namespace

Error ErrorOf(const ProcessOutcome& outcome, const std::string& doing) {
  const std::string& text = outcome.stderr_text;
  const std::string line = LastLine(text);
  if (outcome.cancelled) return Error(ErrorCode::kCancelled, "CANCELLED", doing + ": helm was stopped");
  if (outcome.timed_out) {
    return Error(ErrorCode::kDeadlineExceeded, "HELM_TIMEOUT", doing + ": helm did not end in time and was stopped")
        .WithRemediation("Look at the API server's health; the release is repaired at the next attempt.");
  }
  if (outcome.signal != 0) {
    return Unavailable("HELM_KILLED", doing + ": helm was ended by signal " + std::to_string(outcome.signal))
        .WithRemediation("Look at the memory of the adapter's machine; the release is repaired at the next attempt.");
  }
  if (Has(text, {"another operation (install/upgrade/rollback) is in progress", "cannot reuse a name"})) {
    return FailedPrecondition("RELEASE_PENDING", doing + ": " + line);
  }
  if (Has(text, {"invalid ownership metadata", "cannot be imported into the current release"})) {
    return Aborted("RELEASE_OWNERSHIP", doing + ": objects of this release belong to something else")
        .WithMetadata("object", Between(text, "resource: ", "exists"))
        .WithMetadata("helm", line)
        .WithRemediation("Uninstall what owns them (or hand them over), then try again.");
  }
  if (Has(text, {"conflict with", "conflicts with", "Apply failed with"})) {
    return Aborted("FIELD_CONFLICT", doing + ": " + line)
        .WithRemediation("Another manager owns these fields; nothing was forced.");
  }
  if (Has(text, {"admission webhook", "denied the request", "failed calling webhook"})) {
    return FailedPrecondition("ADMISSION_DENIED", doing + ": " + line)
        .WithMetadata("webhook", Between(text, "webhook \"", "\""))
        .WithRemediation("Read the webhook's words; a webhook whose server is gone must be removed or repaired first.");
  }
  // An admission policy's refusal says "is forbidden" too: it is no lack of permissions.
  if (Has(text, {"ValidatingAdmissionPolicy '"}) && Has(text, {"denied request"})) {
    return FailedPrecondition("ADMISSION_DENIED", doing + ": " + line)
        .WithMetadata("policy", Between(text, "ValidatingAdmissionPolicy '", "'"))
        .WithRemediation("An admission policy of the cluster refuses the object: change the values or the policy.");
  }
  if (Has(text, {"is forbidden", "forbidden: User"})) {
    return Error(ErrorCode::kPermissionDenied, "TARGET_FORBIDDEN", doing + ": " + line)
        .WithRemediation("Give the adapter's identity the permissions its manifest lists.");
  }
  if (Has(text, {"Unauthorized", "the server has asked for the client to provide credentials"})) {
    return Error(ErrorCode::kUnauthenticated, "TARGET_UNAUTHENTICATED",
                 doing + ": the cluster refused the credentials");
  }
  if (Has(text, {"being terminated", "is terminating"})) {
    return FailedPrecondition("NAMESPACE_TERMINATING", doing + ": " + line)
        .WithRemediation("Wait until the namespace is gone, or find what keeps it.");
  }
  if (Has(text, {"Chart.yaml file is missing", "path \"", "not found in", "no chart version found",
                 "no chart name found", "chart not found", "manifest unknown", "404 Not Found"})) {
    return NotFound("CHART_NOT_FOUND", doing + ": " + line)
        .WithRemediation("Check the version and the adapter's --chart-source.");
  }
  if (Has(text, {"looks like \"", "is not a valid chart repository", "failed to fetch", "no such host"})) {
    return Unavailable("CHART_SOURCE_UNREACHABLE", doing + ": " + line)
        .WithRemediation("Check the network, or use a directory or bundle as chart source.");
  }
  if (Has(text, {"Kubernetes cluster unreachable", "connection refused", "i/o timeout", "EOF", "connection reset",
                 "no route to host"})) {
    return Unavailable("TARGET_UNREACHABLE", doing + ": " + line);
  }
  if (Has(text, {"Too many requests", "too many requests"})) {
    return Error(ErrorCode::kResourceExhausted, "TARGET_THROTTLED", doing + ": " + line);
  }
  if (Has(text, {"the server is currently unable to handle the request", "Internal error occurred",
                 "etcdserver: ", "ServiceUnavailable", "unable to return a response in the time allotted"})) {
    return Unavailable("TARGET_SERVER_ERROR", doing + ": " + line);
  }
  if (Has(text, {"template:", "parse error", "execution error at", "YAML parse error",
                 "values don't meet the specifications"})) {
    return FailedPrecondition("CHART_BROKEN", doing + ": " + line)
        .WithRemediation("The chart does not render with these values.");
  }
  return Internal("HELM_FAILED", doing + ": " + (line.empty() ? "helm failed without a word" : line));
}

}  // namespace meshplay::helm
