// Tile: repeats the input along every axis as often as the second input says.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Tile : SingleType<Tile> {
  static constexpr std::string_view kOnnxType = "Tile";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Tile&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Tile>);

}  // namespace tendon
