#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/client.h"

namespace meshplay::conformance {

inline constexpr char kRunLabel[] = "meshplay.dev/conformance-run";  ///< On scratch namespaces: the operation's id.
inline constexpr char kExpiresAnnotation[] = "meshplay.dev/conformance-expires";  ///< Unix seconds.
inline constexpr char kHolderAnnotation[] = "meshplay.dev/conformance-holder";    ///< Holder::name
inline constexpr char kProcessAnnotation[] = "meshplay.dev/conformance-process";  ///< Holder::process

/// Who made a scratch namespace: a place where one process runs at a time, and that process.
struct Holder {
  std::string name;
  std::string process;
};

/// The holder of this process; `place` is its state directory.
Holder ThisHolder(const std::string& place);

struct ScratchOptions {
  std::string run_id;
  std::uint32_t attempt = 1;
  std::string mesh_type;
  Holder holder;
  std::chrono::seconds lifetime{3'600};
};

/// Names of the two namespaces of one attempt: a later attempt never waits for an earlier one's.
std::string ScratchName(const ScratchOptions& options, const char* part);
nlohmann::json ScratchNamespace(const ScratchOptions& options, const std::string& name, const nlohmann::json& labels,
                                const nlohmann::json& annotations);

/// Asks for the deletion of scratch namespaces that nobody will remove any more: those of `run_id`, those that another
/// process of the same holder made (it is dead), and those past their time. Never touches another mesh type's.
/// Returns the names. Errors: those of the client.
Result<std::vector<std::string>> SweepScratch(kube::Client& client, const std::string& mesh_type, const Holder& holder,
                                              const std::string& run_id, const kube::Call& call);

/// Removes these namespaces and waits until they are gone. Errors: kFailedPrecondition SCRATCH_NOT_REMOVED.
Status RemoveScratch(kube::Client& client, const std::vector<std::string>& names, std::chrono::milliseconds wait);

}  // namespace meshplay::conformance
