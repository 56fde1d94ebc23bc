#pragma once

#include <string>

namespace meshplay::test {

/// Says that something cannot be tested here, and why. A test executable in which nothing failed and something was
/// skipped ends with exit code 4, which ctest and `./meshplay test` count as skipped. Return from the test case after
/// it.
void Skip(const std::string& reason);

}  // namespace meshplay::test
