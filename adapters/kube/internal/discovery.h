#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/kube/internal/transport.h"

namespace meshplay::kube {

/// Every served resource, in the server's order of groups and versions (the first version of a group is preferred).
struct ServedResources {
  std::vector<ResourceType> types;
  std::vector<std::string> stale_groups;  ///< "group/version" whose aggregated server does not answer.
};

// Readers of the three forms of discovery documents. Pure; entries that make no sense are left out.
void ReadAggregated(const nlohmann::json& document, ServedResources& out);                    ///< APIGroupDiscoveryList
void ReadResourceList(const nlohmann::json& document, bool preferred, ServedResources& out);  ///< APIResourceList

/// The cache of what one API server serves. Threads: any; one fetch at a time.
class Discovery {
 public:
  explicit Discovery(Transport& transport) : transport_(transport) {}
  Result<std::shared_ptr<const ServedResources>> Served(const Budget& budget);
  /// Fetches unless the cache is newer than `known`, which is what the caller has already looked at.
  Result<std::shared_ptr<const ServedResources>> Fresher(const std::shared_ptr<const ServedResources>& known,
                                                         const Budget& budget);
  void Drop();

 private:
  Result<std::shared_ptr<const ServedResources>> Fetch(const Budget& budget);
  Status FetchRoot(const std::string& path, ServedResources& out, const Budget& budget);
  Status FetchGroupVersion(const std::string& group, const std::string& version, bool preferred, ServedResources& out,
                           const Budget& budget);

  Transport& transport_;
  std::mutex mutex_;
  std::condition_variable_any fetch_ended_;
  bool fetching_ = false;                         // GUARDED_BY(mutex_)
  std::shared_ptr<const ServedResources> cache_;  // GUARDED_BY(mutex_)
};

}  // namespace meshplay::kube
