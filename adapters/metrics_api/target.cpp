#include "adapters/metrics_api/target.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <string_view>

namespace meshplay::metrics_api {
namespace {

bool IsPlain(std::string_view path) {
  const bool characters = std::all_of(path.begin(), path.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("/-._").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!characters || path.empty() || path.front() != '/') return false;
  std::size_t begin = 1;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

Result<Target> ReadTarget(const std::string& request_target) {
  const auto url = boost::urls::parse_origin_form(request_target);
  if (!url || !IsPlain(std::string_view(url->encoded_path().data(), url->encoded_path().size()))) {
    return InvalidArgument("METRICS_PATH_INVALID", "this API has no such path");
  }
  Target target;
  target.path = std::string(url->encoded_path().data(), url->encoded_path().size());
  if (target.path.back() == '/') target.path.pop_back();
  for (const auto& parameter : url->params()) {
    if (parameter.key == "t") target.window = parameter.value;
    if (parameter.key == "labelSelector") target.label_selector = parameter.value;
    if (parameter.key == "watch") target.watch = parameter.value != "false" && parameter.value != "0";
  }
  return target;
}

Attributes AttributesOf(const metrics::MetricsRequest& request) {
  using Form = metrics::MetricsRequest::Form;
  const std::string plural(metrics::PluralOf(request.kind));
  Attributes out{"get", plural, "", request.name_space, request.name};
  if (request.form == Form::kList) out.verb = "list";
  if (request.form != Form::kEdges) return out;
  // ".../namespaces/shop/edges" is the list of a resource "edges" to the API server; a workload's are its subresource.
  if (request.kind == metrics::Kind::kNamespace) return {"list", "edges", "", request.name_space, ""};
  out.subresource = "edges";
  return out;
}

}  // namespace meshplay::metrics_api
