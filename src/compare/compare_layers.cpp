// LayerComparator: keeps the reference's layer outputs and holds those of each other engine
// against them as they come.
#include <tendon/compare_layers.h>

#include <cstring>
#include <map>

#include "api/engine_impl.h"
#include "base/data_type.h"
#include "base/format.h"
#include "compare/layer_tally.h"
#include "engine/context.h"

namespace tendon {
namespace {

/// Names the layers of one run: "conv", "conv #2" for a second one of that name.
class LayerNames {
 public:
  std::string next(const std::string& name) {
    const int repeat = ++seen_[name];
    return repeat == 1 ? name : fmt::format("{} #{}", name, repeat);
  }

 private:
  std::map<std::string, int> seen_;
};

/// Calls visit(name, address, type) for every output that is there; the second output of "split" is
/// "split:1".
template <class Visit>
void for_each_output(LayerNames& names, const StepResult& result, Visit&& visit) {
  const std::string name = names.next(result.layer.name);
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    if (result.outputs[i] == nullptr) continue;
    visit(i == 0 ? name : fmt::format("{}:{}", name, i), result.outputs[i],
          result.layer.outputs[i]);
  }
}

Tensor copy_of(const void* bytes, const TensorType& type) {
  Tensor copy(type.dtype, type.shape);
  std::memcpy(copy.mutable_raw(), bytes, copy.byte_size());
  return copy;
}

/// `tensor` (N, C, H, W) as (N, H, W, C), or with `to_channels_last` false the other way round.
Tensor exchange_layout(const Tensor& tensor, bool to_channels_last) {
  const Shape& from = tensor.shape();
  const int channel_axis = to_channels_last ? 1 : 3;
  const int64_t channels = from[channel_axis];
  const int64_t area = from.element_count() / std::max<int64_t>(from[0] * channels, 1);
  Tensor result(tensor.dtype(), to_channels_last ? Shape{from[0], from[2], from[3], from[1]}
                                                 : Shape{from[0], from[3], from[1], from[2]});
  const size_t size = size_of(tensor.dtype());
  const auto* source = static_cast<const std::byte*>(tensor.raw());
  auto* target = static_cast<std::byte*>(result.mutable_raw());
  for (int64_t image = 0; image < from[0]; ++image) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      for (int64_t at = 0; at < area; ++at) {
        const int64_t first = (image * channels + channel) * area + at;
        const int64_t last = (image * area + at) * channels + channel;
        const auto to = static_cast<size_t>(to_channels_last ? last : first);
        const auto of = static_cast<size_t>(to_channels_last ? first : last);
        std::memcpy(target + to * size, source + of * size, size);
      }
    }
  }
  return result;
}

/// `reference` in the layout of `shape`; undefined when they are not the same tensor.
Tensor laid_out_as(const Tensor& reference, const Shape& shape) {
  const Shape& own = reference.shape();
  if (own == shape) return reference;
  if (own.rank() != 4 || shape.rank() != 4) return {};
  if (Shape{own[0], own[2], own[3], own[1]} == shape) return exchange_layout(reference, true);
  if (Shape{own[0], own[3], own[1], own[2]} == shape) return exchange_layout(reference, false);
  return {};
}

bool is_comparable(DataType type) {
  return is_floating(type) || type == DataType::kInt8 || type == DataType::kUInt8;
}

}  // namespace

struct LayerComparator::State {
  struct Tested {
    explicit Tested(const Subject& subject)
        : name(subject.name), context(subject.engine.impl().compiled) {}
    std::string name;
    ExecutionContext context;
    /// In the order of the run; those without a counterpart are never filled.
    std::vector<std::pair<LayerDifference, LayerTally>> outputs;
    std::vector<std::string> unmatched;
  };
  std::string reference_name;
  std::unique_ptr<ExecutionContext> reference;
  std::vector<std::unique_ptr<Tested>> tested;
  std::map<std::string, Tensor> outputs;
  size_t iterations = 0;

  void run_reference(const TensorMap& inputs) {
    LayerNames names;
    outputs.clear();
    const auto keep = [&](const std::string& name, const void* bytes, const TensorType& type) {
      if (is_floating(type.dtype)) outputs[name] = copy_of(bytes, type);
    };
    reference->infer(inputs, nullptr,
                     [&](const StepResult& step) { for_each_output(names, step, keep); });
  }

  void run(Tested& one, const TensorMap& inputs) {
    LayerNames names;
    size_t at = 0;
    one.context.infer(inputs, nullptr, [&](const StepResult& step) {
      for_each_output(names, step,
                      [&](const std::string& name, const void* bytes, const TensorType& type) {
                        if (is_comparable(type.dtype)) {
                          compare(one, at, {name, step.layer.type, step.layer.kernel},
                                  Tensor::view(type.dtype, type.shape, bytes, nullptr));
                        }
                      });
    });
  }

  /// `at` counts the outputs of one run that have a counterpart.
  void compare(Tested& one, size_t& at, LayerDifference difference, const Tensor& output) {
    const auto found = outputs.find(difference.name);
    const Tensor other =
        found == outputs.end() ? Tensor() : laid_out_as(found->second, output.shape());
    if (!other.defined()) {
      if (iterations == 0) one.unmatched.push_back(difference.name);
      return;
    }
    if (iterations == 0) one.outputs.emplace_back(std::move(difference), LayerTally());
    TENDON_ASSERT(at < one.outputs.size());
    one.outputs[at++].second.add(output, other);
  }
};

LayerComparator::LayerComparator(std::vector<Subject> subjects)
    : state_(std::make_unique<State>()) {
  if (subjects.size() < 2) {
    fail(ErrorKind::kUsage, "LayerComparator: {} engine(s) given; give at least two",
         subjects.size());
  }
  state_->reference_name = subjects.front().name;
  state_->reference = std::make_unique<ExecutionContext>(subjects.front().engine.impl().compiled);
  for (size_t i = 1; i < subjects.size(); ++i) {
    state_->tested.push_back(std::make_unique<State::Tested>(subjects[i]));
  }
}

LayerComparator::~LayerComparator() = default;

void LayerComparator::add(const TensorMap& inputs) {
  state_->run_reference(inputs);
  for (const auto& one : state_->tested) state_->run(*one, inputs);
  ++state_->iterations;
  state_->outputs.clear();
}

std::vector<LayerComparison> LayerComparator::finish() const {
  if (state_->iterations == 0) {
    fail(ErrorKind::kUsage, "LayerComparator: no inputs were given");
  }
  std::vector<LayerComparison> result;
  for (const auto& one : state_->tested) {
    LayerComparison comparison{
        one->name, state_->reference_name, state_->iterations, {}, one->unmatched};
    for (const auto& [difference, tally] : one->outputs) {
      comparison.layers.push_back(difference);
      tally.finish(comparison.layers.back());
    }
    result.push_back(std::move(comparison));
  }
  return result;
}

}  // namespace tendon
