// Layer by layer: how much of the signal survives in one engine, seen from another.
#pragma once

#include <tendon/engine.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tendon {

/// One layer's output in two engines of one policy, over all inputs.
struct LayerDifference {
  std::string name;  ///< of the layer; "name:1" for its second output
  std::string type;  ///< operator in the tested engine
  std::string kernel;
  DataType dtype = DataType::kFloat32;  ///< of the tested output
  /// Power of the reference over the power of the difference; infinite where they are equal.
  double snr_db = 0;
  double cosine = 0;
  /// Share of 8-bit codes at an end of their range: -128, -127, 127; 255, and 0 where the reference
  /// is negative. Nothing for other types.
  std::optional<double> saturated;
  /// Share of the 256 codes that occurred.
  std::optional<double> codes_used;
};

struct LayerComparison {
  std::string tested;
  std::string reference;
  size_t iterations = 0;
  /// In the order in which the tested engine runs.
  std::vector<LayerDifference> layers;
  /// Outputs of the tested engine without a float counterpart of the same name and size.
  std::vector<std::string> unmatched;
};

/// Runs the engines side by side and looks at the output of each of their layers. Layers are
/// matched by name. 8-bit codes are led back to values by the straight line that fits the
/// reference best, so that an engine need not say its scales.
class LayerComparator {
 public:
  struct Subject {
    std::string name;
    Engine engine;
  };
  /// The first one is the reference. Throws Error{kUsage} for fewer than two.
  explicit LayerComparator(std::vector<Subject> subjects);
  ~LayerComparator();

  /// Runs every engine once; holds the reference's layer outputs meanwhile. Throws as
  /// Runner::infer does.
  void add(const TensorMap& inputs);
  /// One entry for each engine but the first. Throws Error{kUsage} when nothing was added.
  std::vector<LayerComparison> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tendon
