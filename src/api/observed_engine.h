// ObservedEngine: a network in float32 whose calibrated values are counted while it runs.
#pragma once

#include <tendon/network.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/context.h"
#include "quant/accumulator.h"
#include "quant/byte_counts.h"
#include "quant/samples.h"
#include "quant/shifted_input.h"

namespace tendon {

/// Passes that would move values or change them where observers stand.
inline const std::vector<std::string> kNotWhileObserving = {
    "fuse-images",  "drop-key-bias",       "fold-value-bias", "fold-layer-normalization",
    "order-tokens", "fold-attention-scale"};

/// A frame's counts are kept apart until commit(), so that a bad frame leaves no trace.
class ObservedEngine {
 public:
  /// One shape for each input. Device and threads as in EngineConfig.
  ObservedEngine(const Network& network, const std::map<std::string, Shape>& shapes,
                 const std::string& device, int threads);

  const CompiledEngine& engine() const { return *engine_; }
  const std::vector<EnginePort>& inputs() const { return engine_->inputs(); }
  const std::vector<CalibratedValue>& values() const { return values_; }

  /// Counts the inputs; their names, types and shapes must be the engine's. Returns the name of one
  /// that holds NaN or infinity, or "".
  std::string observe_inputs(const TensorMap& inputs);
  /// Runs the network and counts its values. Returns the name of one that holds NaN or infinity, or
  /// "". The outputs are those of ExecutionContext::infer.
  std::string run(const TensorMap& inputs, const TensorMap*& outputs);
  /// Takes the counts since discard() or commit() over, or forgets them.
  void commit();
  void discard();
  /// While set, run() draws rows for the layers that read a value instead of counting it.
  void hold_out(std::optional<FrameKey> frame);

  std::map<std::string, ValueStatistics, std::less<>> totals() const;
  const RowSamples& samples() const { return samples_; }
  /// The layers that read observed values.
  const std::vector<Consumer>& consumers() const { return consumers_; }
  /// Goes on from `totals` and `samples`. Throws Error{kBadInput} when they are of other values.
  void restore(const std::map<std::string, ValueStatistics, std::less<>>& totals,
               RowSamples samples);

 private:
  struct Slot {
    /// Of this frame: a share for each thread.
    std::vector<ValueStatistics> frame;
    ValueStatistics total;
    AxisSplit split;
    Shape shape;
    int axis = 0;
    bool is_input = false;
    /// Of an input that pictures enter by, while the last frame's were bytes.
    ByteCounts bytes;
    /// Where it is one, and the input's slot.
    std::optional<ShiftedInput> shifted;
    Slot* pictures = nullptr;
  };

  void add_slot(const std::string& name, const Shape& shape, int axis, bool is_input);
  /// Finds what can be counted with the input that it is made of.
  void find_shifted();
  void look_at(const std::string& name, const void* elements);
  /// Whether the slot's elements were counted by their bytes.
  static bool count_bytes(Slot& slot, const float* elements);
  void end_frame(bool keep);

  std::vector<CalibratedValue> values_;
  std::shared_ptr<const CompiledEngine> engine_;
  std::unique_ptr<ExecutionContext> context_;
  Accumulator accumulator_;
  std::map<std::string, Slot, std::less<>> slots_;
  std::string non_finite_;
  std::vector<Consumer> consumers_;
  std::optional<FrameKey> held_out_;
  RowSamples drawn_;
  RowSamples samples_;
};

}  // namespace tendon
