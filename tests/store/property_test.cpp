#include <random>
#include <sstream>

#include "server/store/internal/rules.h"
#include "server/store/operation_states.h"
#include "server/store/sqlite/columns_inventory.h"
#include "server/store/sqlite/rows.h"
#include "tests/store/backend.h"

// Random units of work drive both backends; every answer and the whole content must agree.

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;

namespace {

/// Writes every column of a row as text.
struct Dumper {
  std::ostringstream& out;
  template <class Field>
  void operator()(const char* column, const Field& field) {
    out << column << '=';
    if constexpr (std::is_same_v<Field, std::string>) {
      out << field;
    } else if constexpr (std::is_same_v<Field, std::vector<std::string>>) {
      out << sqlite::TextsToJson(field);
    } else if constexpr (std::is_same_v<Field, OperationTraits>) {
      out << sqlite::TraitsToJson(field);
    } else if constexpr (std::is_same_v<Field, std::chrono::milliseconds>) {
      out << field.count();
    } else {
      out << static_cast<std::int64_t>(field);
    }
    out << ' ';
  }
  void Blob(const char* column, const std::string& bytes) { (*this)(column, bytes); }
};

class Transcript {
 public:
  template <class Row>
  void AddRow(const Row& row) {
    if constexpr (requires(Dumper & d) { sqlite::Columns(d, row); }) {
      Dumper dumper{out_};
      sqlite::Columns(dumper, row);
      if constexpr (std::is_same_v<Row, TargetRecord>) out_ << "locked_by=" << row.locked_by;
    } else if constexpr (requires { row.index; }) {
      out_ << row.index << row.name << row.state;
    } else if constexpr (requires { row.summary; }) {
      out_ << row.code << row.summary;
    } else if constexpr (requires { row.second.action; }) {
      out_ << row.first << row.second.name << row.second.ok;
    } else if constexpr (requires { row.second; }) {
      out_ << static_cast<int>(row.first) << ':' << row.second;
    } else if constexpr (requires { row.oldest; }) {
      out_ << row.oldest << ".." << row.newest;
    } else {
      out_ << row;
    }
    out_ << '\n';
  }
  template <class T>
  void Add(const char* what, const Result<T>& result) {
    out_ << what << ": ";
    if (!result) {
      out_ << result.error().reason();
      for (const auto& [key, value] : result.error().metadata()) out_ << ' ' << key << '=' << value;
      out_ << '\n';
      return;
    }
    if constexpr (std::is_void_v<T>) {
      out_ << "ok\n";
    } else if constexpr (requires { result->has_value(); }) {
      result->has_value() ? AddRow(**result) : void(out_ << "none\n");
    } else if constexpr (requires {
                           result->begin();
                           result->front().data();
                         }) {
      out_ << *result;
    } else if constexpr (requires { result->begin(); }) {
      out_ << result->size() << '\n';
      for (const auto& row : *result) AddRow(row);
    } else {
      AddRow(*result);
    }
  }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  unsigned operator()() { return static_cast<unsigned>(engine_()); }

