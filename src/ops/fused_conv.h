// FusedConv: Y = activation(Conv(X, W) + B + residual) in either layout, made by passes.
#pragma once

#include "ops/activation.h"
#include "ops/conv.h"

namespace tendon {

/// Inputs: X [N,C,spatial…], W [M,C/group,kernel…], B [M] (optional), residual of Y's shape
/// (optional). With channels_last X, residual and Y are [N,spatial…,C]; W stays as it is.
struct FusedConv : SingleType<FusedConv>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "FusedConv";
  static constexpr std::string_view kDomain = kTendonDomain;
  int64_t group = 1;
  Activation activation = Activation::kNone;
  bool channels_last = false;
  static constexpr auto kFields =
      std::tuple_cat(kWindowFields, std::tuple{Field{"group", &FusedConv::group},
                                               Field{"activation", &FusedConv::activation},
                                               Field{"channels_last", &FusedConv::channels_last}});
  bool operator==(const FusedConv&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The convolution alone, channels first.
  Conv conv() const;
  /// The spatial axes for an input in this operator's layout and a weight.
  std::vector<WindowAxis> axes(const Shape& input, const Shape& weight) const;
};
static_assert(Operator<FusedConv>);

}  // namespace tendon
