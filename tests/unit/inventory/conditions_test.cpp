#include "server/inventory/internal/conditions.h"

#include <catch2/catch.hpp>

using namespace meshplay::inventory;

TEST_CASE("a condition keeps its transition time while its status stays", "[inventory]") {
  const std::string first = SetCondition("", {"Reachable", "True", "Answered", "", ""}, 1'800'000'000'000);
  const std::string same = SetCondition(first, {"Reachable", "True", "StillAnswers", "", ""}, 1'800'000'060'000);
  const std::string other = SetCondition(same, {"Reachable", "False", "Timeout", "", ""}, 1'800'000'120'000);

  CHECK(ParseConditions(first)->front().last_transition_time == "2027-01-15T08:00:00.000Z");
  CHECK(ParseConditions(same)->front().last_transition_time == "2027-01-15T08:00:00.000Z");
  CHECK(ParseConditions(same)->front().reason == "StillAnswers");
  CHECK(ParseConditions(other)->front().last_transition_time == "2027-01-15T08:02:00.000Z");
}

TEST_CASE("conditions that nobody watches become Unknown", "[inventory]") {
  const std::string text = SetCondition("", {"Ready", "True", "AllUp", "fine", ""}, 1'000);

  const std::string unknown = UnknownConditions(text, "AdapterLost", 2'000);

  CHECK(ConditionStatus(unknown, "Ready") == "Unknown");
  CHECK(ParseConditions(unknown)->front().reason == "AdapterLost");
  CHECK(ParseConditions(unknown)->front().message.empty());
}

TEST_CASE("a foreign status counts as Unknown and a text that is no list is refused", "[inventory]") {
  CHECK(ConditionStatus(R"([{"type":"Ready","status":"Perhaps","reason":"R"}])", "Ready") == "Unknown");
  CHECK(ConditionStatus(R"([{"type":"Ready","status":"True","reason":"R"}])", "Other").empty());
  CHECK(ParseConditions("")->empty());
  CHECK(ParseConditions(R"({"type":"Ready"})").error().reason() == "CONDITIONS_INVALID");
  CHECK(ParseConditions(R"([{"status":"True"}])").error().reason() == "CONDITIONS_INVALID");
}
