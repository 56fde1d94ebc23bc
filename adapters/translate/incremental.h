#pragma once

#include <cstddef>
#include <memory>

#include "adapters/translate/emitter.h"

namespace meshplay::translate {

/// What one call of IncrementalTranslator::Translate did.
struct IncrementalStats {
  std::size_t parts = 0;       ///< Independent parts of the documents.
  std::size_t recomputed = 0;  ///< Parts that were given to the emitter.
};

/// Keeps the translation of one target in step with documents and facts that change little by little.
///
/// The documents fall into independent parts: a destination with all its TrafficTargets, a group of TrafficSplits
/// connected by roots and backends, and everything that no target or split refers to, each by itself. Where the emitter
/// asks for it (TranslateEmitter::joins_splits), a split and the destinations behind its Services are one part. A part
/// holds copies of the objects that it refers to. Where a namespace has a baseline of its own (BaselineEmitter), each
/// ServiceAccount of it is a part without documents; the namespace's targets matter to it as sources only. Only parts
/// are translated anew of which a document has changed, or a fact that they can read: Services and workloads connected
/// with their accounts and Services, and the objects of ours that they made. Other facts, objects of other owners among
/// them, and the options hold for all parts. Of existing objects resourceVersion, generation, managedFields and status
/// do not count.
///
/// The answer is the one that the emitter gives for everything at once: objects in the order in which they are to be
/// applied, those that several parts ask for made once, reports in document order. Where parts contradict each other
/// (the same object with different content, different reports on the same document), everything is translated at once.
/// An object that all parts of a namespace ask for is merged anew when one of them changes. (One exception: documents
/// whose regular expressions exceed smi::kMaxRegexesSize together are refused as a whole, but not part by part.)
///
/// Ownership: keeps copies, no references. Threads: one call at a time.
class IncrementalTranslator {
 public:
  explicit IncrementalTranslator(TranslateEmitter emitter);
  ~IncrementalTranslator();
  IncrementalTranslator(IncrementalTranslator&& other) noexcept;
  IncrementalTranslator& operator=(IncrementalTranslator&& other) noexcept;

  /// `set` and `facts` are the whole current input, `options` those of the emitter. Errors: those of the emitter; what
  /// was kept is forgotten then.
  Result<Emission> Translate(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                             const OptionMap& options = {});

  const IncrementalStats& stats() const;  ///< Of the last call.

  /// The next call starts from scratch.
  void Forget();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace meshplay::translate
