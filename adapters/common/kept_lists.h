#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/kube/reflector.h"

namespace meshplay::common {

struct KeptListsOptions {
  std::vector<kube::Gvk> always;
  /// Kinds of custom resources: watched while a CustomResourceDefinition of the group and kind serves the version.
  std::vector<kube::Gvk> when_defined;
  /// Cuts an object down to what is needed, before it is kept. May be empty.
  std::function<void(nlohmann::json& object)> trim;
  std::chrono::milliseconds quiet{150};  ///< Changes that come this close together are told together.
  /// A change of any definition wakes the reader too, as kind CustomResourceDefinition; else only what it makes appear.
  bool tell_definitions = false;
};

/// Lists of many kinds of one cluster, kept true by one reflector a kind, for a reader that looks when something
/// changed. Definitions may come and go: their kinds are then watched, or empty.
///
/// Threads:   one reader thread calls WaitForChange and Objects; the reflectors have threads of their own.
/// Ownership: keeps a reference to `client`, which must outlive it.
class KeptLists {
 public:
  /// Objects by "namespace/name".
  using List = std::map<std::string, std::shared_ptr<const nlohmann::json>>;

  KeptLists(kube::Client& client, KeptListsOptions options);
  ~KeptLists();
  KeptLists(const KeptLists&) = delete;
  KeptLists& operator=(const KeptLists&) = delete;

  /// Waits until something changed after everything had been listed once. Returns the kinds that changed; empty when
  /// `stop` was requested.
  std::set<kube::Gvk> WaitForChange(const std::stop_token& stop);
  /// The same for at most `at_most`; empty also when that is over. Complete() tells whether everything was listed.
  std::set<kube::Gvk> WaitForChange(const std::stop_token& stop, std::chrono::milliseconds at_most);
  /// True once everything has been listed and WaitForChange has said so.
  bool Complete() const;
  /// True while the list was told by the server: not before the first list, and not when the kind is not served.
  bool Listed(const kube::Gvk& gvk) const;
  /// The list as it is now; empty when it is not Listed.
  List Objects(const kube::Gvk& gvk) const;

 private:
  struct Shared;
  std::set<kube::Gvk> WaitUntil(const std::stop_token& stop, std::chrono::steady_clock::time_point end);
  void Watch(const kube::Gvk& gvk);
  void FollowDefinitions();

  kube::Client& client_;
  const KeptListsOptions options_;
  const std::shared_ptr<Shared> shared_;
  std::map<kube::Gvk, std::unique_ptr<kube::Reflector>> reflectors_;
};

}  // namespace meshplay::common
