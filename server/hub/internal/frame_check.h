#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

#include "libs/base/result.h"

namespace meshplay::hub {

/// The size limits of the protocol (adapter.proto, SIZE LIMITS), for every message by reflection.
/// Errors: kInvalidArgument FRAME_TOO_LARGE (the whole), FRAME_INVALID (one field, with a pointer).
Status CheckFrame(const google::protobuf::Message& frame, std::uint32_t max_bytes);

/// Name of the set member of the oneof "body"; "field:<n>" for one this server does not know, "" for none at all.
std::string BodyName(const google::protobuf::Message& frame);

}  // namespace meshplay::hub
