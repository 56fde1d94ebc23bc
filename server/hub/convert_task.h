#pragma once

#include "libs/base/result.h"
#include "meshplay/adapter/v1/adapter.pb.h"
#include "server/engine/task.h"

/// Between the wire and the engine's words. An unknown enum value becomes the unspecified one; times that the wire
/// leaves out are zero. Pure functions; any thread.
namespace meshplay::hub {

namespace pb = meshplay::adapter::v1;

std::chrono::milliseconds FromProto(const google::protobuf::Duration& duration);  ///< Negative counts as zero.
google::protobuf::Duration ToProto(std::chrono::milliseconds duration);

engine::TaskError FromProto(const pb::Error& error);
engine::TaskSnapshot FromProto(const pb::TaskSnapshot& snapshot);
/// Errors: kInvalidArgument FRAME_INVALID when `reply` is not set.
Result<engine::OfferReply> FromProto(const pb::OfferReply& reply);
engine::TaskUpdate FromProto(const pb::TaskUpdate& update);
/// Plan, detection, SMI reports and the conformance report become JSON with proto field names.
/// Errors: kInvalidArgument FRAME_INVALID when output_json is no JSON.
Result<engine::TaskResult> FromProto(const pb::TaskResult& result);

/// Errors: kInternal TASK_NOT_SENDABLE when the options are no ApplyOptions (a bug of the server).
Result<pb::TaskOffer> ToProto(const engine::TaskOffer& offer);
pb::TaskAck ToProto(const engine::TaskAck& ack);
pb::CancelTask ToProto(const engine::CancelRequest& cancel);
pb::TaskDirective ToProto(const engine::TaskDirective& directive);

}  // namespace meshplay::hub
