#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "adapters/translate/emitter.h"
#include "libs/base/result.h"

namespace meshplay::translate {

/// Exit codes of `translate`: the worst of all objects, in the order 2, 4, 3, 0; 1 when the program itself fails.
enum ExitCode { kExitFull = 0, kExitInternal = 1, kExitInvalid = 2, kExitPartial = 3, kExitNone = 4 };

/// The command `translate` of a mesh adapter: SMI documents and Kubernetes manifests in, objects out, without a
/// cluster. `emitters.front()` is the mesh's own form; `--as NAME` chooses another one. `arguments` are those after the
/// word "translate".
///
/// `out` gets the objects as multi-document YAML, in the order in which they are to be applied; `err` the report (a
/// list, as JSON or text) unless `--report-file` names a file for it, and nothing else unless -v. When the input cannot
/// be used at all there are no objects and no report: `err` gets {"error": {code, reason, message}}, or a line of text
/// with `--report text`. An invalid SMI object ends with kExitInvalid, yet the others are still translated.
/// Threads: any; state is in the arguments only.
int RunTranslate(const std::vector<TranslateEmitter>& emitters, const std::vector<std::string>& arguments,
                 std::ostream& out, std::ostream& err);

/// Tells on `err` why a program cannot even choose emitters, as RunTranslate tells errors. Returns the exit code.
int RefuseTranslate(const Error& error, std::ostream& err);

/// The same as the first on stdout and stderr, for main(): `argc` and `argv` start at the word "translate".
int RunTranslate(const std::vector<TranslateEmitter>& emitters, int argc, const char* const* argv);

}  // namespace meshplay::translate