 private:
  std::mt19937 engine_;
};

std::string Pick(Random& random, const char* prefix, unsigned count) {
  return prefix + std::to_string(random() % count);
}

OperationRecord RandomOperation(Random& random) {
  OperationRecord row = SampleOperation(Pick(random, "op-", 12));
  // Mostly waiting ones, which the scheduler's queries choose from.
  row.state = random() % 3 != 0 ? OperationState::kQueued : static_cast<OperationState>(1 + random() % 12);
  row.kind = random() % 2 == 0 ? TaskKind::kApply : static_cast<TaskKind>(1 + random() % 6);
  row.type = Pick(random, "type-", 3);
  row.target_id = Pick(random, "t-", 5);
  row.cluster_id = Pick(random, "c-", 2);
  row.priority = random() % 3;
  row.not_before_unix_ms = static_cast<UnixMs>(random() % 40);
  row.queue_deadline_unix_ms = random() % 3 == 0 ? 30 : 0;
  row.deadline_unix_ms = random() % 3 == 0 ? 40 : 0;
  row.updated_unix_ms = static_cast<UnixMs>(random() % 50);
  row.traits.cluster_wide = random() % 3 == 0;
  row.progress_text = Pick(random, "text ", 100);
  return row;
}

TargetRecord RandomTarget(Random& random) {
  const unsigned number = random() % 5;
  TargetRecord row = SampleTarget("t-" + std::to_string(number), number == 0 ? "*" : "mesh-" + std::to_string(number));
  // The scope follows from the id, as it does for real targets.
  row.cluster_id = number < 3 ? "c-0" : "c-1";
  row.cluster_uid = number < 3 ? "u-0" : "u-1";
  row.fence = random() % 9;
  row.quarantined_by = random() % 4 == 0 ? Pick(random, "op-", 12) : "";
  return row;
}

ObjectRecord RandomObject(Random& random) {
  ObjectRecord row;
  row.id = Pick(random, "o-", 15);
  row.tenant = "default";
  row.adapter_id = Pick(random, "a-", 2);
  row.cluster_id = Pick(random, "c-", 2);
  row.cluster_uid = Pick(random, "u-", 2);
  row.api_version = "v1";
  row.kind = Pick(random, "Kind", 2);
  row.name = Pick(random, "name-", 20);
  row.epoch = random() % 3;
  row.stale = random() % 2 == 0;
  row.body_json = "{}";
  return row;
}

EventRecord RandomEvent(Random& random) {
  EventRecord event = SampleEvent(Pick(random, "operation/", 4), Pick(random, "operation.k", 3));
  event.time_unix_ms = static_cast<UnixMs>(random() % 50);
  return event;
}

Status UpdateSomething(Transaction& tx, Random& random, Transcript& log) {
  OperationRecord change = RandomOperation(random);
  MP_TRY(const std::optional<OperationRecord> stored, tx.FindOperation("", change.id));
  change.version = stored ? stored->version : 1;
  if (random() % 6 == 0) ++change.version;
  const Status done = tx.UpdateOperation(change);
  log.Add("update", done);
  log.Add("version", Result<std::uint64_t>(change.version));
  return {};
}

Status WriteSomething(Transaction& tx, Random& random, Transcript& log) {
  const std::string operation = Pick(random, "op-", 12);
  const std::string target = Pick(random, "t-", 5);
  const auto attempt = random() % 3;
  switch (random() % 22) {
    case 0:
    case 1:
      log.Add("insert", tx.InsertOperation(RandomOperation(random)));
      return {};
    case 2:
    case 3:
      return UpdateSomething(tx, random, log);
    case 4: {
      AttemptRecord row;
      row.operation_id = operation;
      row.number = attempt;
      row.fence = random();
      log.Add("attempt", tx.PutAttempt(row));
      return {};
    }
    case 5:
      log.Add("steps",
              tx.PutSteps(operation, attempt, {{0, "a", "", "DONE", "", 1, 2}, {attempt, "b", "", "X", "", 1, 2}}));
      return {};
    case 6:
      log.Add("outcomes",
              tx.AddOutcomes(operation, attempt, {{"v1", "K", "ns", Pick(random, "n", 9), "NOOP", true, "", "", ""}}));
      return {};
    case 7:
      log.Add("diagnostics",
              tx.AddDiagnostics(operation, attempt, {{"INFO", Pick(random, "C", 9), "s", "", "", "", ""}}));
      return {};
    case 8:
      log.Add("plan", tx.PutPlan({Pick(random, "d-", 3), operation, "{}"}));
      return {};
    case 9:
      log.Add("key", tx.PutIdempotency(
                         {"default", "p", Pick(random, "k", 5), "f", operation, static_cast<UnixMs>(random() % 50)}));
      return {};
    case 10:
    case 11:
      log.Add("target", tx.PutTarget(RandomTarget(random)));
      return {};
    case 12:
    case 13:
      log.Add("lock", tx.Lock(target, operation));
      return {};
    case 14:
      log.Add("unlock", tx.Unlock(target, operation));
      return {};
    case 15:
      log.Add("hold",
              random() % 2 == 0 ? tx.PutHold({"target/" + target, "R", "", 1}) : tx.DeleteHold("target/" + target));
      return {};
    case 16:
    case 17:
      log.Add("event", tx.AddEvent(RandomEvent(random)));
      return {};
    case 18: {
      AuditRecord row;
      row.principal = Pick(random, "p", 3);
      row.time_unix_ms = static_cast<UnixMs>(random() % 50);
      log.Add("audit", tx.AddAudit(row));
      return {};
    }
    case 19:
      log.Add("object", tx.PutObject(RandomObject(random)));
      return {};
    case 20:
      if (random() % 3 == 0) {
        log.Add("cluster gone", tx.DeleteCluster("default", Pick(random, "c-", 2)));
      } else if (random() % 2 == 0) {
        log.Add("sweep", tx.SweepObjects("a-0", "u-0", {{"v1", "Kind0"}, {"v1", "Kind1"}}, random() % 3,
                                         random() % 2 == 0 ? "" : "1"));
      } else {
        log.Add("stale", tx.MarkObjectsStale("a-1", random() % 2 == 0 ? "" : "u-1", random() % 2 == 0));
      }
      return {};
    default: {
      const auto before = static_cast<UnixMs>(random() % 30);
      log.Add("expired", tx.DeleteExpired(before, 2 * before, before, before, 1 + random() % 4));
      return {};
    }
  }
}

Status ReadEverything(Reader& r, Random& random, Transcript& log) {
  const auto now = static_cast<UnixMs>(random() % 60);
  log.Add("operations", r.ListOperations({.limit = 100}));
  log.Add("filtered", r.ListOperations({.states = {OperationState::kQueued, OperationState::kBackoff},
                                        .type = Pick(random, "type-", 3),
                                        .before_id = Pick(random, "op-", 12),
                                        .limit = 3}));
  log.Add("active", r.ListActiveOperations());
  log.Add("dispatchable", r.ListDispatchable(now, 1 + random() % 12));
  log.Add("timed out", r.ListTimedOut(now, 1 + random() % 12));
  log.Add("timer", r.NextTimer(now));
  log.Add("counts", r.CountOperations());
  for (int i = 0; i < 12; ++i) {
    const std::string id = "op-" + std::to_string(i);
    log.Add("attempts", r.ListAttempts(id));
    log.Add("steps", r.ListSteps(id, 1));
    log.Add("outcomes", r.ListOutcomes(id, random() % 3, 5));
    log.Add("diagnostics", r.ListDiagnostics(id, 0, 3));
    log.Add("plan", r.FindPlanOfOperation(id));
  }
  log.Add("plan", r.FindPlan(Pick(random, "d-", 3)));
  log.Add("key", r.FindIdempotency("default", "p", Pick(random, "k", 5)));
  log.Add("targets", r.ListTargets("default", "", "", 100));
  log.Add("holds", r.ListHolds());
  log.Add("events", r.ListEvents({.after_seq = random() % 20, .limit = 500}));
  log.Add("events of one", r.ListEvents({.subject = Pick(random, "operation/", 4), .kind = "operation.", .limit = 7}));
  log.Add("horizon", r.Horizon());
  log.Add("audit", r.ListAudit({.principal = Pick(random, "p", 3), .limit = 100}));
  log.Add("objects", r.ListObjects({.name_contains = "1", .limit = 100}));
  log.Add("objects of a kind", r.ListObjects({.cluster_id = "c-1", .kind = "Kind1", .after_id = "o-1", .limit = 4}));
  return {};
}

/// One random unit against one store; the same seed does the same.
std::string RunUnit(Store& store, unsigned seed) {
  Random random(seed);
  Transcript log;
  const unsigned steps = 1 + random() % 5;
  const bool fails = random() % 6 == 0;
  log.Add("unit", store.Write([&](Transaction& tx) -> Status {
    for (unsigned i = 0; i < steps; ++i) MP_CHECK(WriteSomething(tx, random, log));
    if (fails) return Internal("ON_PURPOSE", "fails");
    return {};
  }));
  log.Add("read", store.Read([&](Reader& reader) { return ReadEverything(reader, random, log); }));
  log.Add("newest", Result<std::uint64_t>(store.NewestEventSeq()));
  return log.text();
}

}  // namespace

