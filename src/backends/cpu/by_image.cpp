// Convolutions of a batch image by image: what one image needs may stay in the caches.
#include <array>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
namespace {

constexpr size_t kMostInputs = 5;

class ByImage final : public Kernel {
 public:
  /// `steps`: bytes from image to image of each input; 0 where all images share it.
  ByImage(std::unique_ptr<Kernel> one, int64_t images, std::array<size_t, kMostInputs> steps,
          size_t output_step)
      : one_(std::move(one)), images_(images), steps_(steps), output_step_(output_step) {}

  void run(const KernelArguments& arguments) const override {
    std::array<const void*, kMostInputs> inputs{};
    std::ranges::copy(arguments.inputs, inputs.begin());
    auto* output = static_cast<std::byte*>(arguments.outputs[0]);
    for (int64_t image = 0; image < images_; ++image) {
      void* const outputs[] = {output};
      one_->run({std::span(inputs).first(arguments.inputs.size()), outputs, arguments.workspace});
      output += output_step_;
      for (size_t i = 0; i < arguments.inputs.size(); ++i) {
        if (steps_[i] > 0) inputs[i] = static_cast<const std::byte*>(inputs[i]) + steps_[i];
      }
    }
  }
  size_t workspace_bytes() const override { return one_->workspace_bytes(); }
  int in_place_input() const override { return one_->in_place_input(); }
  bool reads_constant(size_t input) const override { return one_->reads_constant(input); }
  size_t packed_bytes() const override { return one_->packed_bytes(); }
  std::string detail() const override { return one_->detail(); }

 private:
  std::unique_ptr<Kernel> one_;
  int64_t images_;
  std::array<size_t, kMostInputs> steps_;
  size_t output_step_;
};

template <class Op>
Offer make(const Op& op, const KernelRequest& request, size_t residual,
           Offer (*make_one)(const Op&, const KernelRequest&)) {
  const int64_t images = request.input_shape(0)[0];
  if (images < 2) return decline("has {} image(s)", images);
  std::vector<Argument> inputs(request.inputs.begin(), request.inputs.end());
  std::array<size_t, kMostInputs> steps{};
  TENDON_ASSERT(inputs.size() <= kMostInputs);
  for (const size_t i : {size_t{0}, residual}) {
    if (!request.has_input(i)) continue;
    if (inputs[i].value != nullptr) return decline("needs input {} to be computed", i);
    inputs[i].type.shape[0] = 1;
    steps[i] = byte_size(inputs[i].type);
  }
  std::vector<TensorType> outputs(request.outputs.begin(), request.outputs.end());
  outputs[0].shape[0] = 1;
  KernelRequest one = request;
  one.inputs = inputs;
  one.outputs = outputs;
  Offer offer = make_one(op, one);
  auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&offer);
  if (kernel == nullptr) return offer;
  return std::make_unique<ByImage>(std::move(*kernel), images, steps, byte_size(outputs[0]));
}

}  // namespace

Offer make_conv_by_image(const FusedConv& op, const KernelRequest& request) {
  return make(op, request, 3, make_fused_conv);
}

Offer make_int8_conv_by_image(const QuantizedConv& op, const KernelRequest& request) {
  return make(op, request, 4, make_quantized_conv);
}

}  // namespace tendon::cpu
