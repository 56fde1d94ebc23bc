#pragma once

#include <string>
#include <utility>

namespace meshplay {

/// A value that must not be shown. It has no conversion to text and no comparison; Reveal() is the only way in and
/// easy to search for. The memory is wiped when it dies. Threads: as std::string.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret other) noexcept {  ///< Copies and moves; the old value is wiped with `other`.
    value_.swap(other.value_);
    return *this;
  }
  ~Secret();

  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

}  // namespace meshplay
