#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/operations.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"

namespace meshplay::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Wish {
  std::string cluster, mesh, mesh_type, image, image_pull_policy, driver, converge, ready_timeout;
  std::string reason, idempotency_key;
  std::vector<std::string> groups;
  bool wait = false;
  int timeout_seconds = 3'600;
  std::string id, other, case_id, file;
};

const std::vector<Column>& RunColumns() {
  static const std::vector<Column> kColumns = {{"ID", "/id"},
                                               {"CLUSTER", "/target/cluster"},
                                               {"MESH", "/target/mesh_type"},
                                               {"VERSION", "/mesh_version"},
                                               {"STATE", "/state"},
                                               {"VERDICT", "/verdict"},
                                               {"REASON", "/reason"},
                                               {"PASSED", "/counts/passed"},
                                               {"OF", "/counts/total"},
                                               {"CREATED", "/create_time"}};
  return kColumns;
}

/// The exit code that a run's verdict stands for.
int ExitCodeOfRun(const Json& run) {
  const std::string verdict = run.value("verdict", "");
  if (verdict == "PASSED" || !run.value("done", false)) return kDone;
  return verdict == "FAILED" ? kFailed : kIndeterminate;
}

int ShowRun(Server& server, const Session& session, const std::string& id) {
  const auto run = server.Get("/v1/conformanceRuns/" + Segment(id));
  if (!run) return Fail(run.error());
  if (session.format() != Format::kTable) {
    PrintItem(*run, session.format());
    return ExitCodeOfRun(*run);
  }
  PrintItems(Json::array({*run}), RunColumns(), Format::kTable);
  std::cout << '\n';
  PrintItems(run->value("cases", Json::array()),
             {{"CASE", "/id"},
              {"STATUS", "/status"},
              {"LEVEL", "/level"},
              {"REASON", "/reason"},
              {"TOOK", "/took"},
              {"DETAIL", "/detail"}},
             Format::kTable);
  return ExitCodeOfRun(*run);
}

int StartRun(Server& server, const Session& session, const Wish& wish) {
  nlohmann::json target = {{"cluster", wish.cluster}};
  if (!wish.mesh.empty()) target["mesh"] = wish.mesh;
  if (!wish.mesh_type.empty()) target["mesh_type"] = wish.mesh_type;
  nlohmann::json parameters = nlohmann::json::object();
  for (const auto& [name, value] : {std::pair("image", wish.image),
                                    {"image_pull_policy", wish.image_pull_policy},
                                    {"driver", wish.driver},
                                    {"converge", wish.converge},
                                    {"ready_timeout", wish.ready_timeout}}) {
    if (!value.empty()) parameters[name] = value;
  }
  if (!wish.groups.empty()) parameters["groups"] = wish.groups;
  nlohmann::json body = {{"target", target}, {"parameters", parameters}};
  if (!wish.reason.empty()) body["reason"] = wish.reason;
  const std::string key = wish.idempotency_key.empty() ? NewUuidV4() : wish.idempotency_key;
  const auto run = server.Post("/v1/conformanceRuns", body, {{"Idempotency-Key", key}});
  if (!run) return Fail(run.error());
  const std::string id = run->value("id", "");
  if (!wish.wait) {
    if (session.format() == Format::kTable) {
      PrintItems(Json::array({*run}), RunColumns(), Format::kTable);
    } else {
      PrintItem(*run, session.format());
    }
    return kDone;
  }
  // The steps go to the standard error, and the run alone to the output: not the operation before it.
  const int ended = WatchOperation(server, id, Format::kTable, std::chrono::seconds(wish.timeout_seconds));
  if (ended >= kUnreachable) return ended;
  return ShowRun(server, session, id);
}

int ShowDiff(Server& server, const Session& session, const Wish& wish) {
  const auto diff = server.Get("/v1/conformanceRuns:diff?" + Query({{"base", wish.id}, {"other", wish.other}}));
  if (!diff) return Fail(diff.error());
  if (session.format() == Format::kTable) {
    PrintItems(diff->value("changed", Json::array()),
               {{"CASE", "/id"},
                {"BASE", "/base"},
                {"OTHER", "/other"},
                {"BASE REASON", "/base_reason"},
                {"OTHER REASON", "/other_reason"}},
               Format::kTable);
    std::cout << diff->value("same", 0) << " the same, " << diff->value("better", 0) << " better, "
              << diff->value("worse", 0) << " worse\n";
  } else {
    PrintItem(*diff, session.format());
  }
  return diff->value("worse", 0) > 0 ? kPartial : kDone;
}

