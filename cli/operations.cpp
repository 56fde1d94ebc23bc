#include "cli/operations.h"

#include <iostream>
#include <map>
#include <thread>

#include "cli/interrupt.h"
#include "cli/parameters.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/json_member.h"
#include "libs/base/yaml.h"

namespace meshplay::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostFailures = 30;  ///< In a row, about a second each.

/// The parameter schema of a type, or null when no adapter offers it (the server then says why).
nlohmann::json SchemaOf(Server& server, const std::string& type) {
  const auto types = server.List("/v1/operationTypes", "operation_types", 1'000);
  if (!types) return nullptr;
  for (const Json& candidate : *types) {
    if (MemberText(candidate, "type") == type) return nlohmann::json(candidate.value("parameters_schema", Json()));
  }
  return nullptr;
}

Result<nlohmann::json> ParametersOf(Server& server, const RunRequest& request) {
  nlohmann::json parameters = nlohmann::json::object();
  if (!request.parameters_file.empty()) {
    MP_TRY(const std::string text, ReadFile(request.parameters_file));
    MP_TRY(auto documents, ParseYaml(text));
    if (documents.size() != 1 || !documents[0].value.is_object()) {
      return InvalidArgument("PARAMETER_INVALID", request.parameters_file + " is not one JSON or YAML object");
    }
    parameters = std::move(documents[0].value);
  }
  if (!request.parameters.empty()) {
    MP_TRY(const nlohmann::json given, ParseParameters(request.parameters, SchemaOf(server, request.type)));
    parameters.merge_patch(given);
  }
  if (!request.documents.empty()) parameters["documents"] = request.documents;
  return parameters;
}

Result<nlohmann::json> BodyOf(Server& server, const RunRequest& request) {
  MP_TRY(const nlohmann::json parameters, ParametersOf(server, request));
  nlohmann::json target = {{"cluster", request.cluster}};
  if (!request.mesh.empty()) target["mesh"] = request.mesh;
  if (!request.mesh_type.empty()) target["mesh_type"] = request.mesh_type;
  if (!request.name_space.empty()) target["namespace"] = request.name_space;
  nlohmann::json body = {{"type", request.type}, {"target", target}, {"parameters", parameters}};
  if (!request.reason.empty()) body["reason"] = request.reason;
  if (!request.plan_digest.empty()) body["plan_digest"] = request.plan_digest;
  nlohmann::json options = nlohmann::json::object();
  if (request.force_conflicts) options["force_conflicts"] = true;
  if (request.prune) options["prune"] = true;
  if (!request.owner_id.empty()) options["owner_id"] = request.owner_id;
  if (!options.empty()) body["options"] = options;
  return body;
}

/// Tells each step once in each of its states.
class StepTeller {
 public:
  void Tell(const Json& attempts) {
    for (const Json& attempt : attempts) {
      const std::string number = Cell(attempt.value("number", Json()));
      if (attempt.value("number", 0) > last_attempt_) {
        last_attempt_ = attempt.value("number", 0);
        std::cerr << "attempt " << number << " (" << MemberText(attempt, "kind") << ")\n";
      }
      for (const Json& step : attempt.value("steps", Json::array())) {
        std::string& told = told_[number + "/" + MemberText(step, "name")];
        const std::string state = MemberText(step, "state");
        if (state == told || state == "PENDING") continue;
        told = state;
        const std::string text = Cell(step.value("text", Json()));
        std::cerr << "  " << state << std::string(state.size() < 8 ? 8 - state.size() : 1, ' ')
                  << Cell(step.value("title", Json())) << (text.empty() ? "" : " - " + text) << "\n";
      }
    }
  }

 private:
  int last_attempt_ = 0;
  std::map<std::string, std::string> told_;
};

void TellEnd(const Json& operation) {
  const std::string state = MemberText(operation, "state");
  std::cerr << "operation " << MemberText(operation, "id") << " " << state << "\n";
  const auto error = operation.find("error");
  if (error == operation.end() || !error->is_object()) return;
  std::cerr << "  " << MemberText(*error, "reason") << ": " << Cell(error->value("message", Json())) << "\n";
  if (const std::string effects = MemberText(*error, "side_effects"); !effects.empty()) {
    std::cerr << "  what had been changed: " << effects << "\n";
  }
  if (const std::string remedy = MemberText(*error, "remediation"); !remedy.empty())
    std::cerr << "  " << remedy << "\n";
}

void PrintPlan(const Json& answer, Format format) {
  if (format != Format::kTable) return PrintItem(answer, format);
  const Json plan = answer.value("plan", Json::object());
  PrintItems(plan.value("changes", Json::array()),
             {{"ACTION", "/action"},
              {"KIND", "/object/kind"},
              {"NAMESPACE", "/object/namespace"},
              {"NAME", "/object/name"},
              {"REASON", "/reason"}},
             format);
  for (const Json& diagnostic : plan.value("diagnostics", Json::array())) {
    std::cout << MemberText(diagnostic, "severity") << " " << MemberText(diagnostic, "code") << ": "
              << Cell(diagnostic.value("summary", Json())) << "\n";
  }
  std::cout << "plan digest: " << MemberText(answer, "digest") << "\n";
}

}  // namespace

