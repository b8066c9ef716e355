#include "ops/global_pool.h"

#include "ops/checks.h"
#include "ops/reduce.h"
#include "ops/window.h"

namespace tendon {
namespace {

constexpr std::string_view kAverage = "GlobalAveragePool";
constexpr std::string_view kMax = "GlobalMaxPool";

}  // namespace

std::string_view GlobalPool::onnx_type() const {
  return kind == GlobalPoolKind::kAverage ? kAverage : kMax;
}

bool GlobalPool::accepts(std::string_view type) { return type == kAverage || type == kMax; }

GlobalPool GlobalPool::from_onnx(const OnnxNode& node) {
  return {node.type == kAverage ? GlobalPoolKind::kAverage : GlobalPoolKind::kMax,
          node.get<int64_t>("channels_last", 0) != 0};
}

std::vector<TensorType> GlobalPool::infer(Arguments arguments) const {
  const TensorType& x = require_floating(arguments, 0, "X").type;
  const ImageLayout image = image_layout(x.shape, channels_last);
  const std::vector<WindowAxis> axes(image.spatial.size());
  return {{x.dtype, image_shape(image.batch, image.channels, axes, channels_last)}};
}

std::vector<Tensor> GlobalPool::reference(std::span<const Tensor> inputs) const {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < inputs[0].rank() - 2; ++i) axes.push_back(i + (channels_last ? 1 : 2));
  const Reduce reduce{kind == GlobalPoolKind::kAverage ? ReduceKind::kMean : ReduceKind::kMax};
  const Tensor both[] = {inputs[0],
                         Tensor::from<int64_t>(Shape{static_cast<int64_t>(axes.size())}, axes)};
  return reduce.reference(both);
}

}  // namespace tendon
