// The main function of every Catch2 executable. Catch's own returns the number of failed assertions, which could be the
// exit code that means "skipped"; here a failure is always 1.
#define CATCH_CONFIG_RUNNER
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "tests/support/skip.h"
#include "tests/support/test_thread.h"

namespace meshplay::test {
namespace {

constexpr int kFailed = 1;
constexpr int kSkipped = 4;
std::atomic<int> skips{0};
thread_local int lent = 0;

/// An assertion on another thread corrupts memory now and then; so it ends the test always.
class OneThread : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    TestEventListenerBase::testCaseStarting(info);
    thread_ = std::this_thread::get_id();
  }
  void assertionStarting(const Catch::AssertionInfo& info) override {
    if (lent > 0 || std::this_thread::get_id() == thread_) return;
    std::cerr << info.lineInfo.file << ":" << info.lineInfo.line << ": " << info.macroName
              << " on a thread that is not the test's: carry the result over and assert there" << std::endl;
    std::abort();
  }

 private:
  std::thread::id thread_;
};
CATCH_REGISTER_LISTENER(OneThread)

}  // namespace

LentToTest::LentToTest() {
  ++lent;
}
LentToTest::~LentToTest() {
  --lent;
}

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
