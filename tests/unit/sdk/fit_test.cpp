#include "adapters/sdk/internal/fit.h"

#include <catch2/catch.hpp>

namespace meshplay::sdk {
namespace {

namespace pb = meshplay::adapter::v1;

TEST_CASE("A text is cut at a character, never inside one") {
  const std::string text = std::string(9, 'a') + "\xc3\xa9\xc3\xa9\xc3\xa9";
  CHECK(FitText(text, 100) == text);
  CHECK(FitText(text, 13) == std::string(9, 'a') + "...");
  CHECK(FitText(text, 14) == std::string(9, 'a') + "\xc3\xa9...");
}

TEST_CASE("Bytes that are no UTF-8 are replaced, so that the frame can be read") {
  CHECK(FitText("a\xff"
                "b",
                10) == "a?b");
  CHECK(FitText("a\xc3", 10) == "a?");
  CHECK(FitText("\xed\xa0\x80", 10) == "???");
  CHECK(FitText("\xf0\x9f\x98\x80", 10) == "\xf0\x9f\x98\x80");
}

TEST_CASE("Long texts anywhere in a frame are cut, documents are left alone") {
  pb::TaskResult result;
  result.mutable_error()->set_message(std::string(10'000, 'x'));
  result.add_diagnostics()->set_code(std::string(1'000, 'y'));
  result.set_output_json(std::string(10'000, 'z'));
  FitFrame(result);
  CHECK(result.error().message().size() == 4'096);
  CHECK(result.diagnostics(0).code().size() == 256);
  CHECK(result.output_json().size() == 10'000);
}

TEST_CASE("A plan that is too large loses bodies, not changes") {
  pb::TaskResult result;
  result.set_outcome(pb::OUTCOME_SUCCEEDED);
  for (int i = 0; i < 30; ++i) {
    pb::PlannedChange& change = *result.mutable_plan()->add_changes();
    change.mutable_object()->set_name("object-" + std::to_string(i));
    change.set_after_json(std::string(200'000, 'x'));
  }
  FitResult(result, false);
  CHECK(result.ByteSizeLong() <= kMaxFrameBytes);
  CHECK(result.outcome() == pb::OUTCOME_SUCCEEDED);
  REQUIRE(result.plan().changes_size() == 30);
  CHECK(result.plan().changes(0).bodies_omitted());
}

TEST_CASE("A result that cannot be made small enough ends with true side effects") {
  pb::TaskResult result;
  result.set_task_id("task-1");
  result.set_seq(9);
  result.set_outcome(pb::OUTCOME_SUCCEEDED);
  result.set_output_json(std::string(3 * 1024 * 1024, 'x'));
  pb::TaskResult reading = result;
  FitResult(result, true);
  CHECK(result.task_id() == "task-1");
  CHECK(result.seq() == 9);
  CHECK(result.error().reason() == "RESULT_TOO_LARGE");
  CHECK(result.error().side_effects() == pb::SIDE_EFFECTS_COMPLETE);
  FitResult(reading, false);
  CHECK(reading.error().side_effects() == pb::SIDE_EFFECTS_NONE);
}

}  // namespace
}  // namespace meshplay::sdk
