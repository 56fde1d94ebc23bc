#include "server/services/remediation.h"

#include <algorithm>
#include <map>

namespace meshplay::services {
namespace {

std::map<std::string, std::string, std::less<>> ReadTable() {
  constexpr std::string_view kBar = " | ";
  std::map<std::string, std::string, std::less<>> table;
  std::string_view rest = ReasonsText();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t reason = line.find(kBar);
    const std::size_t code = reason == line.npos ? reason : line.find(kBar, reason + kBar.size());
    const std::size_t meaning = code == line.npos ? code : line.find(kBar, code + kBar.size());
    if (meaning == line.npos) continue;
    std::string advice(line.substr(meaning + kBar.size()));
    if (!advice.empty() && advice.front() >= 'a' && advice.front() <= 'z') {
      advice.front() = static_cast<char>(advice.front() - 'a' + 'A');
    }
    if (!advice.empty() && advice.back() != '.') advice += '.';
    table.emplace(line.substr(0, reason), std::move(advice));
  }
  return table;
}

}  // namespace

std::string RemediationOf(const std::string& reason) {
  static const auto table = ReadTable();
  const auto found = table.find(reason);
  return found == table.end() ? std::string() : found->second;
}

std::string RemediationOf(const Error& error) {
  return error.remediation().empty() ? RemediationOf(error.reason()) : error.remediation();
}

}  // namespace meshplay::services
