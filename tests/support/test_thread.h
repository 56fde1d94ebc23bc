#pragma once

namespace meshplay::test {

/// Catch2's assertions are not thread-safe, so one on a thread that is not the test's ends the executable with the
/// place of it. While an object of this class lives, its thread may assert: the test's own thread waits for it, as it
/// does for a unit of work on the store's writer.
class LentToTest {
 public:
  LentToTest();
  ~LentToTest();
  LentToTest(const LentToTest&) = delete;
  LentToTest& operator=(const LentToTest&) = delete;
};

}  // namespace meshplay::test