int ExitCodeOf(const Json& operation) {
  const std::string state = MemberText(operation, "state");
  if (state == "FAILED" || state == "CANCELLED" || state == "EXPIRED") return kFailed;
  if (state == "INDETERMINATE") return kIndeterminate;
  // An SMI operation says of each object how much of it is in force; the worst one counts.
  int worst = kDone;
  const Json reports = operation.value("smi_reports", Json::array());
  if (reports.is_array()) {
    for (const Json& report : reports) {
      const std::string level = MemberText(report, "level");
      if (level.ends_with("NONE")) worst = kRefused;
      if (level.ends_with("PARTIAL") && worst == kDone) worst = kPartial;
    }
  }
  return worst;
}

int WatchOperation(Server& server, const std::string& id, Format format, std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const OnInterrupt interrupt("\nthe operation goes on; follow it with: meshplayctl operations watch " + id +
                              "\nor stop it with: meshplayctl operations cancel " + id + "\n");
  StepTeller teller;
  std::string told_state;
  int failures = 0;
  while (true) {
    const auto operation = server.Get("/v1/operations/" + Segment(id));
    if (!operation) {
      // A server that restarts is no reason to lose sight of the operation, once it was seen.
      const bool gone = operation.error().code() == ErrorCode::kUnavailable && !told_state.empty();
      if (!gone || ++failures > kMostFailures || std::chrono::steady_clock::now() >= deadline) {
        return Fail(operation.error());
      }
      if (failures == 1) std::cerr << "the server does not answer; trying again\n";
      std::this_thread::sleep_for(std::chrono::seconds(1));
      continue;
    }
    failures = 0;
    if (const std::string state = MemberText(*operation, "state"); state != told_state) {
      told_state = state;
      if (!operation->value("done", false)) std::cerr << "operation " << id << " " << Cell(Json(state)) << "\n";
    }
    if (const auto steps = server.Get("/v1/operations/" + Segment(id) + "/steps")) {
      teller.Tell(steps->value("attempts", Json::array()));
    }
    if (operation->value("done", false)) {
      TellEnd(*operation);
      if (format != Format::kTable) PrintItem(*operation, format);
      return ExitCodeOf(*operation);
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      std::cerr << "error: the operation goes on, but the wait is over (--timeout). Follow it with: meshplayctl "
                   "operations watch "
                << id << "\n";
      return kUnreachable;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
}

int RunOperation(Server& server, const RunRequest& request, Format format) {
  const auto body = BodyOf(server, request);
  if (!body) return Fail(body.error());
  const std::string key = request.idempotency_key.empty() ? NewUuidV4() : request.idempotency_key;
  const auto operation =
      server.Post(request.plan ? "/v1/operations:plan" : "/v1/operations", *body, {{"Idempotency-Key", key}});
  if (!operation) return Fail(operation.error());
  const std::string id = MemberText(*operation, "id");
  if (request.plan) {
    const int code = WatchOperation(server, id, Format::kTable, request.timeout);
    if (code == kFailed || code == kUnreachable || code == kIndeterminate) return code;
    const auto plan = server.Get("/v1/operations/" + id + "/plan");
    if (!plan) return Fail(plan.error());
    PrintPlan(*plan, format);
    return kDone;
  }
  if (request.wait) return WatchOperation(server, id, format, request.timeout);
  if (format == Format::kTable) {
    std::cout << id << "\n";
    std::cerr << "started; follow it with: meshplayctl operations watch " << id << "\n";
  } else {
    PrintItem(*operation, format);
  }
  return kDone;
}

}  // namespace meshplay::cli
