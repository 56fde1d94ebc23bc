#include "server/hub/internal/strand.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <vector>

using namespace meshplay;
using namespace meshplay::hub;

TEST_CASE("tasks of a strand run in order and never two at once", "[hub]") {
  BoundedPool pool("test", 4, 10'000);
  const auto strand = std::make_shared<Strand>(pool);
  std::vector<int> order;
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};

  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(strand->Post([&, i] {
      if (inside.fetch_add(1) != 0) overlapped = true;
      order.push_back(i);
      inside.fetch_sub(1);
    }));
  }
  pool.Drain();

  CHECK_FALSE(overlapped);
  REQUIRE(order.size() == 1'000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a strand says when the pool takes no more, and can run the last task itself", "[hub]") {
  BoundedPool pool("test", 1, 10);
  const auto strand = std::make_shared<Strand>(pool);
  pool.Drain();
  bool ran = false;

  CHECK_FALSE(strand->Post([] {}));
  strand->PostOrRun([&] { ran = true; });

  CHECK(ran);
}
