#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "adapters/sdk/adapter.h"
#include "adapters/translate/emitter.h"

namespace meshplay::serve {

namespace pb = meshplay::adapter::v1;

inline constexpr const char* kTranslateQuery = "smi.translate";
inline constexpr std::size_t kMaxAnswerBytes = 1536 * 1024;  ///< A frame of the hub holds 2 MiB.

/// The query of the manifest.
pb::OperationDescriptor TranslateDescriptor();

/// Answers the query `smi.translate`: {documents, namespace, options, mesh_version, form} in, {level, objects, reports}
/// out. `documents` is YAML: SMI objects and the manifests of the cluster that is assumed. `emitters.front()` is the
/// mesh's own form; `form` names another one. What cannot be used fails with the reason of ParseYaml, of the emitter's
/// options, or PARAMETERS_INVALID; a translation larger than kMaxAnswerBytes with ANSWER_TOO_LARGE.
/// Threads: any; pure.
pb::TaskResult AnswerTranslate(const std::vector<translate::TranslateEmitter>& emitters,
                               const std::string& parameters_json);

}  // namespace meshplay::serve
