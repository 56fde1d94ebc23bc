#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "adapters/controller/reconcile.h"
#include "adapters/kube/client.h"

/// Taking back what the controller put on SMI objects of people. Threads: any; they block.
namespace meshplay::controller {

/// Every SMI object of the cluster, in the version that the server prefers. Errors: those of the client.
Result<StoredObjects> ListSmiObjects(kube::Client& client, const kube::Call& call);

/// What is to be patched at one SMI object.
struct Release {
  kube::ObjectRef ref;
  nlohmann::json before;        ///< As stored.
  nlohmann::json patch;         ///< Finalizer and annotation; null: nothing.
  nlohmann::json status_patch;  ///< Null: nothing.
};
/// What our finalizer, annotation and status make necessary, for the objects that have any of them. Pure.
std::vector<Release> ReleasesOf(const StoredObjects& smi_objects);

/// Runs one write in the time it is given, or says why not.
using WriteFunction = std::function<Status(const std::function<Status(std::chrono::milliseconds)>&)>;

/// Removes our finalizer wherever it is. Errors: those of the client and of `write`.
Status ReleaseFinalizers(kube::Client& client, const WriteFunction& write, const kube::Call& call);

}  // namespace meshplay::controller
