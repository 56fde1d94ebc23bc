#pragma once

#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace meshplay::testing {

/// Replaces, drops and copies values at random places of a document.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  void Mutate(nlohmann::json& value) {
    if (value.is_structured() && !value.empty() && Below(5) != 0) {
      auto it = value.begin();
      std::advance(it, Below(static_cast<int>(value.size())));
      if (Below(8) == 0) {
        value.erase(it);
      } else if (value.is_array() && Below(8) == 0) {
        value.push_back(*it);
      } else {
        Mutate(*it);
      }
      return;
    }
    value = Value();
  }

  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

 private:
  nlohmann::json Value() {
    switch (Below(12)) {
      case 0:
        return nullptr;
      case 1:
        return nlohmann::json::array();
      case 2:
        return nlohmann::json::object();
      case 3:
        return -1;
      case 4:
        return 18446744073709551615ULL;
      case 5:
        return 1e300;
      case 6:
        return "*";
      case 7:
        return "";
      case 8:
        return std::string(5000, '(');
      case 9:
        return "a.b.c/../{*}";
      case 10:
        return true;
      default:
        return nlohmann::json::array({"x", 1, nullptr});
    }
  }

  std::mt19937 random_;
};

}  // namespace meshplay::testing
