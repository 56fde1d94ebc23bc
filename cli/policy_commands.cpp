#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/policies.h"
#include "cli/run_options.h"
#include "libs/base/json_member.h"

namespace meshplay::cli {
namespace {

std::string PathOf(const std::string& id, const std::string& rest = "") {
  return "/v1/policies/" + Segment(id) + rest;
}

void AddSpecOptions(CLI::App& command, PolicyRequest& request) {
  command.add_option("ID", request.id, "Id of the policy")->required();
  command.add_option("-f,--file", request.files,
                     "YAML or JSON file with SMI documents or a folder of such, - is standard input");
  command.add_option("--spec", request.spec_file, "YAML or JSON file with the whole spec, such as stages; flags win");
  command.add_option("-n,--namespace", request.name_space, "For documents that name none");
  command.add_option("--option", request.options, "KEY=VALUE, an option of the translation");
  command.add_flag("--all", request.all, "Select every mesh");
  command.add_option("--cluster-label", request.cluster_labels, "KEY=VALUE that the cluster must have");
  command.add_option("--cluster", request.clusters, "Cluster id");
  command.add_option("--environment", request.environments, "Named group of clusters");
  command.add_option("--mesh-type", request.mesh_types, "Mesh type");
  command.add_option("--mesh", request.meshes, "Mesh id");
  command.add_option("--on-drift", request.on_drift, "REPORT or REPAIR")->check(CLI::IsMember({"REPORT", "REPAIR"}));
  command.add_option("--display-name", request.display_name, "For people");
  command.add_option("--note", request.note, "Why, kept with the revision");
  command.add_flag("--dry-run", request.dry_run,
                   "Only tell what would change on each mesh; stores and changes nothing");
}

void AddWait(CLI::App& command, PolicyRequest& request) {
  command.add_flag("--wait", request.wait, "Tell what happens until every mesh has it or one failed");
  AddTimeout(command, request.timeout);
}

/// `policy VERB ID [--reason]`: a POST whose answer is the policy.
void AddVerb(CLI::App& policy, Session& session, const std::string& verb, const std::string& help, bool reason) {
  auto* command = policy.add_subcommand(verb, help);
  auto* id = command->add_option("ID", "Id of the policy")->required();
  auto* why = reason ? command->add_option("--reason", "Why") : nullptr;
  command->callback([&session, verb, id, why] {
    const std::string path = PathOf(id->as<std::string>(), ":" + verb);
    nlohmann::json body = nlohmann::json::object();
    if (why != nullptr && why->count() != 0) body["reason"] = why->as<std::string>();
    session.command = [&session, path, body](Server& server) { return PrintAnswer(server.Post(path, body), session); };
  });
}

void AddReads(CLI::App& policy, Session& session) {
  policy.add_subcommand("list", "List policies")->callback([&session] {
    session.command = [&session](Server& server) {
      return PrintList(server, session, "/v1/policies", "policies",
                       {{"ID", "/id"},
                        {"STATE", "/state"},
                        {"REVISION", "/revision"},
                        {"ROLLOUT", "/rollout_status/state"},
                        {"STAGE", "/rollout_status/stage"},
                        {"PAUSED", "/paused"},
                        {"DELETING", "/deleting"},
                        {"NAME", "/display_name"}});
    };
  });
  auto* get = policy.add_subcommand("get", "Show one");
  auto* id = get->add_option("ID", "Id of the policy")->required();
  get->callback([&session, id] {
    const std::string path = PathOf(id->as<std::string>());
    session.command = [&session, path](Server& server) { return PrintAnswer(server.Get(path), session); };
  });
  auto* revisions = policy.add_subcommand("revisions", "Its revisions, newest first");
  auto* of = revisions->add_option("ID", "Id of the policy")->required();
  revisions->callback([&session, of] {
    const std::string path = PathOf(of->as<std::string>(), "/revisions");
    session.command = [&session, path](Server& server) {
      return PrintList(server, session, path, "revisions",
                       {{"NUMBER", "/number"},
                        {"TIME", "/create_time"},
                        {"BY", "/principal"},
                        {"RESTORED FROM", "/restored_from"},
                        {"NOTE", "/note"},
                        {"DIGEST", "/digest"}});
    };
  });
}

void AddDiff(CLI::App& policy, Session& session) {
  auto* diff = policy.add_subcommand("diff", "What differs between two revisions, and what plans would change");
  auto* id = diff->add_option("ID", "Id of the policy")->required();
  auto* from = diff->add_option("--from", "Revision; the one before the other when absent");
  auto* to = diff->add_option("--to", "Revision; the newest when absent");
  diff->callback([&session, id, from, to] {
    const auto text = [](const CLI::Option* option) { return option->count() ? option->as<std::string>() : ""; };
    const std::string query = Query({{"from", text(from)}, {"to", text(to)}});
    const std::string path = PathOf(id->as<std::string>(), ":diff") + (query.empty() ? "" : "?" + query);
    session.command = [&session, path](Server& server) {
      const auto answer = server.Get(path);
      if (!answer || session.format() != Format::kTable) return PrintAnswer(answer, session);
      PrintItems(answer->value("documents", nlohmann::ordered_json::array()),
                 {{"ACTION", "/action"},
                  {"KIND", "/object/kind"},
                  {"NAMESPACE", "/object/namespace"},
                  {"NAME", "/object/name"},
                  {"PATCH", "/patch"}},
                 Format::kTable);
      if (const auto settings = answer->find("settings_patch"); settings != answer->end() && !settings->empty()) {
        std::cout << "settings: " << Cell(*settings) << "\n";
      }
      for (const auto& mesh : answer->value("meshes", nlohmann::ordered_json::array())) {
        PrintChanges("last plan on " + MemberText(mesh, "cluster"),
                     mesh.value("changes", nlohmann::ordered_json::array()));
      }
      return static_cast<int>(kDone);
    };
  });
}

}  // namespace

void AddPolicies(CLI::App& app, Session& session) {
  // Kept alive by the commands that use it.
  const auto request = std::make_shared<PolicyRequest>();
  auto* policy = app.add_subcommand("policy", "SMI documents that Meshplay keeps in force on many meshes");
  policy->require_subcommand(1);
  AddReads(*policy, session);
  AddDiff(*policy, session);

  auto* create = policy->add_subcommand("create", "Create a policy");
  AddSpecOptions(*create, *request);
  AddWait(*create, *request);
  create->add_flag("--paused", request->paused, "Start nothing until it is resumed");
  create->add_option("--idempotency-key", request->key, "The same key never creates a second policy");
  create->callback([&session, request] {
    session.command = [&session, request](Server& server) { return CreatePolicy(server, *request, session.format()); };
  });
  auto* update = policy->add_subcommand("update", "Change parts of a policy: makes a new revision");
  AddSpecOptions(*update, *request);
  AddWait(*update, *request);
  update->callback([&session, request] {
    session.command = [&session, request](Server& server) { return UpdatePolicy(server, *request, session.format()); };
  });

  auto* status = policy->add_subcommand("status", "How far each mesh is; the exit code is that of the worst");
  status->add_option("ID", request->id, "Id of the policy")->required();
  AddWait(*status, *request);
  status->callback([&session, request] {
    session.command = [&session, request](Server& server) {
      return ShowPolicyStatus(server, request->id, request->wait, request->timeout, session.format());
    };
  });

  auto* remove = policy->add_subcommand("delete", "Take a policy's objects from every mesh, then delete it");
  remove->add_option("ID", request->id, "Id of the policy")->required();
  remove->add_flag("--orphan", request->orphan, "Leave the objects where they are");
  AddWait(*remove, *request);
  remove->callback([&session, request] {
    session.command = [&session, request](Server& server) { return DeletePolicy(server, *request, session.format()); };
  });

  auto* rollback = policy->add_subcommand("rollback", "Bring an earlier revision back, as a new one");
  rollback->add_option("ID", request->id, "Id of the policy")->required();
  auto* revision = rollback->add_option("REVISION", "Its number")->required();
  rollback->add_option("--note", request->note, "Why, kept with the revision");
  AddWait(*rollback, *request);
  rollback->callback([&session, request, revision] {
    const int number = revision->as<int>();
    session.command = [&session, request, number](Server& server) {
      const auto answer =
          server.Post(PathOf(request->id, ":rollback"), {{"revision", number}, {"note", request->note}});
      if (!answer || !request->wait) return PrintAnswer(answer, session);
      return ShowPolicyStatus(server, request->id, true, request->timeout, session.format());
    };
  });
  AddVerb(*policy, session, "pause", "Start nothing more", true);
  AddVerb(*policy, session, "resume", "End a pause, take up an aborted roll-out, try failed meshes again", false);
  AddVerb(*policy, session, "abort", "Stop a roll-out where it is", true);
}

}  // namespace meshplay::cli
