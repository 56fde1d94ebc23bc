#pragma once

#include <string>

namespace meshplay::cli {

/// While this lives, Ctrl-C prints `message` on stderr and ends the process with 130. One at a time.
class OnInterrupt {
 public:
  explicit OnInterrupt(const std::string& message);
  ~OnInterrupt();
  OnInterrupt(const OnInterrupt&) = delete;
  OnInterrupt& operator=(const OnInterrupt&) = delete;
};

}  // namespace meshplay::cli
