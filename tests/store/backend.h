#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"
#include "server/store/store.h"
#include "tests/support/test_thread.h"

/// Stores of both backends, and short forms of what nearly every test does. Failures end the test with the error.
namespace meshplay::testing {

template <class T>
T Take(Result<T> result) {
  if (!result) FAIL(result.error().ToString());
  return std::move(*result);
}
inline void Take(Status status) {
  if (!status) FAIL(status.error().ToString());
}

/// A store with nothing in it. `kind` is "memory" or "sqlite".
class Backend {
 public:
  explicit Backend(const std::string& kind) : folder_(Take(TemporaryDirectory::Create("meshplay-store"))) {
    if (kind == "memory") {
      store_ = store::NewMemoryStore();
    } else {
      store::SqliteOptions options;
      options.path = folder_.path() + "/meshplay.db";
      options.reserve_bytes = 0;
      options.durable = false;
      store_ = Take(store::OpenSqliteStore(options));
    }
  }

  store::Store& store() { return *store_; }

  /// Commits one unit of work.
  template <class Work>
  void Write(Work work) {
    Take(store_->Write([&](store::Transaction& tx) -> Status {
      const test::LentToTest here;
      work(tx);
      return {};
    }));
  }
  /// What `read` returns for a snapshot.
  template <class Work>
  auto Read(Work read) {
    using Value = typename decltype(read(std::declval<store::Reader&>()))::value_type;
    Value value{};
    Take(store_->Read([&](store::Reader& reader) -> Status {
      const test::LentToTest here;
      value = Take(read(reader));
      return {};
    }));
    return value;
  }

 private:
  TemporaryDirectory folder_;
  std::unique_ptr<store::Store> store_;
};

inline std::string AnyBackend() {
  return GENERATE(as<std::string>{}, "memory", "sqlite");
}

/// An operation that is due, on target "t-1", with every field set to something.
inline store::OperationRecord SampleOperation(const std::string& id) {
  store::OperationRecord o;
  o.id = id;
  o.tenant = "default";
  o.kind = store::TaskKind::kApply;
  o.type = "istio.install";
  o.target_id = "t-1";
  o.cluster_id = "east";
  o.cluster_uid = "uid-east";
  o.mesh_type = "istio";
  o.mesh_id = "m-1";
  o.mesh_key = "default";
  o.namespace_name = "istio-system";
  o.control_plane_namespace = "istio-system";
  o.revision = "canary";
  o.parameters_json = R"({"version":"1.24.0"})";
  o.options_json = "{}";
  o.traits.idempotency = store::Idempotency::kNatural;
  o.traits.cancellation = store::Cancellation::kBetweenSteps;
  o.traits.lock = store::LockMode::kExclusive;
  o.traits.title = "Install \"Istio\"\nnow";
  o.traits.inverse_type = "istio.uninstall";
  o.traits.max_duration = std::chrono::minutes(10);
  o.traits.required_secrets = {"registry", "ca"};
  o.traits.sensitive_pointers = {"/password"};
  o.principal = "alice";
  o.reason = "test";
  o.origin = "rest";
  o.idempotency_key = id;
  o.adapter_id = "a-1";
  o.state = store::OperationState::kQueued;
  o.priority = 1;
  o.attempts = 1;
  o.last_attempt = 2;
  o.max_attempts = 5;
  o.cancel_requested = true;
  o.plan_digest = "sha256:1";
  o.side_effects = store::SideEffects::kPartial;
  o.progress_done = 3;
  o.progress_total = 7;
  o.progress_text = "halfway";
  o.result_json = R"({"output":{}})";
  o.error_json = R"({"code":13})";
  o.request_id = "r-1";
  o.created_unix_ms = 1'000;
  o.updated_unix_ms = 2'000;
  return o;
}

inline store::TargetRecord SampleTarget(const std::string& id, const std::string& mesh_type = "istio") {
  store::TargetRecord t;
  t.id = id;
  t.tenant = "default";
  t.cluster_id = "east";
  t.cluster_uid = "uid-east";
  t.mesh_type = mesh_type;
  t.adapter_id = "a-1";
  t.fence = 4;
  t.version = 1;
  t.created_unix_ms = 1'000;
  t.updated_unix_ms = 2'000;
  return t;
}

inline store::EventRecord SampleEvent(const std::string& subject, const std::string& kind = "operation.queued") {
  store::EventRecord e;
  e.tenant = "default";
  e.subject = subject;
  e.kind = kind;
  e.body_json = R"({"state":"QUEUED"})";
  e.time_unix_ms = 1'000;
  return e;
}

/// The ids of rows, for short comparisons.
template <class Row>
std::vector<std::string> Ids(const std::vector<Row>& rows) {
  std::vector<std::string> ids;
  for (const Row& row : rows) ids.push_back(row.id);
  return ids;
}

}  // namespace meshplay::testing
