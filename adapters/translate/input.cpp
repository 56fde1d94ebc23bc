#include "adapters/translate/input.h"

#include <algorithm>

#include "libs/base/document_files.h"
#include "libs/base/yaml.h"
#include "libs/smi/parse.h"

namespace meshplay::translate {
namespace {

using nlohmann::json;

constexpr int kMaxListDepth = 2;

bool HasText(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() && !it->get_ref<const std::string&>().empty();
}

// `smi` takes lists of SMI kinds whole: their items may lack kind and version.
bool Sort(const json& document, Input& input, int depth) {
  if (!document.is_object() || !HasText(document, "apiVersion") || !HasText(document, "kind")) return false;
  if (smi::IsSmiDocument(document)) {
    input.smi.push_back(document);
    return true;
  }
  const auto items = document.find("items");
  if (document["kind"] != "List" || items == document.end() || !items->is_array()) {
    input.cluster.push_back(document);
    return true;
  }
  return depth < kMaxListDepth &&
         std::all_of(items->begin(), items->end(), [&](const json& item) { return Sort(item, input, depth + 1); });
}

Result<std::vector<std::string>> FilesOf(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    MP_TRY(const std::vector<std::string> inside, DocumentFilesOf(path));
    files.insert(files.end(), inside.begin(), inside.end());
  }
  if (files.size() > kMaxFiles) {
    return InvalidArgument("TRANSLATE_INPUT_TOO_LARGE", "more than " + std::to_string(kMaxFiles) + " files");
  }
  return files;
}

}  // namespace

Result<Input> ReadInput(const std::vector<std::string>& paths) {
  MP_TRY(const std::vector<std::string> files, FilesOf(paths));
  Input input;
  std::size_t bytes = 0;
  YamlLimits limits;
  limits.max_bytes = kMaxFileBytes;
  limits.max_values = 4'000'000;
  limits.max_documents = 100'000;
  for (const std::string& file : files) {
    auto text = ReadDocumentFile(file, kMaxFileBytes);
    if (!text) return std::move(text).error().Doing(file);
    bytes += text->size();
    if (bytes > kMaxInputBytes) {
      return InvalidArgument("TRANSLATE_INPUT_TOO_LARGE",
                             "the files hold more than " + std::to_string(kMaxInputBytes) + " bytes together");
    }
    auto documents = ParseYaml(*text, limits);
    if (!documents) return std::move(documents).error().Doing(file);
    for (const YamlDocument& document : *documents) {
      if (Sort(document.value, input, 0)) continue;
      return InvalidArgument("TRANSLATE_DOCUMENT_INVALID",
                             file + ": the document at line " + std::to_string(document.line) +
                                 " is not a Kubernetes object with apiVersion and kind, nor a list of such");
    }
  }
  if (input.smi.empty()) {
    return InvalidArgument("TRANSLATE_INPUT_EMPTY", "there is no SMI object in the files")
        .WithRemediation("Name files with objects of access, specs or split.smi-spec.io");
  }
  return input;
}

}  // namespace meshplay::translate
