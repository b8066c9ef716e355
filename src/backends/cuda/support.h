// What this folder's kernels share: their device, their constants on it, reasons to decline.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/element_type.h"

namespace tendon::cuda {

inline CudaDevice& device_of(const KernelRequest& request) {
  return static_cast<CudaDevice&>(*request.device);
}

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// An input of a node: in the device's memory at run time, or a constant that is put there now.
class Source {
 public:
  /// Of an input that is left out.
  Source() = default;
  Source(const KernelRequest& request, size_t input);

  bool present() const { return present_; }
  /// Whether nothing writes it while the engine runs.
  bool lasts() const { return !present_ || constant_ != nullptr; }
  const void* in(const KernelArguments& arguments) const {
    return constant_ != nullptr ? constant_.get() : present_ ? arguments.inputs[input_] : nullptr;
  }
  /// Of the constant on the device.
  size_t bytes() const { return bytes_; }

 private:
  bool present_ = false;
  size_t input_ = 0;
  std::shared_ptr<std::byte> constant_;
  size_t bytes_ = 0;
};

/// A kernel that reads no constants but its own.
class CudaKernel : public Kernel {
 public:
  explicit CudaKernel(const KernelRequest& request) : device_(device_of(request)) {}
  bool reads_constant(size_t) const override { return false; }

 protected:
  template <class Parameters>
  void launch(const Launch& launch, Parameters& parameters,
              const KernelArguments& arguments) const {
    device_.launch(launch, &parameters, *arguments.queue);
  }
  CudaDevice& device_;
};

/// "f16", "bf16" or "f32" for the types that floating kernels exist for, else empty.
std::string_view suffix_of(DataType dtype);
/// Whether float16 or bfloat16.
bool is_half(DataType dtype);
/// The image of a .cu file whose 16-bit type is that of `dtypes`: see half.cuh.
std::string image_of(std::string_view source, std::initializer_list<DataType> dtypes);
/// The same for the types of all inputs and outputs.
std::string image_of(std::string_view source, const KernelRequest& request);
/// The same with "u8", for what images are made of.
std::string_view source_suffix(DataType dtype);
/// Of float32, float16, bfloat16, int8 or uint8.
ElementType element_type(DataType dtype);
bool has_element_type(DataType dtype);
/// Whether int8 or uint8.
bool is_codes(DataType dtype);
/// Nothing when all present inputs and the outputs have one type that suffix_of knows.
std::optional<Declined> unless_floating(const KernelRequest& request);
/// Nothing when a QuantizedConv's or QuantizedMatMul's tensors have types, and its result a number
/// of columns, that kernels take; scale and weight are constants.
std::optional<Declined> unless_codes(const KernelRequest& request);
/// Nothing unless images and weights are of two 16-bit types.
std::optional<Declined> unless_halves_differ(DataType images, DataType weights);
/// Elements from one row of an input to the next; 0 where it is left out.
int row_step_of(const KernelRequest& request, size_t input);
/// Nothing where a residual's rows are as long as those of the result, or all begin at multiples of
/// 16 bytes.
std::optional<Declined> unless_rows_align(const KernelRequest& request, size_t residual);
/// Nothing when every tensor has fewer than 2^31 elements.
std::optional<Declined> unless_small(const KernelRequest& request);

template <class... Args>
Declined decline(fmt::format_string<Args...> text, Args&&... args) {
  return Declined{fmt::format(text, std::forward<Args>(args)...)};
}

/// Blocks of `threads` for `count` threads, one each.
Launch launch_for(CUfunction function, int64_t count, unsigned threads = 256);

}  // namespace tendon::cuda
