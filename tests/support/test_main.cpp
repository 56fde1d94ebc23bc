// The main function of every Catch2 executable. Catch's own returns the number of failed assertions, which could be the
// exit code that means "skipped"; here a failure is always 1.
#define CATCH_CONFIG_RUNNER
#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/support/skip.h"

namespace meshplay::test {
namespace {

constexpr int kFailed = 1;
constexpr int kSkipped = 4;
std::atomic<int> skips{0};

}  // namespace

void Skip(const std::string& reason) {
  ++skips;
  std::cout << "SKIPPED: " << reason << std::endl;
}

}  // namespace meshplay::test

int main(int argc, char* argv[]) {
  const int result = Catch::Session().run(argc, argv);
  if (result != 0) return meshplay::test::kFailed;
  return meshplay::test::skips > 0 ? meshplay::test::kSkipped : 0;
}
