#include "tests/integration/metrics/answers.h"

#include <catch2/catch.hpp>

namespace meshplay::test {

double ValueOf(const Json& item, const std::string& name) {
  for (const Json& metric : item.at("metrics")) {
    if (metric.at("name") != name) continue;
    const std::string text = metric.at("value");
    return text.ends_with('m') ? std::stod(text) / 1000 : std::stod(text);
  }
  FAIL("no metric " + name);
  return 0;
}

void CheckCounts(const Json& item, double successes, double failures) {
  INFO(item.dump(1));
  const double most = 1.3;
  CHECK(ValueOf(item, "success_count") >= successes - 0.001);
  CHECK(ValueOf(item, "success_count") <= successes * most);
  CHECK(ValueOf(item, "failure_count") >= failures - 0.001);
  CHECK(ValueOf(item, "failure_count") <= failures * most);
}

std::string NameOf(const Json& item) {
  return item.at("resource").value("namespace", "") + "/" + item.at("resource").at("name").get<std::string>();
}
std::string EdgeOf(const Json& item) {
  const Json& peer = item.at("edge").at("resource");
  return item.at("edge").at("direction").get<std::string>() + " " + peer.value("namespace", "") + "/" +
         peer.at("name").get<std::string>();
}
Texts All(const Json& list, std::string (*text)(const Json&)) {
  Texts all;
  for (const Json& item : list.at("items")) all.push_back(text(item));
  return all;
}

}  // namespace meshplay::test
