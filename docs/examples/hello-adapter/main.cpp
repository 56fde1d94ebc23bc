// An adapter whose "cluster" is a folder and whose only operation writes a greeting into it. docs/adapter-guide.md
// walks through it.
#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "adapters/sdk/adapter.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace {

namespace pb = meshplay::adapter::v1;
namespace sdk = meshplay::sdk;
using meshplay::Result;
using meshplay::Status;

constexpr char kSchema[] = R"({
  "type": "object",
  "additionalProperties": false,
  "required": ["text"],
  "properties": {"text": {"type": "string", "title": "Greeting", "minLength": 1, "maxLength": 200}}
})";

class HelloAdapter final : public sdk::MeshAdapter {
 public:
  HelloAdapter(std::string folder, std::string uid) : folder_(std::move(folder)), uid_(std::move(uid)) {}

  // [manifest]
  pb::Capabilities capabilities() override {
    pb::Capabilities manifest;
    manifest.set_mesh_type("hello");
    manifest.set_display_name("Hello");
    pb::OperationDescriptor& greet = *manifest.add_operations();
    greet.set_type("hello.greet");
    greet.set_category(pb::OPERATION_CATEGORY_CONFIGURE);
    greet.set_title("Write a greeting");
    greet.set_parameters_schema(kSchema);
    greet.set_idempotency(pb::IDEMPOTENCY_NATURAL);  // writing the same text twice is writing it once
    greet.set_cancellation(pb::CANCELLATION_BETWEEN_STEPS);
    greet.set_plan(pb::PLAN_SUPPORT_NONE);
    greet.set_lock(pb::LOCK_MODE_EXCLUSIVE);
    manifest.add_reasons("GREETING_FAILED");
    return manifest;
  }

  std::vector<pb::TargetClaim> Targets() override {
    pb::TargetClaim claim;
    claim.mutable_target()->set_cluster_uid(uid_);  // of a real cluster: the UID of the namespace kube-system
    claim.set_display_name(folder_);
    return {claim};
  }
  // [manifest]

  // [run]
  pb::TaskResult Run(sdk::TaskContext& task) override {
    const pb::TaskOffer& offer = task.offer();
    if (offer.kind() == pb::TASK_KIND_DETECT) {
      pb::TaskResult nothing_found = sdk::Succeeded();
      nothing_found.mutable_detection()->set_cluster_uid(offer.target().cluster_uid());
      return nothing_found;
    }
    const auto parameters = meshplay::ParseJson(offer.parameters_json());
    if (!parameters) return Refused("PARAMETERS_INVALID", parameters.error().message());
    const std::string wanted = parameters->value("text", "");
    if (offer.kind() == pb::TASK_KIND_INSPECT) return Inspect(task, wanted);
    if (offer.kind() != pb::TASK_KIND_APPLY) return Refused("OPERATION_UNKNOWN", "only APPLY and INSPECT");

    task.PlanSteps({{"write", "Write the greeting"}, {"check", "Read it back"}});
    if (!task.BeginMutating()) return task.Stopped(pb::SIDE_EFFECTS_NONE);  // the barrier: nothing is changed before
    if (const Status raised = RaiseFence(offer.fence()); !raised) return Fenced(raised.error().message());

    task.StepRunning("write");
    if (!task.MayMutate()) return task.Stopped(pb::SIDE_EFFECTS_NONE);
    if (const Status written = meshplay::WriteFileAtomically(folder_ + "/greeting", wanted); !written) {
      task.StepFailed("write", written.error().message());
      return sdk::Failed(sdk::MakeError("GREETING_FAILED", pb::ERROR_CLASS_TRANSIENT, pb::SIDE_EFFECTS_NONE,
                                        written.error().message(), "Look at the folder."));
    }
    task.StepDone("write");

    task.SetPhase(pb::TASK_PHASE_VERIFYING);
    task.StepRunning("check");
    task.StepDone("check", Greeting());
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(nlohmann::json{{"greeting", Greeting()}}.dump());
    return result;
  }

  /// After an attempt was lost: what took effect? The server decides by the answer.
  pb::TaskResult Inspect(sdk::TaskContext& task, const std::string& wanted) {
    if (const Status raised = RaiseFence(task.offer().fence()); !raised) return Fenced(raised.error().message());
    pb::TaskResult result = sdk::Succeeded();
    result.mutable_inspection()->set_effect(Greeting() == wanted ? pb::EFFECT_COMPLETE : pb::EFFECT_NONE);
    return result;
  }
  // [run]

  // [inventory]
  void WatchInventory(const pb::TargetRef&, sdk::InventoryView& view, std::stop_token stop) override {
    view.MarkComplete();  // this adapter has no inventory_kinds; a real one lists, then watches
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    ended.wait(lock, stop, [] { return false; });
  }
  // [inventory]

 private:
  static pb::TaskResult Refused(const std::string& reason, const std::string& message) {
    return sdk::Failed(sdk::MakeError(reason, pb::ERROR_CLASS_INVALID, pb::SIDE_EFFECTS_NONE, message));
  }
  static pb::TaskResult Fenced(const std::string& message) {
    return sdk::Failed(sdk::MakeError("FENCED", pb::ERROR_CLASS_CONFLICT, pb::SIDE_EFFECTS_NONE, message));
  }

  // [fence]
  /// Refuses when a later attempt has been here. On Kubernetes: adapters/kube/fence.h, a Lease with compare-and-swap.
  Status RaiseFence(std::uint64_t fence) {
    const auto lock = meshplay::FileLock::Acquire(folder_ + "/fence.lock");
    if (!lock) return tl::unexpected(lock.error());
    const auto stored = meshplay::ReadFile(folder_ + "/fence");
    if (stored && std::strtoull(stored->c_str(), nullptr, 10) > fence) {
      return meshplay::Aborted("FENCED", "a later attempt has begun");
    }
    return meshplay::WriteFileAtomically(folder_ + "/fence", std::to_string(fence));
  }
  // [fence]

  std::string Greeting() const {
    const auto text = meshplay::ReadFile(folder_ + "/greeting");
    return text ? *text : "";
  }

  const std::string folder_;
  const std::string uid_;
};

/// The identity of the folder, made on the first start: it goes with the folder, whoever serves it.
Result<std::string> UidOf(const std::string& folder) {
  const auto known = meshplay::ReadFile(folder + "/uid");
  if (known || known.error().code() != meshplay::ErrorCode::kNotFound) return known;
  const std::string uid = meshplay::NewUuidV4();
  MP_CHECK(meshplay::WriteFileAtomically(folder + "/uid", uid));
  return uid;
}

}  // namespace

// [main]
int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: hello-adapter FOLDER STATE_FOLDER ENROLL_FILE\n");
    return 2;
  }
  const auto uid = UidOf(argv[1]);
  if (!uid) {
    std::fprintf(stderr, "%s\n", uid.error().ToString().c_str());
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts
  std::stop_source stop;
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    stop.request_stop();
  });
  HelloAdapter adapter(argv[1], *uid);
  sdk::AdapterOptions options;
  options.state_directory = argv[2];
  options.enroll_file = argv[3];
  options.adapter_type = "hello";
  const int code = sdk::RunAdapter(adapter, options, stop.get_token());
  pthread_kill(waiter.native_handle(), SIGTERM);  // when RunAdapter ended by itself
  waiter.join();
  return code;
}
// [main]
