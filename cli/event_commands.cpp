#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "cli/commands.h"
#include "cli/interrupt.h"

namespace meshplay::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kAgainAfter{1};
constexpr int kMostFailures = 10;  ///< In a row, after the stream was open once.

/// Until interrupted. A cut stream goes on after the last event seen; a refusal does not get better.
int FollowEvents(Server& server, Format format, const std::string& filter, const std::string& from) {
  const OnInterrupt interrupt("");
  std::string last = from;
  int failures = 0;
  bool was_open = false;
  while (true) {
    const auto show = [&](const std::string& id, const std::string& name, const std::string& data) {
      was_open = true;
      failures = 0;
      if (!id.empty()) last = id;
      if (name == "bookmark") return true;
      if (format == Format::kTable) {
        const Json event = Json::parse(data, nullptr, false);
        const Json subject = event.is_object() ? event.value("subject", Json()) : Json();
        std::cout << id << "  " << Cell(Json(name)) << "  " << Cell(subject) << std::endl;
      } else {
        std::cout << data << std::endl;
      }
      return name != "reset";
    };
    const Status end = server.Follow("/v1/events?" + filter, last, show);
    if (end) continue;
    const bool gone =
        end.error().code() == ErrorCode::kUnavailable || end.error().code() == ErrorCode::kDeadlineExceeded;
    if (!gone || !was_open || ++failures > kMostFailures) return Fail(end.error());
    if (failures == 1) std::cerr << "the stream was cut; trying again\n";
    std::this_thread::sleep_for(kAgainAfter);
  }
}

}  // namespace

void AddEvents(CLI::App& app, Session& session) {
  auto* events = app.add_subcommand("events", "Show events, or follow them");
  CLI::Option* follow = events->add_flag("--follow")->description("Go on until interrupted");
  auto* since = events->add_option("--since", "Only after this sync token (the id of an event)");
  auto* subject = events->add_option("--subject", "Only this subject; a prefix when it ends in /");
  auto* kind = events->add_option("--kind", "Only this kind; a prefix when it ends in .");
  events->callback([&session, follow, since, subject, kind] {
    const auto text = [](const CLI::Option* option) {
      return option->count() > 0 ? option->as<std::string>() : std::string();
    };
    const std::string from = text(since);
    const std::string filter = Query({{"subject", text(subject)}, {"kind", text(kind)}});
    if (follow->count() == 0) {
      const std::string path = "/v1/events?" + filter + (from.empty() ? "" : "&" + Query({{"since", from}}));
      session.command = [&session, path](Server& server) {
        const auto page = server.Get(path);
        if (!page) return Fail(page.error());
        PrintItems(page->value("events", Json::array()),
                   {{"ID", "/id"}, {"TIME", "/time"}, {"KIND", "/kind"}, {"SUBJECT", "/subject"}}, session.format());
        return static_cast<int>(kDone);
      };
      return;
    }
    session.command = [&session, from, filter](Server& server) {
      return FollowEvents(server, session.format(), filter, from);
    };
  });
}

}  // namespace meshplay::cli
