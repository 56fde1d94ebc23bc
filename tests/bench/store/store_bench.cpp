// bench_store [folder] [seconds]: how the rate of commits grows with the number of threads that wait for them, on the
// disk of `folder` (default: the temporary folder). Group commit is what the ratios show.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"

using namespace meshplay;
using namespace meshplay::store;
using Moment = std::chrono::steady_clock;

namespace {

struct Rate {
  double per_second = 0;
  double median_ms = 0;
  double p99_ms = 0;
};

Status WriteOne(Store& store) {
  OperationRecord row;
  row.id = NewUuidV7();
  row.tenant = "default";
  row.state = OperationState::kAwaitingApproval;
  row.parameters_json = std::string(1'024, 'p');
  EventRecord event;
  event.subject = "operation/" + row.id;
  event.kind = "operation.queued";
  return store.Write([&](Transaction& tx) -> Status {
    MP_CHECK(tx.InsertOperation(row));
    MP_CHECK(tx.AddEvent(event));
    return {};
  });
}

Rate Measure(Store& store, int threads, std::chrono::milliseconds length) {
  std::vector<std::vector<double>> waits(static_cast<std::size_t>(threads));
  std::vector<std::thread> workers;
  const auto start = Moment::now();
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      while (Moment::now() - start < length) {
        const auto before = Moment::now();
        if (!WriteOne(store)) return;
        waits[static_cast<std::size_t>(t)].push_back(
            std::chrono::duration<double, std::milli>(Moment::now() - before).count());
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  const double seconds = std::chrono::duration<double>(Moment::now() - start).count();
  std::vector<double> all;
  for (const auto& part : waits) all.insert(all.end(), part.begin(), part.end());
  if (all.empty()) return {};
  std::sort(all.begin(), all.end());
  return {static_cast<double>(all.size()) / seconds, all[all.size() / 2], all[all.size() * 99 / 100]};
}

void Compare(const char* name, Store& store, std::chrono::milliseconds length) {
  const Rate single = Measure(store, 1, length);
  for (const int threads : {1, 4, 16, 64}) {
    const Rate rate = threads == 1 ? single : Measure(store, threads, length);
    std::printf("%-22s %3d waiting  %9.0f/s  x%-5.1f  p50 %6.2f ms  p99 %6.2f ms\n", name, threads, rate.per_second,
                single.per_second > 0 ? rate.per_second / single.per_second : 0, rate.median_ms, rate.p99_ms);
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto folder = TemporaryDirectory::Create("meshplay-bench");
  if (!folder) return 1;
  SqliteOptions options;
  options.path = (argc > 1 ? std::string(argv[1]) : folder->path()) + "/bench.db";
  const std::chrono::milliseconds length(argc > 2 ? 1'000 * std::atoi(argv[2]) : 2'000);

  const auto memory = NewMemoryStore();
  Compare("memory", *memory, length);
  for (const bool durable : {true, false}) {
    options.durable = durable;
    auto store = OpenSqliteStore(options);
    if (!store) {
      std::fprintf(stderr, "%s\n", store.error().ToString().c_str());
      return 1;
    }
    Compare(durable ? "sqlite, synchronous=FULL" : "sqlite, synchronous=OFF", **store, length);
  }
  return 0;
}
