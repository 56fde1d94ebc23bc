#pragma once

#include <map>
#include <string>

#include "libs/base/result.h"
#include "meshplay/v1/policies.pb.h"
#include "server/policy/diff.h"
#include "server/policy/policies.h"
#include "server/policy/spec.h"
#include "server/store/store.h"

/// Policies and environments: from messages to plain values and from rows to messages. Pure. Threads: any.
namespace meshplay::services {

/// Only what the words cannot say is refused here; the rest by policy::CheckSpec.
/// Errors: kInvalidArgument POLICY_SPEC_INVALID.
Result<policy::Spec> ToSpec(const v1::PolicySpec& spec);
v1::PolicySpec FromSpec(const policy::Spec& spec);

policy::LabelSelector ToLabelSelector(const google::protobuf::Map<std::string, std::string>& labels,
                                      const google::protobuf::RepeatedPtrField<v1::LabelRequirement>& expressions);

/// `revision` is the one in force; its documents may have been left out.
v1::Policy ToPolicy(const store::PolicyRecord& record, const store::PolicyRevisionRecord& revision,
                    const std::map<std::string, std::uint32_t>& counts);
v1::PolicyMesh ToPolicyMesh(const store::PolicyRecord& policy, const store::PolicyMeshRecord& record,
                            const store::PolicyReportRecord& report, bool stale);
v1::PolicyDocumentChange ToDocumentChange(const policy::DocumentChange& change);
v1::PolicyRevision ToPolicyRevision(const store::PolicyRevisionRecord& record);
v1::Environment ToEnvironment(const store::EnvironmentRecord& record);

/// Canonical JSON of a resource's labels; empty for none.
std::string LabelsJson(const google::protobuf::Map<std::string, std::string>& labels);

}  // namespace meshplay::services
