#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/rest/openapi.h"

/// generate_openapi VERSION OUT [MANIFEST...]: writes the OpenAPI document; manifests are what adapters print with
/// `capabilities`.
int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: generate_openapi VERSION OUT [MANIFEST...]\n";
    return 2;
  }
  std::vector<meshplay::rest::Manifest> manifests;
  for (int i = 3; i < argc; ++i) {
    std::ifstream file(argv[i]);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    auto manifest = nlohmann::json::parse(text, nullptr, false);
    if (manifest.is_discarded()) {
      std::cerr << "generate_openapi: " << argv[i] << " is no JSON\n";
      return 2;
    }
    manifests.push_back(std::move(manifest));
  }
  std::ofstream out(argv[2]);
  out << meshplay::rest::BuildOpenApi(meshplay::rest::PublicMethods(), manifests, argv[1]).dump(2) << "\n";
  return out.good() ? 0 : 1;
}
