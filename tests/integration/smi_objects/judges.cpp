#include "tests/integration/smi_objects/judges.h"

#include <catch2/catch.hpp>

#include "tests/integration/smi_objects/definitions.h"

namespace meshplay::test {

using nlohmann::json;

std::vector<std::string> Judge(const std::string& mesh, const std::vector<Made>& objects) {
  const ProcessOutcome built = RunRig({"judge", mesh});
  INFO(built.stderr_text);
  REQUIRE(built.exit_code == 0);
  std::string input;
  for (const Made& made : objects) input += made.object.dump() + "\n";
  const ProcessOutcome outcome = RunProgram({built.stdout_text.substr(0, built.stdout_text.find('\n'))}, input);
  INFO(outcome.stderr_text);
  const json answer = json::parse(outcome.stdout_text, nullptr, false);
  REQUIRE(answer.is_object());
  REQUIRE(answer["judged"] == objects.size());
  std::vector<std::string> out;
  for (const json& finding : answer["findings"]) {
    const Made& made = objects.at(finding["line"].get<std::size_t>());
    out.push_back(std::string(finding["error"].get<bool>() ? "error: " : "warning: ") +
                  finding["text"].get<std::string>() + "\n" + made.name + "\n" + made.object.dump(1));
  }
  return out;
}

}  // namespace meshplay::test
