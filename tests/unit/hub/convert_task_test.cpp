#include "server/hub/convert_task.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace meshplay;
using namespace meshplay::hub;

TEST_CASE("empty messages convert to empty words", "[hub]") {
  const engine::TaskUpdate update = FromProto(pb::TaskUpdate());
  CHECK(update.operation_id.empty());
  CHECK(update.phase == engine::AttemptPhase::kUnspecified);
  CHECK_FALSE(update.checkpoint.has_value());
  CHECK(update.steps.empty());
  CHECK(update.step_timeout.count() == 0);
  const auto result = FromProto(pb::TaskResult());
  REQUIRE(result);
  CHECK(result->outcome == engine::Outcome::kUnspecified);
  CHECK(result->output_json.empty());
  CHECK(result->plan_json.empty());
  CHECK_FALSE(result->inspection.has_value());
  CHECK(FromProto(pb::Error()).error_class == engine::ErrorClass::kUnspecified);
  CHECK_FALSE(FromProto(pb::Error()).retry_after.has_value());
  CHECK(FromProto(pb::TaskSnapshot()).attempt == 0);
}

TEST_CASE("values that this server does not know are the unspecified ones", "[hub]") {
  pb::TaskUpdate update;
  update.set_phase(static_cast<pb::TaskPhase>(99));
  update.add_steps()->set_state(static_cast<pb::StepState>(99));
  update.add_diagnostics()->set_severity(static_cast<pb::Severity>(99));
  update.add_changes()->set_action(static_cast<pb::ChangeAction>(99));
  update.mutable_changes(0)->set_health(static_cast<pb::Health>(99));
  const engine::TaskUpdate converted = FromProto(update);
  CHECK(converted.phase == engine::AttemptPhase::kUnspecified);
  CHECK(converted.steps[0].state == "PENDING");
  CHECK(converted.diagnostics[0].severity == "INFO");
  CHECK(converted.changes[0].action.empty());
  CHECK(converted.changes[0].health == "UNKNOWN");

  pb::TaskResult result;
  result.set_outcome(static_cast<pb::Outcome>(99));
  result.mutable_error()->set_error_class(static_cast<pb::ErrorClass>(99));
  result.mutable_error()->set_side_effects(static_cast<pb::SideEffects>(-1));
  result.mutable_inspection()->set_effect(static_cast<pb::Effect>(99));
  CHECK(FromProto(result)->outcome == engine::Outcome::kUnspecified);
  CHECK(FromProto(result)->error.error_class == engine::ErrorClass::kUnspecified);
  CHECK(FromProto(result)->error.side_effects == engine::SideEffects::kUnspecified);
  CHECK(FromProto(result)->inspection->effect == engine::Effect::kUnspecified);
}

