#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <utility>
#include <vector>

#include "libs/base/result.h"
#include "meshplay/api/annotations.pb.h"
#include "server/rest/http_message.h"

/// From an HTTP request to the method's request message. Pure functions.
namespace meshplay::rest {

using Pairs = std::vector<std::pair<std::string, std::string>>;  ///< Names and decoded values.

/// Body -> message, or its field `route.body`; a merge patch also fills update_mask.
/// Errors: kInvalidArgument BODY_UNEXPECTED, MEDIA_TYPE_UNSUPPORTED, JSON_*, REQUEST_INVALID.
Status ReadBody(const Request& request, const api::Route& route, google::protobuf::Message& message);

/// Query and path variables -> fields. Errors: kInvalidArgument REQUEST_INVALID with a violation for each.
Status ReadParameters(const Pairs& query, const Pairs& variables, const api::Route& route,
                      google::protobuf::Message& message);

/// Idempotency-Key, If-Match and Prefer: wait=SECONDS -> request_id, etag, wait, where the route takes them.
void ReadHeaders(const Request& request, const api::Route& route, google::protobuf::Message& message);

/// A singular string field by name; empty when the message has none.
std::string GetString(const google::protobuf::Message& message, const char* name);

}  // namespace meshplay::rest