int WriteJunit(Server& server, const Wish& wish) {
  const auto xml = server.GetText("/v1/conformanceRuns/" + Segment(wish.id) + "/junit");
  if (!xml) return Fail(xml.error());
  if (wish.file.empty() || wish.file == "-") {
    std::cout << *xml;
    return kDone;
  }
  const Status written = WriteFileAtomically(wish.file, *xml, 0644);
  return written ? static_cast<int>(kDone) : Fail(written.error());
}

}  // namespace

void AddConformance(CLI::App& app, Session& session) {
  const auto wish = std::make_shared<Wish>();
  auto* conformance = app.add_subcommand("conformance", "SMI conformance runs: what a mesh really does");
  conformance->require_subcommand(1);
  const auto on = [&session, wish](CLI::App* command, auto work) {
    command->callback([&session, wish, work] {
      session.command = [&session, wish, work](Server& server) { return work(server, session, *wish); };
    });
  };

  auto* run = conformance->add_subcommand("run",
                                          "Run the suite on a mesh. With --wait the exit code is the verdict: 0 "
                                          "passed, 5 failed, 6 inconclusive");
  run->add_option("--cluster", wish->cluster, "Cluster id")->required();
  run->add_option("--mesh", wish->mesh, "Mesh id");
  run->add_option("--mesh-type", wish->mesh_type, "Mesh type, for example istio");
  run->add_option("--group", wish->groups, "Only this group of cases; may be given often");
  run->add_option("--image", wish->image, "Image that holds meshplay-conformance-app");
  run->add_option("--image-pull-policy", wish->image_pull_policy, "When the image is pulled")
      ->check(CLI::IsMember({"IfNotPresent", "Always", "Never"}));
  run->add_option("--converge", wish->converge, "Time for a change to have effect, for example 60s");
  run->add_option("--ready-timeout", wish->ready_timeout, "Time for the applications to become ready, for example 3m");
  run->add_option("--driver", wish->driver, "How pods are reached")->check(CLI::IsMember({"exec", "proxy"}));
  run->add_option("--reason", wish->reason, "Why, for the audit record");
  run->add_option("--idempotency-key", wish->idempotency_key, "The same key never starts a second run");
  run->add_flag("--wait", wish->wait, "Show the steps and then the cases");
  run->add_option("--timeout", wish->timeout_seconds, "Seconds to wait");
  on(run, [](Server& server, const Session& s, const Wish& w) { return StartRun(server, s, w); });

  on(conformance->add_subcommand("list", "List runs, newest first"), [](Server& server, const Session& s, const Wish&) {
    return PrintList(server, s, "/v1/conformanceRuns", "runs", RunColumns());
  });

  auto* get = conformance->add_subcommand("get", "Show a run with its cases, or one case with its evidence");
  get->add_option("ID", wish->id, "Id of the run")->required();
  get->add_option("--case", wish->case_id, "Id of a case");
  on(get, [](Server& server, const Session& s, const Wish& w) {
    if (w.case_id.empty()) return ShowRun(server, s, w.id);
    return PrintAnswer(server.Get("/v1/conformanceRuns/" + Segment(w.id) + "/cases/" + Segment(w.case_id)), s);
  });

  auto* diff = conformance->add_subcommand("diff", "What differs between two runs; exit code 3 when a case got worse");
  diff->add_option("BASE", wish->id, "Id of the run to compare with")->required();
  diff->add_option("OTHER", wish->other, "Id of the run to compare")->required();
  on(diff, [](Server& server, const Session& s, const Wish& w) { return ShowDiff(server, s, w); });

  auto* junit = conformance->add_subcommand("junit", "A run as JUnit XML");
  junit->add_option("ID", wish->id, "Id of the run")->required();
  junit->add_option("-f,--file", wish->file, "Where to write it; standard output when absent");
  on(junit, [](Server& server, const Session&, const Wish& w) { return WriteJunit(server, w); });
}

}  // namespace meshplay::cli
