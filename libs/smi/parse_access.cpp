#include "libs/smi/internal/reader.h"

namespace meshplay::smi {
namespace {

using nlohmann::json;

Subject ParseSubject(Reader& reader, const json& value, const std::string& pointer, bool is_source) {
  Subject subject;
  if (!reader.IsObject(value, pointer)) return subject;
  subject.kind = reader.String(value, "kind", pointer);
  subject.name = reader.String(value, "name", pointer);
  subject.namespace_name = reader.String(value, "namespace", pointer);
  if (subject.namespace_name.empty()) {
    subject.namespace_name = reader.head().key.namespace_name;
    subject.namespace_defaulted = true;
    if (is_source) {
      reader.Report("NAMESPACE_DEFAULTED", Severity::kWarning, pointer + "/namespace",
                    "the source names no namespace; taken to be \"" + subject.namespace_name + "\"");
    }
  }
  return subject;
}

}  // namespace

TrafficTarget ParseTrafficTarget(Head head, const json& fields, std::vector<Finding>& findings) {
  TrafficTarget target;
  target.head = std::move(head);
  Reader reader(target.head, findings);
  const std::string& at = target.head.spec_pointer;
  const bool first_version = target.head.version == 1;
  const bool has_port = target.head.version <= 2;
  const std::string rules_key = first_version ? "specs" : "rules";
  if (first_version) {
    reader.OnlyKeys(fields, at, {"apiVersion", "kind", "metadata", "status", "destination", "specs", "sources"});
  } else {
    reader.OnlyKeys(fields, at, {"destination", "rules", "sources"});
  }

  if (const json* destination = reader.Object(fields, "destination", at)) {
    const std::string here = at + "/destination";
    target.destination = ParseSubject(reader, *destination, here, false);
    // Published v1alpha4 examples carry `group`, which the CRD prunes.
    if (has_port) {
      reader.OnlyKeys(*destination, here, {"kind", "name", "namespace", "port", "group"});
      target.destination_port = reader.Integer(*destination, "port", here);
    } else {
      reader.OnlyKeys(*destination, here, {"kind", "name", "namespace", "group"});
    }
  } else {
    target.destination.namespace_name = target.head.key.namespace_name;
  }

  if (const json* rules = reader.Array(fields, rules_key, at)) {
    for (std::size_t i = 0; i < rules->size(); ++i) {
      const json& value = (*rules)[i];
      const std::string here = at + "/" + rules_key + "/" + std::to_string(i);
      TargetRule rule;
      if (reader.IsObject(value, here)) {
        reader.OnlyKeys(value, here, {"kind", "name", "matches"});
        rule.kind = reader.String(value, "kind", here);
        rule.name = reader.String(value, "name", here);
        rule.matches = reader.Strings(value, "matches", here);
      }
      target.rules.push_back(std::move(rule));
    }
  }

  if (const json* sources = reader.Array(fields, "sources", at)) {
    for (std::size_t i = 0; i < sources->size(); ++i) {
      const std::string here = at + "/sources/" + std::to_string(i);
      reader.OnlyKeys((*sources)[i], here, {"kind", "name", "namespace", "group"});
      target.sources.push_back(ParseSubject(reader, (*sources)[i], here, true));
    }
  }
  return target;
}

IdentityBinding ParseIdentityBinding(Head head, const json& fields, std::vector<Finding>& findings) {
  IdentityBinding binding;
  binding.head = std::move(head);
  Reader reader(binding.head, findings);
  const std::string& at = binding.head.spec_pointer;
  reader.OnlyKeys(fields, at, {"schemes"});
  const json* schemes = reader.Object(fields, "schemes", at);
  if (schemes == nullptr) return binding;
  const std::string here = at + "/schemes";
  reader.OnlyKeys(*schemes, here, {"podLabelSelector", "serviceAccount", "spiffeIdentities"});
  if (const json* selector = reader.Object(*schemes, "podLabelSelector", here)) {
    reader.OnlyKeys(*selector, here + "/podLabelSelector", {"matchLabels"});
    binding.has_pod_labels = true;
    binding.pod_labels = reader.StringMap(*selector, "matchLabels", here + "/podLabelSelector");
  }
  binding.service_account = reader.String(*schemes, "serviceAccount", here);
  const json* identities = Reader::Find(*schemes, "spiffeIdentities");
  if (identities != nullptr && identities->is_array() && identities->empty()) {
    reader.Error("IDENTITY_BINDING_INVALID", here + "/spiffeIdentities", "at least one identity is required");
  }
  binding.spiffe_ids = reader.Strings(*schemes, "spiffeIdentities", here);
  return binding;
}

}  // namespace meshplay::smi
