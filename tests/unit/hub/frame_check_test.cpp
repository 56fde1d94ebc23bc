#include "server/hub/internal/frame_check.h"

#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "meshplay/adapter/v1/adapter.pb.h"

using namespace meshplay;
using namespace meshplay::hub;
namespace pb = meshplay::adapter::v1;

namespace {

constexpr std::uint32_t kLimit = 2 * 1024 * 1024;

}  // namespace

TEST_CASE("every limit of the protocol holds at its edge and not beyond", "[hub]") {
  struct Case {
    const char* name;
    std::function<void(pb::AdapterFrame&, std::size_t)> fill;
    std::size_t limit;
  };
  const std::vector<Case> cases = {
      {"/task_update/task_id",
       [](pb::AdapterFrame& f, std::size_t n) { f.mutable_task_update()->set_task_id(std::string(n, 'x')); }, 256},
      {"/task_update/progress/text",
       [](pb::AdapterFrame& f, std::size_t n) {
         f.mutable_task_update()->mutable_progress()->set_text(std::string(n, 'x'));
       },
       4 * 1024},
      {"/task_update/checkpoint",
       [](pb::AdapterFrame& f, std::size_t n) { f.mutable_task_update()->set_checkpoint(std::string(n, 'x')); },
       64 * 1024},
      {"/task_result/output_json",
       [](pb::AdapterFrame& f, std::size_t n) { f.mutable_task_result()->set_output_json(std::string(n, 'x')); },
       1024 * 1024},
      {"/goodbye/unstarted_task_ids",
       [](pb::AdapterFrame& f, std::size_t n) {
         for (std::size_t i = 0; i < n; ++i) f.mutable_goodbye()->add_unstarted_task_ids("x");
       },
       10'000},
      {"/nack/error/metadata",
       [](pb::AdapterFrame& f, std::size_t n) {
         for (std::size_t i = 0; i < n; ++i) {
           (*f.mutable_nack()->mutable_error()->mutable_metadata())[std::to_string(i)] = "v";
         }
       },
       64},
      {"/hello/targets/0/display_name",
       [](pb::AdapterFrame& f, std::size_t n) {
         f.mutable_hello()->add_targets()->set_display_name(std::string(n, 'x'));
       },
       256},
  };
  for (const Case& entry : cases) {
    INFO(entry.name);
    pb::AdapterFrame fits;
    entry.fill(fits, entry.limit);
    CHECK(CheckFrame(fits, kLimit));
    pb::AdapterFrame breaks;
    entry.fill(breaks, entry.limit + 1);
    const Status checked = CheckFrame(breaks, kLimit);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().reason() == "FRAME_INVALID");
    CHECK(checked.error().violations().at(0).pointer == entry.name);
  }
}

TEST_CASE("a map of large values is too large", "[hub]") {
  pb::AdapterFrame frame;
  (*frame.mutable_nack()->mutable_error()->mutable_metadata())["k"] = std::string(5'000, 'v');
  CHECK(CheckFrame(frame, kLimit).error().reason() == "FRAME_INVALID");
}

TEST_CASE("the size of the whole frame is bounded", "[hub]") {
  pb::AdapterFrame frame;
  frame.mutable_task_result()->set_output_json(std::string(2'000, 'x'));
  CHECK(CheckFrame(frame, 4'096));
  CHECK(CheckFrame(frame, 1'024).error().reason() == "FRAME_TOO_LARGE");
}

TEST_CASE("the name of a frame is its member, its unknown number, or nothing", "[hub]") {
  pb::AdapterFrame frame;
  CHECK(BodyName(frame).empty());
  frame.GetReflection()->MutableUnknownFields(&frame)->AddVarint(77, 1);
  CHECK(BodyName(frame) == "field:77");
  frame.mutable_goodbye();
  CHECK(BodyName(frame) == "goodbye");
}
