#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libs/smi/validate.h"

namespace meshplay::smi {

/// Collects findings of one validation and finds referenced objects.
class Checks {
 public:
  Checks(const DocumentSet& set, const FactsIndex* facts, const ValidateOptions& options);

  void Report(const Head& head, std::string code, Severity severity, std::string pointer, std::string message);
  void Error(const Head& head, std::string code, std::string pointer, std::string message) {
    Report(head, std::move(code), Severity::kError, std::move(pointer), std::move(message));
  }
  void Warn(const Head& head, std::string code, std::string pointer, std::string message) {
    Report(head, std::move(code), Severity::kWarning, std::move(pointer), std::move(message));
  }

  /// Reports a regular expression that RE2 does not take. All of them together are bounded too.
  void CheckExpression(const Head& head, const std::string& regex, const std::string& pointer);

  const HttpRouteGroup* FindGroup(const std::string& namespace_name, const std::string& name) const;
  bool HasPortRoute(const std::string& kind, const std::string& namespace_name, const std::string& name) const;
  bool HasBinding(const std::string& namespace_name, const std::string& name) const;

  const DocumentSet& set() const { return set_; }
  const FactsIndex* facts() const { return facts_; }
  const ValidateOptions& options() const { return options_; }
  std::vector<Finding>& findings() { return findings_; }

 private:
  using Name = std::pair<std::string, std::string>;
  const DocumentSet& set_;
  const FactsIndex* facts_;
  const ValidateOptions& options_;
  std::vector<Finding> findings_;
  std::size_t regexes_size_ = 0;
  std::map<Name, const HttpRouteGroup*> groups_;
  std::map<std::string, std::map<Name, bool>> others_;
};

// One function a kind.
void CheckTarget(Checks& checks, const TrafficTarget& target);
void CheckBinding(Checks& checks, const IdentityBinding& binding);
void CheckGroup(Checks& checks, const HttpRouteGroup& group);
void CheckPortRoute(Checks& checks, const PortRoute& route);
void CheckSplits(Checks& checks);

}  // namespace meshplay::smi
