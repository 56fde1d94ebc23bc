#include "tests/integration/metrics/exporter.h"

#include <sstream>

namespace meshplay::test {
namespace {

std::string Written(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "" : ",") + name + "=\"" + value + "\"";
  return text;
}

std::string Short(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

}  // namespace

Exporter::Exporter()
    : server_([this](const testing::SeenRequest&, testing::Wire& wire) {
        wire.Answer(200, Page(), {{"Content-Type", "text/plain; version=0.0.4"}});
      }) {}

void Exporter::Add(const std::string& name, const Labels& labels, double amount) {
  const std::lock_guard lock(mutex_);
  series_[name][Written(labels)] += amount;
}

void Exporter::Observe(const std::string& name, const Labels& labels, double value, double count) {
  const std::lock_guard lock(mutex_);
  const auto bucket = [&](const std::string& bound, bool holds) {
    Labels all = labels;
    all["le"] = bound;
    series_[name + "_bucket"][Written(all)] += holds ? count : 0;
  };
  for (const double bound : kBounds) bucket(Short(bound), value <= bound);
  bucket("+Inf", true);
  series_[name + "_sum"][Written(labels)] += value * count;
  series_[name + "_count"][Written(labels)] += count;
}

std::string Exporter::Page() {
  const std::lock_guard lock(mutex_);
  std::ostringstream page;
  for (const auto& [name, values] : series_) {
    for (const auto& [labels, value] : values) page << name << '{' << labels << "} " << value << '\n';
  }
  return page.str();
}

}  // namespace meshplay::test