TEST_CASE("the model and the database answer every random history alike") {
  for (unsigned history = 0; history < 12; ++history) {
    Backend model("memory");
    Backend database("sqlite");
    for (unsigned unit = 0; unit < 150; ++unit) {
      const unsigned seed = history * 1'000 + unit;
      const std::string expected = RunUnit(model.store(), seed);
      const std::string found = RunUnit(database.store(), seed);
      INFO("history " << history << ", unit " << unit);
      REQUIRE(found == expected);
    }
  }
}

TEST_CASE("random triggers move an operation in the store only along the table") {
  Backend backend(AnyBackend());
  Random random(7);
  OperationRecord row = SampleOperation("op-1");
  row.state = OperationState::kQueued;
  backend.Write([&](Transaction& tx) { Take(tx.InsertOperation(row)); });
  row.version = 1;
  int moved = 0;
  for (int i = 0; i < 400; ++i) {
    OperationRecord change = row;
    change.state = static_cast<OperationState>(random() % 13);
    const Status done = backend.store().Write([&](Transaction& tx) { return tx.UpdateOperation(change); });
    CHECK(done.has_value() == IsTransition(row.state, change.state));
    if (!done) continue;
    ++moved;
    row = change;
    if (!IsFinal(row.state)) continue;
    row = SampleOperation("op-" + std::to_string(i + 2));
    row.state = OperationState::kQueued;
    backend.Write([&](Transaction& tx) { Take(tx.InsertOperation(row)); });
    row.version = 1;
  }
  CHECK(moved > 50);
}
