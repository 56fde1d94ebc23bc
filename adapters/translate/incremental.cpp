#include "adapters/translate/incremental.h"

namespace meshplay::translate {

class IncrementalTranslator::State {
 public:
  TranslateEmitter emitter;
  IncrementalStats stats;
};

IncrementalTranslator::IncrementalTranslator(TranslateEmitter emitter) : state_(std::make_unique<State>()) {
  state_->emitter = std::move(emitter);
}
IncrementalTranslator::~IncrementalTranslator() = default;
IncrementalTranslator::IncrementalTranslator(IncrementalTranslator&& other) noexcept = default;
IncrementalTranslator& IncrementalTranslator::operator=(IncrementalTranslator&& other) noexcept = default;

Result<Emission> IncrementalTranslator::Translate(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                                  const OptionMap& options) {
  state_->stats = {1, 1};
  return state_->emitter.emit(set, facts, options);
}

const IncrementalStats& IncrementalTranslator::stats() const {
  return state_->stats;
}

void IncrementalTranslator::Forget() {}

}  // namespace meshplay::translate
