#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshplay::test {

/// An object with what it came from.
struct Made {
  std::string name;
  nlohmann::json object;
};

/// What a mesh's own validation says of objects (tests/cluster/judges): "error: ..." and "warning: ..." with the name
/// and the object. It judges them all in one process. The test fails when it cannot.
std::vector<std::string> Judge(const std::string& mesh, const std::vector<Made>& objects);

}  // namespace meshplay::test
