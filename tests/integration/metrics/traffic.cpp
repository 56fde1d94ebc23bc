#include "tests/integration/metrics/traffic.h"

#include <stdexcept>

namespace meshplay::test {
namespace {

Labels With(Labels labels, const Labels& more) {
  labels.insert(more.begin(), more.end());
  return labels;
}

/// https://istio.io/latest/docs/reference/config/metrics/, and what the scrape adds of the pod that reports.
void ReportIstio(Exporter& exporter, const Traffic& traffic) {
  const Labels both = {{"source_workload", traffic.from.name},
                       {"source_workload_namespace", traffic.from.name_space},
                       {"source_app", traffic.from.name},
                       {"source_principal", "spiffe://cluster.local/ns/" + traffic.from.name_space + "/sa/default"},
                       {"destination_workload", traffic.to.name},
                       {"destination_workload_namespace", traffic.to.name_space},
                       {"destination_app", traffic.to.name},
                       {"destination_service", traffic.to.name + "." + traffic.to.name_space + ".svc.cluster.local"},
                       {"destination_service_name", traffic.to.name},
                       {"destination_service_namespace", traffic.to.name_space},
                       {"request_protocol", "http"},
                       {"connection_security_policy", "mutual_tls"},
                       {"response_flags", "-"}};
  for (const char* reporter : {"source", "destination"}) {
    const Workload& pod = reporter == std::string("source") ? traffic.from : traffic.to;
    const Labels reported =
        With(both, {{"reporter", reporter}, {"namespace", pod.name_space}, {"pod", pod.name + "-0"}});
    const Labels good = With(reported, {{"response_code", "200"}});
    const Labels bad = With(reported, {{"response_code", "503"}});
    exporter.Add("istio_requests_total", good, traffic.successes);
    exporter.Add("istio_requests_total", bad, traffic.failures);
    exporter.Observe("istio_request_duration_milliseconds", good, traffic.milliseconds, traffic.successes);
    exporter.Observe("istio_request_duration_milliseconds", bad, traffic.milliseconds, traffic.failures);
  }
}

/// https://linkerd.io/2/reference/proxy-metrics/: the server's proxy counts without the client.
void ReportLinkerd(Exporter& exporter, const Traffic& traffic) {
  const auto own = [](const Workload& workload, const std::string& prefix) {
    return Labels{{prefix + "namespace", workload.name_space},
                  {prefix + "deployment", workload.name},
                  {prefix + "pod", workload.name + "-0"}};
  };
  const Labels inbound = With(own(traffic.to, ""), {{"direction", "inbound"}, {"tls", "true"}});
  const Labels outbound =
      With(With(own(traffic.from, ""), own(traffic.to, "dst_")), {{"direction", "outbound"}, {"tls", "true"}});
  for (const Labels& reported : {inbound, outbound}) {
    exporter.Add("response_total", With(reported, {{"classification", "success"}, {"status_code", "200"}}),
                 traffic.successes);
    exporter.Add("response_total", With(reported, {{"classification", "failure"}, {"status_code", "503"}}),
                 traffic.failures);
    exporter.Observe("response_latency_ms", With(reported, {{"status_code", "200"}}), traffic.milliseconds,
                     traffic.successes + traffic.failures);
  }
}

}  // namespace

void Report(Exporter& exporter, const std::string& mesh_type, const Traffic& traffic) {
  if (mesh_type == "istio") return ReportIstio(exporter, traffic);
  if (mesh_type == "linkerd") return ReportLinkerd(exporter, traffic);
  throw std::invalid_argument(mesh_type);
}

}  // namespace meshplay::test
