#pragma once

#include <google/protobuf/message.h>

#include <cstddef>
#include <string>

#include "meshplay/adapter/v1/adapter.pb.h"

namespace meshplay::sdk {

/// The sizes of adapter.proto, kept on this side: a frame that breaks one would be refused for ever and its task would
/// never end.
inline constexpr std::size_t kMaxFrameBytes = 2 * 1024 * 1024;
inline constexpr std::size_t kMaxDocumentBytes = 1024 * 1024;

/// Cuts texts to their limit (at a character, with "...") and makes them valid UTF-8. Long `*_json` documents and bytes
/// are left alone.
void FitFrame(google::protobuf::Message& message);

/// As FitFrame, and makes a result that is too large small enough: first the bodies of a plan go, then the output; what
/// is still too large becomes RESULT_TOO_LARGE with true side effects.
void FitResult(meshplay::adapter::v1::TaskResult& result, bool past_barrier);

/// `text` cut to `limit` bytes and made valid UTF-8.
std::string FitText(const std::string& text, std::size_t limit);

}  // namespace meshplay::sdk