TEST_CASE("a full update keeps everything", "[hub]") {
  pb::TaskUpdate update;
  update.set_task_id("op");
  update.set_attempt(2);
  update.set_fence(7);
  update.set_seq(3);
  update.set_phase(pb::TASK_PHASE_VERIFYING);
  update.mutable_progress()->set_done(1);
  update.mutable_progress()->set_total(4);
  update.mutable_progress()->set_text("waiting");
  pb::Step& step = *update.add_steps();
  step.set_index(1);
  step.set_name("helm.istiod");
  step.set_title("Install istiod");
  step.set_state(pb::STEP_STATE_DONE);
  pb::ObjectOutcome& change = *update.add_changes();
  change.mutable_object()->set_kind("Deployment");
  change.mutable_object()->set_namespace_("istio-system");
  change.mutable_object()->set_name("istiod");
  change.set_action(pb::CHANGE_ACTION_CREATE);
  change.mutable_error()->set_reason("ADMISSION_DENIED");
  change.set_health(pb::HEALTH_DEGRADED);
  pb::Diagnostic& diagnostic = *update.add_diagnostics();
  diagnostic.set_severity(pb::SEVERITY_WARNING);
  diagnostic.set_code("NARROWED");
  diagnostic.mutable_object()->set_name("split");
  update.set_has_checkpoint(true);
  update.mutable_step_timeout()->set_seconds(90);
  update.mutable_step_timeout()->set_nanos(500'000'000);

  const engine::TaskUpdate converted = FromProto(update);

  CHECK(converted.operation_id == "op");
  CHECK(converted.attempt == 2);
  CHECK(converted.fence == 7);
  CHECK(converted.seq == 3);
  CHECK(converted.phase == engine::AttemptPhase::kVerifying);
  CHECK(converted.progress_text == "waiting");
  CHECK(converted.steps[0].state == "DONE");
  CHECK(converted.changes[0].namespace_name == "istio-system");
  CHECK(converted.changes[0].action == "CREATE");
  CHECK(converted.changes[0].health == "DEGRADED");
  CHECK(converted.changes[0].error_json.find("ADMISSION_DENIED") != std::string::npos);
  CHECK(converted.diagnostics[0].severity == "WARNING");
  CHECK(converted.diagnostics[0].object_json == R"({"name":"split"})");
  REQUIRE(converted.checkpoint.has_value());
  CHECK(converted.checkpoint->empty());
  CHECK(converted.step_timeout.count() == 90'500);
}

TEST_CASE("an offer reply says one of three things or is refused", "[hub]") {
  pb::OfferReply reply;
  CHECK(FromProto(reply).error().reason() == "FRAME_INVALID");
  reply.mutable_accepted();
  CHECK(FromProto(reply)->answer == engine::OfferAnswer::kAccepted);
  reply.mutable_already_finished();
  CHECK(FromProto(reply)->answer == engine::OfferAnswer::kAlreadyFinished);
  reply.mutable_rejected()->set_reason("BUSY");
  reply.mutable_rejected()->set_error_class(pb::ERROR_CLASS_THROTTLED);
  reply.mutable_rejected()->mutable_retry_after()->set_seconds(3);
  const auto rejected = FromProto(reply);
  CHECK(rejected->answer == engine::OfferAnswer::kRejected);
  CHECK(rejected->rejected.error_class == engine::ErrorClass::kThrottled);
  CHECK(rejected->rejected.retry_after == std::chrono::milliseconds(3'000));
}

TEST_CASE("what a result carries becomes JSON with the names of the protocol", "[hub]") {
  pb::TaskResult result;
  result.set_outcome(pb::OUTCOME_SUCCEEDED);
  result.set_output_json(R"({"a":9007199254740993})");
  result.mutable_plan()->set_digest("d1");
  result.mutable_plan()->set_exactness(pb::PLAN_SUPPORT_EXACT);
  result.mutable_detection()->add_meshes()->set_mesh_key("k");
  result.mutable_inspection()->set_effect(pb::EFFECT_PARTIAL);
  result.mutable_inspection()->set_fence_on_target(4);
  result.add_smi()->set_level(pb::SUPPORT_LEVEL_PARTIAL);
  result.add_smi()->set_explanation("second");
  pb::ConformanceCase& entry = *result.mutable_conformance()->add_cases();
  entry.set_id("split-1");
  entry.set_evidence_json(R"({"requests":100})");

  const auto converted = FromProto(result);

  REQUIRE(converted);
  CHECK(converted->output_json == R"({"a":9007199254740993})");
  CHECK(converted->plan_json == R"({"digest":"d1","exactness":"EXACT"})");
  CHECK(converted->plan_digest == "d1");
  CHECK(converted->detection_json == R"({"meshes":[{"mesh_key":"k"}]})");
  CHECK(converted->inspection->effect == engine::Effect::kPartial);
  CHECK(converted->inspection->fence_on_target == 4);
  CHECK(converted->smi_reports_json == R"([{"level":"PARTIAL"},{"explanation":"second"}])");
  const nlohmann::json conformance = nlohmann::json::parse(converted->conformance_json);
  CHECK(conformance["cases"][0]["evidence"]["requests"] == 100);
  CHECK(conformance["cases"][0].count("evidence_json") == 0);
}

TEST_CASE("outputs that are not strict JSON are refused", "[hub]") {
  for (const char* bad : {"{", "{\"a\":1,\"a\":2}", "[1,]", "\xff", "{} {}"}) {
    pb::TaskResult result;
    result.set_output_json(bad);
    INFO(bad);
    CHECK(FromProto(result).error().reason() == "FRAME_INVALID");
  }
  pb::TaskResult deep;
  deep.set_output_json(std::string(200, '[') + std::string(200, ']'));
  CHECK(FromProto(deep).error().reason() == "FRAME_INVALID");
}

TEST_CASE("an offer keeps everything on its way out", "[hub]") {
  engine::TaskOffer offer;
  offer.operation_id = "op";
  offer.attempt = 3;
  offer.fence = 12;
  offer.kind = store::TaskKind::kInspect;
  offer.cluster_uid = "uid";
  offer.mesh_key = "k";
  offer.secret_names = {"registry"};
  offer.options_json = R"({"prune":"PRUNE_POLICY_OWNED","owner_id":"o"})";
  offer.time_budget = std::chrono::milliseconds(1'500);
  offer.checkpoint = std::string("\x00\x01", 2);
  offer.principal = "token/x";

  const auto wire = ToProto(offer);

  REQUIRE(wire);
  CHECK(wire->kind() == pb::TASK_KIND_INSPECT);
  CHECK(wire->target().cluster_uid() == "uid");
  CHECK(wire->target().mesh_key() == "k");
  CHECK(wire->secrets(0).logical_name() == "registry");
  CHECK(wire->options().prune() == pb::PRUNE_POLICY_OWNED);
  CHECK(wire->time_budget().seconds() == 1);
  CHECK(wire->time_budget().nanos() == 500'000'000);
  CHECK(wire->checkpoint() == std::string("\x00\x01", 2));
  CHECK(wire->actor().principal() == "token/x");
  offer.options_json = R"({"no_such_option":true})";
  CHECK(ToProto(offer).error().reason() == "TASK_NOT_SENDABLE");
  CHECK_FALSE(ToProto(engine::TaskOffer())->has_options());
}

TEST_CASE("durations from the wire are bounded", "[hub]") {
  google::protobuf::Duration wire;
  wire.set_seconds(-5);
  wire.set_nanos(-1);
  CHECK(FromProto(wire).count() == 0);
  wire.set_seconds(std::numeric_limits<std::int64_t>::max());
  CHECK(FromProto(wire).count() == 315'360'000'000);
}
