// bench_rest URL TOKEN [connections] [seconds] [body]: rate and latency of one REST call on a running server over kept
// connections. Without a body: GET /v1/clusters. With one: POST /v1/operations with that body.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libs/http/client.h"

using namespace meshplay;
using Moment = std::chrono::steady_clock;

namespace {

struct Counts {
  std::mutex mutex;
  std::vector<double> milliseconds;
  std::map<int, std::size_t> statuses;
};

void Work(const http::Request& request, Moment::time_point end, Counts& counts) {
  auto client = http::Client::Create();
  if (!client) return;
  std::vector<double> waits;
  std::map<int, std::size_t> statuses;
  while (Moment::now() < end) {
    const auto before = Moment::now();
    const auto answer = (*client)->Send(request);
    statuses[answer ? answer->status : 0] += 1;
    waits.push_back(std::chrono::duration<double, std::milli>(Moment::now() - before).count());
  }
  const std::lock_guard lock(counts.mutex);
  counts.milliseconds.insert(counts.milliseconds.end(), waits.begin(), waits.end());
  for (const auto& [status, count] : statuses) counts.statuses[status] += count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_rest URL TOKEN [connections] [seconds] [body]\n");
    return 2;
  }
  const int connections = argc > 3 ? std::atoi(argv[3]) : 8;
  const std::chrono::seconds length(argc > 4 ? std::atoi(argv[4]) : 5);
  http::Request request;
  request.url = std::string(argv[1]) + (argc > 5 ? "/v1/operations" : "/v1/clusters");
  request.headers = {{"Authorization", std::string("Bearer ") + argv[2]}};
  if (argc > 5) {
    request.method = http::Method::kPost;
    request.body = argv[5];
    request.headers.push_back({"Content-Type", "application/json"});
  }
  Counts counts;
  std::vector<std::thread> threads;
  const auto start = Moment::now();
  for (int i = 0; i < connections; ++i) threads.emplace_back([&] { Work(request, start + length, counts); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Moment::now() - start).count();
  std::vector<double>& all = counts.milliseconds;
  if (all.empty()) return 1;
  std::sort(all.begin(), all.end());
  std::printf("%d connections: %.0f requests/s, p50 %.2f ms, p99 %.2f ms;", connections,
              static_cast<double>(all.size()) / seconds, all[all.size() / 2], all[all.size() * 99 / 100]);
  for (const auto& [status, count] : counts.statuses) std::printf(" status %d: %zu", status, count);
  std::printf("\n");
  return 0;
}
