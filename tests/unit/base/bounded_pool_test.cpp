#include "libs/base/bounded_pool.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <stdexcept>

namespace meshplay {

TEST_CASE("a full pool refuses tasks and draining runs what was taken") {
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<int> ran{0};
  BoundedPool pool("test", 1, 2);
  REQUIRE(pool.TryPost([&] {
    started.set_value();
    release.get_future().wait();
    ++ran;
  }));
  started.get_future().wait();
  CHECK(pool.TryPost([&] { ++ran; }));
  CHECK(pool.TryPost([&] { ++ran; }));
  CHECK_FALSE(pool.TryPost([&] { ran += 100; }));
  release.set_value();
  pool.Drain();
  CHECK(ran == 3);
  CHECK_FALSE(pool.TryPost([&] { ran += 100; }));
  pool.Drain();
  CHECK(ran == 3);
}

TEST_CASE("an exception out of a task does not end the pool") {
  std::atomic<int> ran{0};
  BoundedPool pool("test", 2, 10);
  REQUIRE(pool.TryPost([] { throw std::runtime_error("expected by a test"); }));
  REQUIRE(pool.TryPost([] { throw 1; }));
  REQUIRE(pool.TryPost([&] { ++ran; }));
  pool.Drain();
  CHECK(ran == 1);
}

}  // namespace meshplay
