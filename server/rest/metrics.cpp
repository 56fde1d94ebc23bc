#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "server/rest/router.h"

namespace meshplay::rest {

std::string Router::Metrics() const {
  prometheus::Registry registry;
  std::vector<services::Api::Gauge> gauges = api_.Gauges();
  if (more_gauges_) {
    for (auto& gauge : more_gauges_()) gauges.push_back(std::move(gauge));
  }
  for (const auto& gauge : gauges) {
    auto& family = prometheus::BuildGauge().Name(gauge.name).Help(gauge.help).Register(registry);
    if (gauge.label.empty()) {
      family.Add({}).Set(gauge.value);
    } else {
      family.Add({{gauge.label, gauge.label_value}}).Set(gauge.value);
    }
  }
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace meshplay::rest
