// The cuda backend: its kernels in the order in which they are asked.
#include "backends/cuda/kernels.h"

#include <map>
#include <mutex>

#include "backends/cuda/backend.h"

namespace tendon {
namespace cuda {
namespace {

constexpr KernelRow kRows[] = {
    {"wgmma:patch", on<FusedConv, make_wgmma_patch>},
    {"wgmma:conv", on<FusedConv, make_wgmma_conv>},
    {"mma:window", on<FusedConv, make_window>},
    {"mma:conv", on<FusedConv, make_conv>},
    {"mma:patch_stem", on<FusedConv, make_patch_stem>},
    {"mma:stem", on<FusedConv, make_stem>},
    {"wgmma:stem_pool", on<ImageConv, make_stem_group>},
    {"mma:stem_pool", on<ImageConv, make_stem_pool>},
    {"mma:patch_stem", on<ImageConv, make_image_patch_stem>},
    {"mma:stem", on<ImageConv, make_image_stem>},
    {"mma:stem_then_pool", on<ImageConv, make_stem_then_pool>},
    {"wgmma:int8_patch", on<QuantizedConv, make_wgmma_int8_patch>},
    {"wgmma:int8_conv", on<QuantizedConv, make_wgmma_int8_conv>},
    {"mma:int8_conv", on<QuantizedConv, make_int8_conv>},
    {"mma:int8_stem", on<QuantizedImageConv, make_int8_stem>},
    {"simt:dot", on<FusedMatMul, make_dot>},
    {"wgmma:matmul", on<FusedMatMul, make_wgmma_matmul>},
    {"mma:matmul", on<FusedMatMul, make_matmul>},
    {"simt:matmul", on<FusedMatMul, make_product>},
    {"wgmma:int8_matmul", on<QuantizedMatMul, make_wgmma_int8_matmul>},
    {"mma:int8_matmul", on<QuantizedMatMul, make_int8_matmul>},
    {"wgmma:norm", on<NormalizedMatMul, make_wgmma_norm>},
    {"mma:norm", on<NormalizedMatMul, make_normalized_matmul>},
    {"wgmma:int8_norm", on<QuantizedNormalizedMatMul, make_wgmma_int8_norm>},
    {"mma:int8_norm", on<QuantizedNormalizedMatMul, make_int8_normalized_matmul>},
    {"simt:norm_dot", on<LayerNormalizationMatMul, make_norm_dot>},
    {"wgmma:attention", on<Attention, make_wgmma_attention>},
    {"mma:attention", on<Attention, make_attention>},
    {"simt:layer_norm", on<AddLayerNormalization, make_add_layer_norm>},
    {"simt:layer_norm", on<LayerNormalization, make_layer_norm>},
    {"simt:layer_norm", on<QuantizedLayerNormalization, make_quantized_layer_norm>},
    {"simt:quantize", on<QuantizeLinear, make_quantize>},
    {"simt:dequantize", on<DequantizeLinear, make_dequantize>},
    {"simt:binary", on<Binary, make_binary>},
    {"simt:unary", on<Unary, make_unary>},
    {"simt:max_pool", on<MaxPool, make_max_pool>},
    {"copy:interleave", on<Transpose, make_interleave>},
    {"copy:transpose", on<Transpose, make_transpose>},
    {"copy:slice", on<Slice, make_slice>},
    {"copy:expand", on<Expand, make_expand>},
    {"copy:concat", on<Concat, make_concat>},
    {"copy:cast", on<Cast, make_cast>},
};

}  // namespace

CudaBackend::CudaBackend(std::variant<Driver, std::string> driver, int ordinal,
                         std::span<const Image> images) {
  if (const auto* reason = std::get_if<std::string>(&driver)) {
    problem_ = *reason;
    return;
  }
  problem_ = problem_of(std::get<Driver>(driver));
  if (!problem_.empty()) return;
  try {
    device_ = std::make_unique<CudaDevice>(std::get<Driver>(driver), ordinal, images);
  } catch (const Error& error) {
    problem_ = error.what();
  }
}

std::optional<std::string> CudaBackend::unavailable() const {
  if (problem_.empty()) return std::nullopt;
  return problem_;
}

std::span<const KernelRow> CudaBackend::kernels() const { return kRows; }

std::string CudaBackend::fingerprint() const {
  return fmt::format("{} sm_{}, {} multiprocessors", device_->name(), device_->architecture(),
                     device_->multiprocessors());
}

}  // namespace cuda

Backend& cuda_backend(int ordinal) {
  // Never destroyed: engines that outlive main() still free their memory through it.
  static std::mutex mutex;
  static auto& backends = *new std::map<int, std::unique_ptr<cuda::CudaBackend>>();
  const std::lock_guard lock(mutex);
  std::unique_ptr<cuda::CudaBackend>& backend = backends[ordinal];
  if (backend == nullptr) {
    backend = std::make_unique<cuda::CudaBackend>(cuda::load_driver(), ordinal);
  }
  return *backend;
}

}  // namespace tendon
