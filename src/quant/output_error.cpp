#include "quant/output_error.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace tendon {
namespace {

float quantised(float x, float scale, int levels) {
  const float least = levels == 255 ? 0.0f : -static_cast<float>(levels);
  const float code = std::clamp(std::nearbyint(x / scale), least, static_cast<float>(levels));
  return code * scale;
}

/// Sum of squares of row * weights.
double squared_product(std::span<const float> row, const Tensor& weights,
                       std::vector<float>& outputs) {
  const auto count = static_cast<size_t>(weights.shape()[1]);
  outputs.assign(count, 0);
  const float* weight = weights.data<float>().data();
  float* sums = outputs.data();
  for (const float element : row) {
    if (element != 0) {
      for (size_t i = 0; i < count; ++i) sums[i] += element * weight[i];
    }
    weight += count;
  }
  double squares = 0;
  for (const float output : outputs) {
    squares += static_cast<double>(output) * static_cast<double>(output);
  }
  return squares;
}

/// Squared error by squared output of one reader.
class Judge {
 public:
  Judge(const Consumer& consumer, const RowSample& sample)
      : matrix_(consumer.matrix()), sample_(sample) {
    for (const RowSample::Row& row : sample.rows()) {
      signal_ += squared_product(row.elements, matrix_, outputs_);
    }
  }

  double error(double amax, int levels) {
    if (signal_ == 0) return 0;
    const auto scale = static_cast<float>(amax / levels);
    double noise = 0;
    for (const RowSample::Row& row : sample_.rows()) {
      errors_.clear();
      for (const float x : row.elements) errors_.push_back(quantised(x, scale, levels) - x);
      noise += squared_product(errors_, matrix_, outputs_);
    }
    return noise / signal_;
  }

 private:
  Tensor matrix_;
  const RowSample& sample_;
  std::vector<float> errors_;
  std::vector<float> outputs_;
  double signal_ = 0;
};

}  // namespace

OutputError output_error(std::span<const Consumer> consumers, const RowSamples& samples,
                         const std::string& source, int levels) {
  const auto judges = std::make_shared<std::vector<Judge>>();
  for (const Consumer& consumer : consumers) {
    const auto found = samples.find(consumer.name);
    if (consumer.source != source || found == samples.end() || found->second.rows().empty()) {
      continue;
    }
    judges->emplace_back(consumer, found->second);
  }
  if (judges->empty()) return {};
  return [judges, levels](double amax) {
    double sum = 0;
    for (Judge& judge : *judges) sum += judge.error(amax, levels);
    return sum;
  };
}

}  // namespace tendon
